/*
 * Flags of open(2), include/uapi/asm-generic/fcntl.h: the values of x86 and the generic ones.
 *
 * powerpc agrees on all but O_DIRECTORY, O_NOFOLLOW, O_LARGEFILE and O_DIRECT (arch/powerpc/include/uapi/asm/fcntl.h):
 * `powerpcOpenFlags` holds those four. The cxl driver looks at none of them except O_NONBLOCK, at each read.
 */

/** Open for reading only. Zero: test with O_ACCMODE. */
export const O_RDONLY = 0o0;
/** Open for writing only. */
export const O_WRONLY = 0o1;
/** Open for reading and writing. */
export const O_RDWR = 0o2;
/** The mask of the access mode, O_RDONLY, O_WRONLY or O_RDWR. */
export const O_ACCMODE = 0o3;
/** Create the file if it is not there. */
export const O_CREAT = 0o100;
/** With O_CREAT: fail if the file is there. */
export const O_EXCL = 0o200;
/** Do not become the controlling terminal. */
export const O_NOCTTY = 0o400;
/** Truncate the file. */
export const O_TRUNC = 0o1000;
/** Write at the end. */
export const O_APPEND = 0o2000;
/** Never sleep: a cxl read with nothing pending is EAGAIN. May be switched later by fcntl(2). */
export const O_NONBLOCK = 0o4000;
/** Synchronous data writes. */
export const O_DSYNC = 0o10000;
/** Bypass the page cache. powerpc: 0o400000. */
export const O_DIRECT = 0o40000;
/** File sizes above 2 GiB for 32-bit programs. powerpc: 0o200000. The kernel sets it for 64-bit ones. */
export const O_LARGEFILE = 0o100000;
/** Fail unless it is a directory. powerpc: 0o40000. */
export const O_DIRECTORY = 0o200000;
/** Fail if the last part of the path is a symbolic link. powerpc: 0o100000. */
export const O_NOFOLLOW = 0o400000;
/** Do not update the access time. */
export const O_NOATIME = 0o1000000;
/** Close the descriptor at exec. */
export const O_CLOEXEC = 0o2000000;
/** Synchronous writes: O_DSYNC and a bit of its own. */
export const O_SYNC = 0o4010000;
/** A descriptor for the path only. */
export const O_PATH = 0o10000000;

/** Every single-bit flag by name, for traces. */
export const OpenFlags = {
  O_WRONLY: 0o1,
  O_RDWR: 0o2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_TRUNC: 0o1000,
  O_APPEND: 0o2000,
  O_NONBLOCK: 0o4000,
  O_DSYNC: 0o10000,
  O_DIRECT: 0o40000,
  O_LARGEFILE: 0o100000,
  O_DIRECTORY: 0o200000,
  O_NOFOLLOW: 0o400000,
  O_NOATIME: 0o1000000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
} as const;

/** The four flags whose value differs on powerpc. */
export const powerpcOpenFlags = {
  O_DIRECTORY: 0o40000,
  O_NOFOLLOW: 0o100000,
  O_LARGEFILE: 0o200000,
  O_DIRECT: 0o400000,
} as const;
