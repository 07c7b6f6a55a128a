// /dev/fuse read by one fs.read that waits in libuv's thread pool: slower by a thread hop, but public API alone.
import { read } from 'node:fs';

import type { Transport } from '../types.ts';
import { RECEIVE_BUFFER } from '../wire.ts';
import { closeBacking, openBacking } from './backing.ts';
import { closeQuietly, isTransient, sendTo, unexpected } from './device.ts';

/**
 * Owns `fd`, which must be blocking. Exactly one read is parked at a time: the pool has four threads, and each parked read
 * takes one from everything else that uses fs or dns.
 */
export class ParkedTransport implements Transport {
  readonly #fd: number;
  readonly #abort: () => void;
  readonly #buffer: Uint8Array = new Uint8Array(RECEIVE_BUFFER);
  #started = false;
  #closed = false;

  /**
   * `abort` must end the connection from outside, because a parked read cannot be called back and keeps the connection
   * alive even when its descriptor is closed: write to /sys/fs/fuse/connections/N/abort, or umount -f.
   */
  constructor(fd: number, abort: () => void) {
    this.#fd = fd;
    this.#abort = abort;
  }

  start(onPacket: (packet: Uint8Array, length: number) => void, onClose: (error?: Error) => void): void {
    this.#started = true;
    const buffer = this.#buffer;
    const next = () => read(this.#fd, buffer, 0, buffer.byteLength, null, arrived);
    const arrived = (error: Error | null, length: number) => {
      if (!error && !this.#closed) {
        onPacket(buffer, length);
        next();
      } else if (error && !this.#closed && isTransient(error)) {
        next();
      } else {
        this.#closed = true;
        closeQuietly(this.#fd);
        onClose(error ? unexpected(error) : undefined);
      }
    };
    next();
  }

  send(bytes: Uint8Array, length: number): boolean {
    return !this.#closed && sendTo(this.#fd, bytes, length);
  }

  openBacking(fd: number): number {
    return openBacking(this.#fd, fd);
  }

  closeBacking(id: number): void {
    if (!this.#closed) closeBacking(this.#fd, id);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#started) this.#abort();
    else closeQuietly(this.#fd);
  }
}
