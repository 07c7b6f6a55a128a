import { Errno, errnoText, type ErrnoCode } from '../abi/errno.ts';

const brand = Symbol.for('afukit.CxlError');

/** Whatever was thrown, as text: an object may refuse to be made one. */
export function thrownText(error: unknown): string {
  try {
    return String(error);
  } catch {
    return 'an object that has no text';
  }
}

/** What a message says of something thrown: an error's own message, or its text. */
export function messageOf(error: unknown): string {
  return thrownText(error instanceof Error ? error.message : error);
}

/**
 * A system call's failure, in the shape of Node's own system errors: `code` is the errno's name, `errno` its negative
 * number and `syscall` the operation (`read`, `ioctl`, `open` ...).
 */
export class CxlError extends Error {
  readonly code: ErrnoCode;
  readonly errno: number;
  readonly syscall: string;

  /** @param detail what went wrong here and what to do, appended to the errno's own text */
  constructor(code: ErrnoCode, syscall: string, detail?: string, options?: ErrorOptions) {
    super(`${code}: ${errnoText(code)}, ${syscall}${detail ? `: ${detail}` : ''}`, options);
    this.code = code;
    this.errno = -Errno[code];
    this.syscall = syscall;
    Object.defineProperty(this, brand, { value: true });
  }

  // Two copies of the package in one process must agree on what a CxlError is.
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}
Object.defineProperty(CxlError.prototype, 'name', { value: 'CxlError' });
