// States as 64 bits each: a hash that is fed numbers, and a set of what was seen.

const FIRST = 0x2545f491;
const SECOND = 0x6a09e667;

/** 64 bits of everything that was added, in order: two lanes of 32 bits that share nothing but their input. */
export class Fingerprint {
  #a = FIRST;
  #b = SECOND;

  reset(): void {
    this.#a = FIRST;
    this.#b = SECOND;
  }

  /** Adds a whole number, of which the low 32 bits count. */
  add(value: number): void {
    let a = Math.imul(this.#a ^ value, 0x85eb_ca6b);
    a ^= a >>> 13;
    this.#a = (Math.imul(a, 0xc2b2_ae35) + 0x1b87_3593) | 0;
    let b = Math.imul(((this.#b << 13) | (this.#b >>> 19)) ^ value, 0xcc9e_2d51);
    b ^= b >>> 16;
    this.#b = (Math.imul(b, 0x1656_67b1) + 0x2c1b_3c6d) | 0;
  }

  /** Adds bytes with their number. */
  addBytes(bytes: Uint8Array): void {
    this.add(bytes.length);
    for (let i = 0; i < bytes.length; i++) this.add(bytes[i]!);
  }

  addText(text: string): void {
    this.add(text.length);
    for (let i = 0; i < text.length; i++) this.add(text.charCodeAt(i));
  }

  get high(): number {
    return finish(this.#a) >>> 0;
  }

  get low(): number {
    return finish(this.#b) >>> 0;
  }
}

function finish(lane: number): number {
  let h = lane ^ (lane >>> 16);
  h = Math.imul(h, 0x7feb_352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846c_a68b);
  return h ^ (h >>> 16);
}

/** What {@link StateSet.visit} answers for a state that was never seen. */
export const NEW = -1;

/**
 * The states seen, by their fingerprints, each with the actions that need not be explored from it (its sleep set) and the
 * least depth at which it was seen. 14 bytes a state, at most three quarters full.
 */
export class StateSet {
  #capacity = 1 << 12;
  #high: Uint32Array = new Uint32Array(this.#capacity);
  #low: Uint32Array = new Uint32Array(this.#capacity);
  #sleep: Uint32Array = new Uint32Array(this.#capacity);
  #depth: Uint16Array = new Uint16Array(this.#capacity);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Notes a state that was reached with the sleep set `sleep`. Returns {@link NEW}, or the actions that were asleep at
   * every earlier visit and are not now: these are left to explore (P. Godefroid, Partial-Order Methods, 1996, ch. 5).
   * @param shallow a state that was only seen deeper than now is explored once more, as a bound on the depth needs
   */
  visit(state: Fingerprint, sleep: number, depth: number, shallow: boolean): number {
    const { high } = state;
    // Both lanes 0 means an empty place.
    const low = state.low || 1;
    const at = this.#place(high, low);
    if (this.#low[at] === 0) {
      this.#high[at] = high;
      this.#low[at] = low;
      this.#sleep[at] = sleep;
      this.#depth[at] = depth;
      if (++this.#size * 4 > this.#capacity * 3) this.#grow();
      return NEW;
    }
    const before = this.#sleep[at]!;
    if (shallow && depth < this.#depth[at]!) {
      this.#depth[at] = depth;
      this.#sleep[at] = sleep;
      return 0x7fff_ffff;
    }
    this.#sleep[at] = before & sleep;
    return before & ~sleep;
  }

  #place(high: number, low: number): number {
    const mask = this.#capacity - 1;
    let at = (low ^ Math.imul(high, 0x9e37_79b1)) & mask;
    while (this.#low[at] !== 0 && (this.#low[at] !== low || this.#high[at] !== high)) at = (at + 1) & mask;
    return at;
  }

  #grow(): void {
    const [high, low, sleep, depth] = [this.#high, this.#low, this.#sleep, this.#depth];
    this.#capacity *= 2;
    this.#high = new Uint32Array(this.#capacity);
    this.#low = new Uint32Array(this.#capacity);
    this.#sleep = new Uint32Array(this.#capacity);
    this.#depth = new Uint16Array(this.#capacity);
    for (let i = 0; i < low.length; i++) {
      if (low[i] === 0) continue;
      const at = this.#place(high[i]!, low[i]!);
      this.#high[at] = high[i]!;
      this.#low[at] = low[i]!;
      this.#sleep[at] = sleep[i]!;
      this.#depth[at] = depth[i]!;
    }
  }
}
