// What an author of files implements (nodes, open files) and what the session hands to them (requests). No behaviour.

/**
 * What stat(2) reports about a node, apart from its type (which is the node's kind), its inode number and its times.
 * C original: `struct fuse_attr`, include/uapi/linux/fuse.h.
 */
export interface Attributes {
  /** Permission bits only, 0 to 0o7777 (`0o600`); the type bits come from the node's kind. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** st_size in bytes; default 0. Reads are not cut at it: every file is read directly from its handler. */
  readonly size?: number;
}

/**
 * One file of the tree. A node's identity is its object: the same object reached by two paths, or twice by one path, is the
 * same inode. So `lookup` must return the same object for as long as it means the same file.
 */
export type Node = DirectoryNode | FileNode | SymlinkNode;

export interface DirectoryNode {
  readonly kind: 'directory';
  attributes(): Attributes;
  /** The child of that name, or undefined (ENOENT). Never asked for '.' and '..'. May throw an error with an errno. */
  lookup(name: string): Node | undefined;
  /** All children for readdir(3), without '.' and '..'. Read through once at the start of each listing. */
  entries(): Iterable<readonly [string, Node]>;
}

export interface SymlinkNode {
  readonly kind: 'symlink';
  attributes(): Attributes;
  /** What readlink(2) gives: 1 to 4095 bytes of UTF-8. */
  target(): string;
}

export interface FileNode {
  readonly kind: 'file';
  /**
   * st_ino and readdir's d_ino, where these are to mean something: no other file of the tree may have the number, and what
   * is below 2^31 is given to files that name none. Default: the next of those.
   */
  readonly inode?: number | undefined;
  /**
   * 'unknown': readdir(3) does not say what it is (d_type DT_UNKNOWN), so that whoever wants to know asks stat(2). Default: a
   * regular file.
   */
  readonly listedAs?: 'unknown';
  /**
   * True: its open files may have a `backing`, which mmap(2) maps. The kernel then gets an inode of its own for each LOOKUP,
   * because an inode can have only one backing file while it is open; stat(2) and readdir(3) show one number all the same.
   * It costs a second LOOKUP each time that a path leads to the file again, and the name is never cached. While it is open
   * with a backing, opening the same inode again (through /proc/PID/fd) is EBUSY. Default false.
   */
  readonly mappable?: boolean;
  attributes(): Attributes;
  /**
   * One open(2). Throws a FuseError, or anything with a numeric `errno`, to refuse; an error without errno is EIO and one
   * warning.
   */
  open(request: OpenRequest): OpenFile;
}

/**
 * One open(2): what the kernel calls a file handle, shared by dup(2), fork(2) and descriptor passing.
 *
 * `read`, `write` and `ioctl` must do one of: answer (`reply`, `fail`), `park`, return a promise, or throw. Doing none of
 * them is answered EIO and reported. C original: `struct file_operations`, include/linux/fs.h.
 */
export interface OpenFile {
  /**
   * True: the file has a position and pread(2) works (opened with FOPEN_DIRECT_IO alone). Default false: a stream, where
   * lseek and pread are ESPIPE and two threads may read at once (FOPEN_NONSEEKABLE and FOPEN_STREAM as well).
   */
  readonly seekable?: boolean;
  /**
   * What mmap(2) maps instead of this file; only for a node that is `mappable`, and looked at once, when `open` returns. The
   * file is then seekable, whatever `seekable` says; read, write, poll and ioctl still come here. Where the kernel does not
   * do this (see docs/fuse.md) mmap is ENODEV, all else works, and the session warns once.
   */
  readonly backing?: Backing | undefined;
  /** Absent: read(2) is EINVAL. */
  read?(request: ReadRequest): void | Promise<void>;
  /** Absent: write(2) is EINVAL. */
  write?(request: WriteRequest): void | Promise<void>;
  /** Absent: ioctl(2) is ENOTTY. */
  ioctl?(request: IoctlRequest): void | Promise<void>;
  /**
   * The poll mask now (POLLIN 0x1, POLLPRI 0x2, POLLOUT 0x4, POLLERR 0x8, POLLHUP 0x10, POLLRDNORM 0x40, POLLWRNORM 0x100).
   * `events` is what the program asked for; the kernel masks the answer itself. Call `poller.notify()` whenever the mask
   * gains a bit. Absent: always POLLIN|POLLOUT|POLLRDNORM|POLLWRNORM, as the VFS does for files without poll.
   */
  poll?(events: number): number;
  /** The last close, exactly once; also when the connection goes away with the file still open. */
  release?(): void;
}

/** The memory behind mmap(2) of an open file. */
export interface Backing {
  /**
   * Descriptor of a regular file open for reading and writing: memfd_create(2), or a file on tmpfs. Its size is what can be
   * touched: access beyond it is SIGBUS. The session never closes it; the kernel keeps the file for as long as it is mapped.
   */
  readonly fd: number;
}

export interface OpenRequest {
  /** open(2) flags, without O_CREAT and O_EXCL: O_RDONLY, O_NONBLOCK, O_TRUNC ... */
  readonly flags: number;
  /** The opening process, as seen from our pid namespace; 0 when it is not visible there. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Wakes whoever sleeps in poll, select or epoll on this open file. */
  readonly poller: Poller;
}

/** The wake-up side of poll for one open file. */
export interface Poller {
  /**
   * Sends FUSE_NOTIFY_POLL if the kernel armed this open file, and disarms it (one shot: the kernel arms again with its next
   * poll request). Returns whether it did. Cheap when not armed: call it at every new event.
   */
  notify(): boolean;
}

/** What read, write and ioctl requests have in common. Exactly one answer is sent to the kernel for each. */
export interface Request {
  /** The calling thread's process, as seen from our pid namespace; 0 when it is not visible there. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Made on first use; aborted when the caller is interrupted or killed, and when the connection ends. */
  readonly signal: AbortSignal;
  /** True once an answer was sent or the request is gone. */
  readonly answered: boolean;
  /**
   * Answers a positive errno, 1 to 511. True when the kernel took the answer; false when the request was gone (interrupted,
   * killed, aborted) or answered before.
   */
  fail(errno: number): boolean;
  /**
   * The answer comes later, from anywhere. When the caller is interrupted or killed the session calls `cancel` and answers
   * EINTR at once; when the connection ends it calls `cancel` and answers nothing.
   */
  park(cancel: () => void): void;
}

export interface ReadRequest extends Request {
  /** The file's current flags: O_NONBLOCK is in them also when fcntl(2) set it after open. */
  readonly flags: number;
  /** File position in bytes; of no meaning for a stream. */
  readonly offset: number;
  /** How many bytes may be answered: 0 to 69632. A longer read(2) arrives in pieces. */
  readonly size: number;
  /** The session's shared reply buffer. Write the answer at `start`, then call `reply(length)`. */
  readonly buffer: Uint8Array;
  /** Offset in `buffer`; the 16 bytes of `struct fuse_out_header` sit in front of it. */
  readonly start: number;
  /**
   * Answers `length` bytes (0 to `size`; 0 is end of file) that were put into `buffer` at `start`: one write(2), nothing
   * copied. Valid only right after they were put there: any other answer in between uses the same buffer.
   */
  reply(length: number): boolean;
  /** Answers a copy of `bytes`, at most `size` long. */
  replyWith(bytes: Uint8Array): boolean;
}

export interface WriteRequest extends Request {
  readonly flags: number;
  readonly offset: number;
  /** What was written: a view of the receive buffer, 0 to 32768 bytes, valid in this tick only. */
  readonly data: Uint8Array;
  /** Answers how many bytes were taken, 0 to `data.length`. */
  reply(written: number): boolean;
}

/**
 * ioctl(2) in FUSE's restricted mode: direction and size come from the command number (_IOR, _IOW, _IOWR), the kernel copies
 * the argument in and out. C original: fs/fuse/ioctl.c, fuse_do_ioctl().
 */
export interface IoctlRequest extends Request {
  /** The command, unsigned 32 bits. */
  readonly command: number;
  /** The third argument of ioctl(2), an address of the caller's: exact below 2^53. */
  readonly argument: number;
  /** The argument's bytes if the command has _IOC_WRITE, else empty; a view, valid in this tick only. */
  readonly input: Uint8Array;
  /** How many bytes go back if the command has _IOC_READ, else 0. */
  readonly outputSize: number;
  /** Answers ioctl's return value (32 bits signed) and at most `outputSize` bytes for the caller's argument. */
  reply(result: number, output?: Uint8Array): boolean;
}

/** Where packets come from and answers go to. Packets are delivered whole, one at a time, never from inside `start`. */
export interface Transport {
  /** `packet` is reused for the next one: only its first `length` bytes count, and only during the call. */
  start(onPacket: (packet: Uint8Array, length: number) => void, onClose: (error?: Error) => void): void;
  /** Sends the first `length` bytes as one message. False: the kernel knows no such request any more (ENOENT). */
  send(bytes: Uint8Array, length: number): boolean;
  /** Ends the connection; `onClose` follows. Safe to call twice. */
  close(): void;
  /**
   * Registers the file behind `fd` for mmap(2): its backing id, above 0. Absent: this connection cannot.
   * C original: FUSE_DEV_IOC_BACKING_OPEN, include/uapi/linux/fuse.h.
   * @throws Error that says why it cannot be done
   */
  openBacking?(fd: number): number;
  /** Gives the id back. Open files and mappings keep what they have. C original: FUSE_DEV_IOC_BACKING_CLOSE. */
  closeBacking?(id: number): void;
}

export interface SessionOptions {
  /** Told once per fault of a handler or a packet. Default: `process.emitWarning` with the name FuseWarning. */
  onWarning?(message: string): void;
  /** Told one line per message in (`rx`) and out (`tx`). Costs nothing when absent. */
  trace?(line: string): void;
  /** Seconds that the kernel may keep a name without asking again; fractions allowed. Default 0. */
  entryTimeout?: number;
  /** Seconds that the kernel may keep attributes. Default 0. */
  attributeTimeout?: number;
}
