/** A run of bytes in a program's memory, and where they come from or go to in ours. */
export interface MemoryPiece {
  /** Effective address of the first byte, 0 to 2^64 - 1; `address + bytes.length` is at most 2^64. */
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

/**
 * Why an access cannot be made: `unmapped`: nothing is mapped there; `protected`: what is mapped there forbids it; `gone`:
 * the program, or the memory that it started the work with, is no more; `forbidden`: the system does not let us.
 */
export type AccessFailure = 'unmapped' | 'protected' | 'gone' | 'forbidden';

/**
 * The memory of the program that started the work, by effective address. It never is another program's: not after exec(2),
 * and not when the process is gone and its number used again. Page protections hold as for the program itself.
 */
export interface ProgramMemory {
  /** Copies from the program into the pieces, in order; returns how many bytes were copied before the first that could not be. */
  read(pieces: readonly MemoryPiece[]): number;
  /** Copies from the pieces to the program, in order; returns how many bytes were copied before the first that could not be. */
  write(pieces: readonly MemoryPiece[]): number;
  /** Why the byte at `address` could not be read, or written; undefined when it can be now. */
  failure(address: bigint, store: boolean): AccessFailure | undefined;
  /**
   * Replaces the word at `address` by `desired` if it is `expected`, atomically towards the program's own instructions, and
   * returns what it was. Undefined when the program has not mapped that memory shared (MAP_SHARED), and readable and
   * writable: then it cannot be done.
   * @param width 4 or 8 bytes, of which `address` is a multiple; in the host's byte order
   */
  compareExchange(address: bigint, width: 4 | 8, expected: bigint, desired: bigint): bigint | undefined;
  /** Why nothing can be accessed at all, and what to do about it: said when an access is `forbidden`. */
  readonly problem?: string | undefined;
  /** Lets go of what is held for the program. Everything after it is `gone`. */
  close(): void;
}
