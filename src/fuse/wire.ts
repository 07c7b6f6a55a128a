// What crosses /dev/fuse, under the kernel's names: numbers and struct layouts. No behaviour, no imports.
// C original: include/uapi/linux/fuse.h. test/fuse/layout.test.ts holds this against the header with a C compiler.

export const FUSE_KERNEL_VERSION = 7;

/**
 * The minor we announce. 40 is the newest whose messages are all laid out below; the kernel then talks the smaller of the two.
 * What we need of them: 31 for FOPEN_STREAM (two readers on one descriptor), 36 for `flags2`, 40 for FOPEN_PASSTHROUGH (mmap).
 */
export const FUSE_KERNEL_MINOR_VERSION = 40;

/** The oldest kernel minor served (Linux 5.2): without FOPEN_STREAM a sleeping reader would lock out every other. */
export const FUSE_OLDEST_MINOR_VERSION = 31;

export const FUSE_ROOT_ID = 1;

/** Readdir's inode number for "not known": glibc skips entries with 0. */
export const FUSE_UNKNOWN_INO = 0xffffffff;

/** libuv reads at most this much at once, so a longer packet could not arrive whole. */
export const RECEIVE_BUFFER = 65536;

/**
 * Longest WRITE. The kernel refuses reads (EINVAL) into buffers shorter than max_write plus the headers, so it must stay well
 * below RECEIVE_BUFFER.
 */
export const MAX_WRITE = 32768;

/** Most pages of one request: 64 KiB wherever they begin in a page. Also holds the longest ioctl argument (16383 bytes). */
export const MAX_PAGES = 17;

/**
 * Backing files may lie on plain file systems (tmpfs, ext4), not on stacked ones (overlayfs); 0 would refuse every one.
 * C original: fs/fuse/backing.c, fuse_backing_open().
 */
export const MAX_STACK_DEPTH = 1;

/** Longest READ. */
export const MAX_READ = 69632;

export const FuseOpcode = {
  FUSE_LOOKUP: 1,
  FUSE_FORGET: 2,
  FUSE_GETATTR: 3,
  FUSE_SETATTR: 4,
  FUSE_READLINK: 5,
  FUSE_SYMLINK: 6,
  FUSE_MKNOD: 8,
  FUSE_MKDIR: 9,
  FUSE_UNLINK: 10,
  FUSE_RMDIR: 11,
  FUSE_RENAME: 12,
  FUSE_LINK: 13,
  FUSE_OPEN: 14,
  FUSE_READ: 15,
  FUSE_WRITE: 16,
  FUSE_STATFS: 17,
  FUSE_RELEASE: 18,
  FUSE_FSYNC: 20,
  FUSE_SETXATTR: 21,
  FUSE_GETXATTR: 22,
  FUSE_LISTXATTR: 23,
  FUSE_REMOVEXATTR: 24,
  FUSE_FLUSH: 25,
  FUSE_INIT: 26,
  FUSE_OPENDIR: 27,
  FUSE_READDIR: 28,
  FUSE_RELEASEDIR: 29,
  FUSE_FSYNCDIR: 30,
  FUSE_GETLK: 31,
  FUSE_SETLK: 32,
  FUSE_SETLKW: 33,
  FUSE_ACCESS: 34,
  FUSE_CREATE: 35,
  FUSE_INTERRUPT: 36,
  FUSE_BMAP: 37,
  FUSE_DESTROY: 38,
  FUSE_IOCTL: 39,
  FUSE_POLL: 40,
  FUSE_NOTIFY_REPLY: 41,
  FUSE_BATCH_FORGET: 42,
  FUSE_FALLOCATE: 43,
  FUSE_READDIRPLUS: 44,
  FUSE_RENAME2: 45,
  FUSE_LSEEK: 46,
  FUSE_COPY_FILE_RANGE: 47,
  FUSE_SETUPMAPPING: 48,
  FUSE_REMOVEMAPPING: 49,
  FUSE_SYNCFS: 50,
  FUSE_TMPFILE: 51,
} as const;
export type FuseOpcode = (typeof FuseOpcode)[keyof typeof FuseOpcode];

export const FuseNotifyCode = {
  FUSE_NOTIFY_POLL: 1,
  FUSE_NOTIFY_INVAL_INODE: 2,
  FUSE_NOTIFY_INVAL_ENTRY: 3,
  FUSE_NOTIFY_STORE: 4,
  FUSE_NOTIFY_RETRIEVE: 5,
  FUSE_NOTIFY_DELETE: 6,
} as const;
export type FuseNotifyCode = (typeof FuseNotifyCode)[keyof typeof FuseNotifyCode];

/** INIT `flags`: bits 0 to 31. FUSE_INIT_RESERVED (31) has no meaning and is left out. */
export const FuseInitFlag = {
  FUSE_ASYNC_READ: 0x00000001,
  FUSE_POSIX_LOCKS: 0x00000002,
  FUSE_FILE_OPS: 0x00000004,
  FUSE_ATOMIC_O_TRUNC: 0x00000008,
  FUSE_EXPORT_SUPPORT: 0x00000010,
  FUSE_BIG_WRITES: 0x00000020,
  FUSE_DONT_MASK: 0x00000040,
  FUSE_SPLICE_WRITE: 0x00000080,
  FUSE_SPLICE_MOVE: 0x00000100,
  FUSE_SPLICE_READ: 0x00000200,
  FUSE_FLOCK_LOCKS: 0x00000400,
  FUSE_HAS_IOCTL_DIR: 0x00000800,
  FUSE_AUTO_INVAL_DATA: 0x00001000,
  FUSE_DO_READDIRPLUS: 0x00002000,
  FUSE_READDIRPLUS_AUTO: 0x00004000,
  FUSE_ASYNC_DIO: 0x00008000,
  FUSE_WRITEBACK_CACHE: 0x00010000,
  FUSE_NO_OPEN_SUPPORT: 0x00020000,
  FUSE_PARALLEL_DIROPS: 0x00040000,
  FUSE_HANDLE_KILLPRIV: 0x00080000,
  FUSE_POSIX_ACL: 0x00100000,
  FUSE_ABORT_ERROR: 0x00200000,
  FUSE_MAX_PAGES: 0x00400000,
  FUSE_CACHE_SYMLINKS: 0x00800000,
  FUSE_NO_OPENDIR_SUPPORT: 0x01000000,
  FUSE_EXPLICIT_INVAL_DATA: 0x02000000,
  FUSE_MAP_ALIGNMENT: 0x04000000,
  FUSE_SUBMOUNTS: 0x08000000,
  FUSE_HANDLE_KILLPRIV_V2: 0x10000000,
  FUSE_SETXATTR_EXT: 0x20000000,
  FUSE_INIT_EXT: 0x40000000,
} as const;

/** INIT `flags2`: the kernel's bits 32 to 63, shifted down by 32. */
export const FuseInitFlag2 = {
  FUSE_SECURITY_CTX: 0x001,
  FUSE_HAS_INODE_DAX: 0x002,
  FUSE_CREATE_SUPP_GROUP: 0x004,
  FUSE_HAS_EXPIRE_ONLY: 0x008,
  FUSE_DIRECT_IO_ALLOW_MMAP: 0x010,
  FUSE_PASSTHROUGH: 0x020,
  FUSE_NO_EXPORT_SUPPORT: 0x040,
  FUSE_HAS_RESEND: 0x080,
  FUSE_ALLOW_IDMAP: 0x100,
  FUSE_OVER_IO_URING: 0x200,
  FUSE_REQUEST_TIMEOUT: 0x400,
} as const;

export const FuseOpenFlag = {
  FOPEN_DIRECT_IO: 0x01,
  FOPEN_KEEP_CACHE: 0x02,
  FOPEN_NONSEEKABLE: 0x04,
  FOPEN_CACHE_DIR: 0x08,
  FOPEN_STREAM: 0x10,
  FOPEN_NOFLUSH: 0x20,
  FOPEN_PARALLEL_DIRECT_WRITES: 0x40,
  FOPEN_PASSTHROUGH: 0x80,
} as const;

export const FuseIoctlFlag = {
  FUSE_IOCTL_COMPAT: 0x01,
  FUSE_IOCTL_UNRESTRICTED: 0x02,
  FUSE_IOCTL_RETRY: 0x04,
  FUSE_IOCTL_32BIT: 0x08,
  FUSE_IOCTL_DIR: 0x10,
  FUSE_IOCTL_COMPAT_X32: 0x20,
} as const;

export const FusePollFlag = { FUSE_POLL_SCHEDULE_NOTIFY: 0x1 } as const;

export const FuseAttrValid = {
  FATTR_MODE: 0x001,
  FATTR_UID: 0x002,
  FATTR_GID: 0x004,
  FATTR_SIZE: 0x008,
  FATTR_ATIME: 0x010,
  FATTR_MTIME: 0x020,
  FATTR_FH: 0x040,
  FATTR_ATIME_NOW: 0x080,
  FATTR_MTIME_NOW: 0x100,
  FATTR_LOCKOWNER: 0x200,
  FATTR_CTIME: 0x400,
  FATTR_KILL_SUIDGID: 0x800,
} as const;

/** st_mode type bits by node kind. C original: S_IFDIR, S_IFREG, S_IFLNK of include/uapi/linux/stat.h. */
export const TypeBits = { directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const;

/** poll(2) bits. C original: EPOLLIN ... of include/uapi/linux/eventpoll.h. */
export const Poll = {
  POLLIN: 0x001,
  POLLPRI: 0x002,
  POLLOUT: 0x004,
  POLLERR: 0x008,
  POLLHUP: 0x010,
  POLLNVAL: 0x020,
  POLLRDNORM: 0x040,
  POLLRDBAND: 0x080,
  POLLWRNORM: 0x100,
  POLLWRBAND: 0x200,
  POLLRDHUP: 0x2000,
} as const;

/** What the VFS reports for files without poll. C original: DEFAULT_POLLMASK, include/linux/poll.h. */
export const DEFAULT_POLLMASK = 0x145;

/**
 * Byte offsets of the fields that are used, and SIZE of the whole struct. Request and answer bodies start after their header.
 * NOTE: in `fuse_dirent`, SIZE is where the name begins, FUSE_NAME_OFFSET.
 */
export const fuse_in_header = {
  SIZE: 40,
  len: 0,
  opcode: 4,
  unique: 8,
  nodeid: 16,
  uid: 24,
  gid: 28,
  pid: 32,
} as const;
export const fuse_out_header = { SIZE: 16, len: 0, error: 4, unique: 8 } as const;
export const fuse_init_in = { SIZE: 64, major: 0, minor: 4, max_readahead: 8, flags: 12, flags2: 16 } as const;
export const fuse_init_out = {
  SIZE: 64,
  major: 0,
  minor: 4,
  max_readahead: 8,
  flags: 12,
  max_background: 16,
  congestion_threshold: 18,
  max_write: 20,
  time_gran: 24,
  max_pages: 28,
  map_alignment: 30,
  flags2: 32,
  max_stack_depth: 36,
} as const;
export const fuse_attr = {
  SIZE: 88,
  ino: 0,
  size: 8,
  blocks: 16,
  atime: 24,
  mtime: 32,
  ctime: 40,
  atimensec: 48,
  mtimensec: 52,
  ctimensec: 56,
  mode: 60,
  nlink: 64,
  uid: 68,
  gid: 72,
  rdev: 76,
  blksize: 80,
  flags: 84,
} as const;
export const fuse_entry_out = {
  SIZE: 128,
  nodeid: 0,
  generation: 8,
  entry_valid: 16,
  attr_valid: 24,
  entry_valid_nsec: 32,
  attr_valid_nsec: 36,
  attr: 40,
} as const;
export const fuse_attr_out = { SIZE: 104, attr_valid: 0, attr_valid_nsec: 8, attr: 16 } as const;
export const fuse_forget_in = { SIZE: 8, nlookup: 0 } as const;
export const fuse_forget_one = { SIZE: 16, nodeid: 0, nlookup: 8 } as const;
export const fuse_batch_forget_in = { SIZE: 8, count: 0 } as const;
export const fuse_getattr_in = { SIZE: 16, getattr_flags: 0, fh: 8 } as const;
export const fuse_setattr_in = { SIZE: 88, valid: 0, fh: 8, size: 16, mode: 68, uid: 76, gid: 80 } as const;
export const fuse_open_in = { SIZE: 8, flags: 0, open_flags: 4 } as const;
export const fuse_open_out = { SIZE: 16, fh: 0, open_flags: 8, backing_id: 12 } as const;
export const fuse_release_in = { SIZE: 24, fh: 0, flags: 8, release_flags: 12, lock_owner: 16 } as const;
export const fuse_flush_in = { SIZE: 24, fh: 0 } as const;
export const fuse_read_in = {
  SIZE: 40,
  fh: 0,
  offset: 8,
  size: 16,
  read_flags: 20,
  lock_owner: 24,
  flags: 32,
} as const;
export const fuse_write_in = {
  SIZE: 40,
  fh: 0,
  offset: 8,
  size: 16,
  write_flags: 20,
  lock_owner: 24,
  flags: 32,
} as const;
export const fuse_write_out = { SIZE: 8, size: 0 } as const;
export const fuse_kstatfs = { SIZE: 80, bsize: 40, namelen: 44, frsize: 48 } as const;
export const fuse_ioctl_in = { SIZE: 32, fh: 0, flags: 8, cmd: 12, arg: 16, in_size: 24, out_size: 28 } as const;
export const fuse_ioctl_out = { SIZE: 16, result: 0, flags: 4, in_iovs: 8, out_iovs: 12 } as const;
export const fuse_poll_in = { SIZE: 24, fh: 0, kh: 8, flags: 16, events: 20 } as const;
export const fuse_poll_out = { SIZE: 8, revents: 0 } as const;
export const fuse_notify_poll_wakeup_out = { SIZE: 8, kh: 0 } as const;
export const fuse_interrupt_in = { SIZE: 8, unique: 0 } as const;
export const fuse_dirent = { SIZE: 24, ino: 0, off: 8, namelen: 16, type: 20 } as const;

/** The argument of the ioctl FUSE_DEV_IOC_BACKING_OPEN on /dev/fuse. */
export const fuse_backing_map = { SIZE: 16, fd: 0, flags: 4, padding: 8 } as const;

/** INIT before minor 36 ends after `flags`. */
export const FUSE_INIT_IN_SHORT = 16;
