import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

import { FuseError } from '../fuse/index.ts';
import { MAP_ANONYMOUS, MAP_FAILED, MAP_FIXED, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE, libc } from './libc.ts';

/** linux/memfd.h and fcntl.h; the same on every Linux that Node runs on. */
const MFD_CLOEXEC = 1;
const F_SETSIG = 10;
const F_SETLEASE = 1024;
const F_WRLCK = 1;
const F_UNLCK = 2;

const NONE = new Uint8Array(0);

interface Range {
  readonly address: bigint;
  readonly length: number;
}

/** Address ranges whose views nobody can reach any more. */
const retired = new FinalizationRegistry<Range>(({ address, length }) => void libc().munmap(address, length));

/**
 * Memory that this process and the programs that map its file see at once: give `fd` to an open file as its `backing`.
 *
 * `bytes` is the memory itself. A store by either side is seen by the other as by another thread, with no order between
 * stores of more than one aligned word. Ask for `bytes` anew after each `resize` and `close`: an older view is safe to touch
 * but no longer shared, its content is gone. Pages come into being, zeroed, when they are first touched.
 */
export class SharedMemory implements Disposable {
  #fd: number;
  #bytes: Uint8Array = NONE;
  #address = 0n;

  /**
   * @param size in bytes, 0 or more; programs map whole pages, of which the rest is zero
   * @param name what /proc/PID/maps shows after `memfd:`, at most 249 bytes
   * @throws Error with `code` and `errno` (EMFILE, ENFILE, ENOMEM, EFBIG); RangeError for a size that is none
   */
  constructor(size: number, name: string = 'afukit') {
    const created = libc().memfd_create(name, MFD_CLOEXEC);
    if (created < 0) throw failed('memfd_create');
    try {
      // Opened by path it counts as one writer of its own, which memfd_create's does not: mappedElsewhere lives on it.
      this.#fd = openSync(`/proc/self/fd/${created}`, 'r+');
    } finally {
      closeSync(created);
    }
    try {
      this.resize(size);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A descriptor of the memory, close-on-exec; -1 after `close`. */
  get fd(): number {
    return this.#fd;
  }

  /** All of it; empty when of size 0 or closed. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /**
   * Makes it that many bytes long; what is added reads 0. What programs have mapped beyond the new end is SIGBUS for them
   * at their next access, until the size covers it again.
   * @throws Error with `code` and `errno` (EBADF after `close`, ENOMEM, EFBIG); RangeError for a size that is none
   */
  resize(size: number): void {
    if (!Number.isSafeInteger(size) || size < 0) throw new RangeError(`SharedMemory: ${size} is not a size in bytes`);
    if (this.#fd < 0) throw new FuseError('EBADF', 'ftruncate');
    // First, or our own next access would be the SIGBUS.
    this.#retire();
    ftruncateSync(this.#fd, size);
    if (size === 0) return;
    const address = libc().mmap(0n, size, PROT_READ | PROT_WRITE, MAP_SHARED, this.#fd, 0n);
    if (address === MAP_FAILED) throw failed('mmap');
    this.#address = address;
    this.#bytes = new Uint8Array(libc().view(address, size));
  }

  /** Every byte of it becomes `byte`, 0 to 255. */
  fill(byte: number): void {
    this.#bytes.fill(byte);
  }

  /**
   * Whether anybody but this process has the memory mapped, in any way, or has a file open that it is the backing of. The
   * kernel lets go a little late: inside `release` of the open file it may be true although nothing is mapped any more, so
   * ask again after some microseconds. Costs three system calls.
   *
   * C original: an F_WRLCK lease is given only to the one who has the file open; fs/locks.c, check_conflicting_open().
   * @throws FuseError EACCES when this process has changed its user id since
   */
  mappedElsewhere(): boolean {
    if (this.#fd < 0) return false;
    const c = libc();
    // Who opens the file while the lease lasts makes the kernel send a signal: one that does nothing, in place of SIGIO.
    c.fcntl(this.#fd, F_SETSIG, constants.signals.SIGURG);
    if (c.fcntl(this.#fd, F_SETLEASE, F_WRLCK) === 0) {
      c.fcntl(this.#fd, F_SETLEASE, F_UNLCK);
      return false;
    }
    if (c.errno() !== constants.errno.EAGAIN) throw failed('fcntl');
    return true;
  }

  /** Lets go of it; programs keep what they have mapped. Safe to call twice. */
  close(): void {
    if (this.#fd < 0) return;
    const fd = this.#fd;
    this.#fd = -1;
    try {
      this.#retire();
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Takes our own mapping away. Views of it may be anywhere, so its addresses get private memory in place of the shared,
   * and are given back to the kernel when the last view is gone.
   */
  #retire(): void {
    const { buffer, byteLength: length } = this.#bytes;
    if (length === 0) return;
    const address = this.#address;
    const flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
    const replaced = libc().mmap(address, length, PROT_READ | PROT_WRITE, flags, -1, 0n);
    if (replaced === MAP_FAILED) throw failed('mmap');
    retired.register(buffer, { address, length });
    this.#bytes = NONE;
  }
}

/** The error of the call that just failed. */
function failed(syscall: string): FuseError {
  return new FuseError(getSystemErrorName(-libc().errno()), syscall);
}
