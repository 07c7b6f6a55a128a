import { endianness } from 'node:os';

const [LOW, HIGH] = endianness() === 'LE' ? [0, 1] : [1, 0];
const TWO_32 = 0x1_0000_0000;

/** A time as the event's payload holds it: CLOCK_MONOTONIC in nanoseconds, u64, host byte order. */
export class Stamp {
  static readonly SIZE = 8;
  readonly #bytes = new Uint8Array(Stamp.SIZE);
  readonly #words = new Uint32Array(this.#bytes.buffer);

  /**
   * process.hrtime() is CLOCK_MONOTONIC (uv_hrtime), and as two numbers it needs no bigint. Their sum is exact until the
   * machine has been up for 104 days (2^53 ns) and then off by a nanosecond or two.
   */
  now(): void {
    const [seconds, nanoseconds] = process.hrtime();
    const time = seconds * 1e9 + nanoseconds;
    this.#words[HIGH] = Math.floor(time / TWO_32);
    this.#words[LOW] = time % TWO_32;
  }

  copyTo(buffer: Uint8Array, offset: number): void {
    const bytes = this.#bytes;
    for (let i = 0; i < Stamp.SIZE; i++) buffer[offset + i] = bytes[i]!;
  }
}
