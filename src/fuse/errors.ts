// Errors with an errno, as Node's own system errors have: negative `errno`, `code`, `syscall`.
import { constants } from 'node:os';

const numbers: Readonly<Record<string, number>> = constants.errno;

/** What the kernel accepts in an answer: 1 to 511 (from 512 on are its own restart codes). fs/fuse/dev.c. */
const MAX_ERRNO = 511;

/** Thrown by nodes and handlers to answer an errno without a warning. */
export class FuseError extends Error {
  /** 'EBUSY'. */
  readonly code: string;
  /** Negative, as in Node's system errors: -16. */
  readonly errno: number;
  /** The call that failed, 'open', when known. */
  readonly syscall: string;

  /** @throws TypeError when `code` is not an errno name of this platform */
  constructor(code: string, syscall = '', message?: string) {
    const number = numbers[code];
    if (number === undefined) throw new TypeError(`FuseError: "${code}" is not an errno name`);
    super(message ?? (syscall ? `${code}: ${syscall}` : code));
    this.name = 'FuseError';
    this.code = code;
    this.errno = -number;
    this.syscall = syscall;
  }
}

/** The positive errno in a thrown value's numeric `errno` (of either sign), or undefined when it has none. */
export function errnoOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  let errno: unknown;
  try {
    ({ errno } = error as { errno?: unknown });
  } catch {
    return undefined;
  }
  if (typeof errno !== 'number' || !Number.isInteger(errno) || errno === 0) return undefined;
  const positive = Math.abs(errno);
  return positive <= MAX_ERRNO ? positive : undefined;
}

/** Whatever was thrown, as text: an object may refuse to be made one. */
export function thrownText(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'an object that has no text';
  }
}

/** Whether the kernel takes this number as an answer. */
export function isErrno(errno: number): boolean {
  return Number.isInteger(errno) && errno > 0 && errno <= MAX_ERRNO;
}

const names = new Map(Object.entries(numbers).map(([name, number]) => [number, name]));

/** 'ENOENT' for 2; the number itself when it has no name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? String(errno);
}

/** Why a mount failed: what is wrong and what to do about it, on one line. */
export class MountError extends Error {
  /**
   * ENODEV (no /dev/fuse), EACCES (not allowed), ENOENT, ENOTDIR, ENOTEMPTY, EBUSY (the mount point), ENOEXEC (a helper
   * program or koffi is missing), EPROTO (kernel too old), EIO (anything else).
   */
  readonly code: MountErrorCode;

  constructor(code: MountErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'MountError';
    this.code = code;
  }
}

export type MountErrorCode =
  | 'ENODEV'
  | 'EACCES'
  | 'ENOENT'
  | 'ENOTDIR'
  | 'ENOTEMPTY'
  | 'EBUSY'
  | 'ENOEXEC'
  | 'EPROTO'
  | 'EIO';
