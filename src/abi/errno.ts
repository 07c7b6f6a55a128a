import { keysOf } from './tables.ts';

/*
 * The one table: code, Linux number, short text. The numbers are those of include/uapi/asm-generic/errno-base.h and
 * errno.h; powerpc uses the same files and renumbers only EDEADLOCK, which is not here. ERESTARTSYS is not here either:
 * it never reaches a program, which sees EINTR or a restarted call.
 */
const table = {
  EPERM: { errno: 1, text: 'operation not permitted' },
  ENOENT: { errno: 2, text: 'no such file or directory' },
  ESRCH: { errno: 3, text: 'no such process' },
  EINTR: { errno: 4, text: 'interrupted system call' },
  EIO: { errno: 5, text: 'i/o error' },
  ENXIO: { errno: 6, text: 'no such device or address' },
  E2BIG: { errno: 7, text: 'argument list too long' },
  EBADF: { errno: 9, text: 'bad file descriptor' },
  ECHILD: { errno: 10, text: 'no child process' },
  EAGAIN: { errno: 11, text: 'resource temporarily unavailable' },
  ENOMEM: { errno: 12, text: 'not enough memory' },
  EACCES: { errno: 13, text: 'permission denied' },
  EFAULT: { errno: 14, text: 'bad address' },
  EBUSY: { errno: 16, text: 'device or resource busy' },
  EEXIST: { errno: 17, text: 'file already exists' },
  EXDEV: { errno: 18, text: 'cross-device link' },
  ENODEV: { errno: 19, text: 'no such device' },
  ENOTDIR: { errno: 20, text: 'not a directory' },
  EISDIR: { errno: 21, text: 'is a directory' },
  EINVAL: { errno: 22, text: 'invalid argument' },
  ENFILE: { errno: 23, text: 'too many open files in the system' },
  EMFILE: { errno: 24, text: 'too many open files' },
  ENOTTY: { errno: 25, text: 'inappropriate ioctl for the device' },
  ETXTBSY: { errno: 26, text: 'text file busy' },
  EFBIG: { errno: 27, text: 'file too large' },
  ENOSPC: { errno: 28, text: 'no space left on device' },
  ESPIPE: { errno: 29, text: 'illegal seek' },
  EROFS: { errno: 30, text: 'read-only file system' },
  EMLINK: { errno: 31, text: 'too many links' },
  EPIPE: { errno: 32, text: 'broken pipe' },
  EDOM: { errno: 33, text: 'argument out of domain' },
  ERANGE: { errno: 34, text: 'result out of range' },
  EDEADLK: { errno: 35, text: 'resource deadlock avoided' },
  ENAMETOOLONG: { errno: 36, text: 'name too long' },
  ENOSYS: { errno: 38, text: 'function not implemented' },
  ENOTEMPTY: { errno: 39, text: 'directory not empty' },
  ELOOP: { errno: 40, text: 'too many symbolic links' },
  ENODATA: { errno: 61, text: 'no data available' },
  ETIME: { errno: 62, text: 'timer expired' },
  EPROTO: { errno: 71, text: 'protocol error' },
  EBADMSG: { errno: 74, text: 'bad message' },
  EOVERFLOW: { errno: 75, text: 'value too large for the type' },
  EILSEQ: { errno: 84, text: 'illegal byte sequence' },
  EMSGSIZE: { errno: 90, text: 'message too long' },
  EOPNOTSUPP: { errno: 95, text: 'operation not supported' },
  ECONNABORTED: { errno: 103, text: 'connection aborted' },
  ECONNRESET: { errno: 104, text: 'connection reset by peer' },
  ENOBUFS: { errno: 105, text: 'no buffer space available' },
  ENOTCONN: { errno: 107, text: 'not connected' },
  ESHUTDOWN: { errno: 108, text: 'endpoint was shut down' },
  ETIMEDOUT: { errno: 110, text: 'timed out' },
  ECONNREFUSED: { errno: 111, text: 'connection refused' },
  EALREADY: { errno: 114, text: 'operation already in progress' },
  EINPROGRESS: { errno: 115, text: 'operation in progress' },
  ESTALE: { errno: 116, text: 'stale file handle' },
  EREMOTEIO: { errno: 121, text: 'remote i/o error' },
  ECANCELED: { errno: 125, text: 'operation canceled' },
} as const;

type Table = typeof table;
type Numbers = { readonly [C in keyof Table]: Table[C]['errno'] };

/** The name of a Linux error, as in errno.h: `'EIO'`. */
export type ErrnoCode = keyof Table;

/** One error number of {@link Errno}: positive, as user space sees it in `errno`. */
export type Errno = Numbers[ErrnoCode];

const entries: readonly [string, { readonly errno: number }][] = Object.entries(table);

/** The number of each error, positive, as user space sees it in `errno`: `Errno.EIO === 5`. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fromEntries forgets which key has which value
export const Errno: Numbers = Object.freeze(
  Object.fromEntries(entries.map(([code, { errno }]) => [code, errno])),
) as Numbers;

const byNumber: ReadonlyMap<number, ErrnoCode> = new Map(keysOf(table).map(code => [table[code].errno, code]));

/** The code of an error number, or undefined if the table lacks it. Takes the kernel's negative form too: -5 is EIO. */
export function errnoCode(n: number): ErrnoCode | undefined {
  return byNumber.get(Math.abs(n));
}

/** A short text for a code, in lower case and without a full stop, to be used inside a message. */
export function errnoText(code: ErrnoCode): string {
  return table[code].text;
}
