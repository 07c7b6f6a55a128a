/** Decisions that a seed repeats. xorshift32 over a splitmix32 of the seed, so that neighbouring seeds differ at once. */
export class Random {
  #state: number;

  constructor(seed: number) {
    let z = (seed + 0x9e37_79b9) | 0;
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
    this.#state = (z ^ (z >>> 16)) >>> 0 || 1;
  }

  /** A whole number from 0 to `bound` less one. */
  below(bound: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state % bound;
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True once in `of` times. */
  once(of: number): boolean {
    return this.below(of) === 0;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}
