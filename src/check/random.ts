/** Numbers that look random and are the same for the same seed (xorshift32). */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (Math.imul(seed + 1, 0x9e37_79b1) ^ 0x5bf0_3635) | 0 || 1;
  }

  /** A whole number from 0 to `count` - 1. */
  below(count: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % count;
  }

  /** One of the bits that are set in `mask`, which is not 0. */
  bitOf(mask: number): number {
    let nth = this.below(bitCount(mask));
    for (let bit = 0; ; bit++) if ((mask & (1 << bit)) !== 0 && nth-- === 0) return bit;
  }
}

export function bitCount(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
