import type { Window } from '../core/index.ts';

/** One context's window while its work is started. */
export interface OpenWindow {
  readonly place: Window;
  readonly bytes: Uint8Array;
}

/** A part of an AFU's problem state area that two contexts see, each in memory of its own. */
class Overlap {
  readonly #one: Int32Array;
  readonly #other: Int32Array;
  /** What both held when they were last the same. */
  readonly #same: Int32Array;

  readonly windows: readonly OpenWindow[];

  constructor(windows: readonly OpenWindow[], one: Uint8Array, other: Uint8Array) {
    this.windows = windows;
    this.#one = words(one);
    this.#other = words(other);
    this.#other.set(this.#one);
    this.#same = this.#one.slice();
  }

  /** Carries what either side has changed over to the other; where both have, the first one's stays. */
  carry(): void {
    for (const [from, to] of [
      [this.#one, this.#other],
      [this.#other, this.#one],
    ] as const) {
      if (bytes(from).compare(bytes(this.#same)) === 0) continue;
      for (let i = 0; i < from.length; i++) {
        const word = from[i]!;
        if (word === this.#same[i]) continue;
        this.#same[i] = word;
        to[i] = word;
      }
    }
  }
}

function words({ buffer, byteOffset, length }: Uint8Array): Int32Array {
  return new Int32Array(buffer, byteOffset, length >> 2);
}

function bytes({ buffer, byteOffset, byteLength }: Int32Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

const PERIOD_MS = 1;

/**
 * Keeps the windows of one AFU alike where they overlap: a master sees the slaves' windows in its own, and two masters the
 * same area. Every context has memory of its own, because the kernel maps a file from its beginning; so a store reaches the
 * others within a millisecond. Costs nothing while no two windows overlap.
 */
export class AreaMirror {
  readonly #windows = new Set<OpenWindow>();
  readonly #overlaps = new Set<Overlap>();
  #timer: NodeJS.Timeout | undefined;

  /** A smaller window is new to the larger one, which takes over what it holds; a larger one takes over what is there. */
  add(window: OpenWindow): void {
    for (const other of this.#windows) {
      const overlap = overlapOf(window, other);
      if (overlap) this.#overlaps.add(overlap);
    }
    this.#windows.add(window);
    if (this.#overlaps.size > 0) {
      this.#timer ??= setInterval(() => {
        for (const overlap of this.#overlaps) overlap.carry();
      }, PERIOD_MS);
    }
  }

  delete(window: OpenWindow): void {
    this.#windows.delete(window);
    for (const overlap of this.#overlaps) if (overlap.windows.includes(window)) this.#overlaps.delete(overlap);
    if (this.#overlaps.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function overlapOf(fresh: OpenWindow, old: OpenWindow): Overlap | undefined {
  const start = Math.max(fresh.place.offset, old.place.offset);
  const end = Math.min(fresh.place.offset + fresh.place.size, old.place.offset + old.place.size);
  if (start >= end) return undefined;
  const part = ({ place, bytes: all }: OpenWindow): Uint8Array =>
    all.subarray(start - place.offset, end - place.offset);
  const [from, to] = fresh.place.size < old.place.size ? [fresh, old] : [old, fresh];
  return new Overlap([from, to], part(from), part(to));
}
