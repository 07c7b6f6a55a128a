// Asking /dev/fuse again for a moment before the event loop sleeps: waking a sleeping CPU costs more than most requests.
import { koffi } from './koffi.ts';

/**
 * So many requests within so many milliseconds are a busy client. One that is woken now and then is none: it would be put on
 * another CPU than ours while we keep that awake, and be slower there.
 */
export const MANY = 16;
export const BUSY_MS = 2;
/** How long the next request may take to come, in milliseconds. */
export const WINDOW = 0.05;
/** The event loop has timers and other files to look after: after so long it gets its turn, however many requests come. */
export const LONGEST = 0.1;
/** Of any stretch of time at most this part is waited in vain, beyond what was saved up, which is `MOST_CREDIT`. */
export const SHARE = 0.1;
export const MOST_CREDIT = 1;

/** Waits for requests without sleeping, for as long as that pays. Without requests it does nothing at all. */
export class Spinner {
  readonly #read: () => number;
  readonly #now: () => number;
  /** Milliseconds that may still be waited in vain. */
  #credit = 0;
  #counted: number;
  #busy = false;
  /** Requests since `#countedFrom`, fewer than `MANY`. */
  #count = 0;
  #countedFrom: number;

  /** @param read one packet into the buffer, its length; 0 or less: none is there @param now in milliseconds */
  constructor(read: () => number, now: () => number = () => performance.now()) {
    this.#read = read;
    this.#now = now;
    this.#counted = this.#countedFrom = now();
  }

  get busy(): boolean {
    return this.#busy;
  }

  /**
   * Right after an answer. `handle` gets what comes, and says whether another request may follow soon.
   * @returns whether to come back as soon as the event loop had its turn
   */
  run(handle: (length: number) => boolean): boolean {
    const began = this.#now();
    this.#credit = Math.min(MOST_CREDIT, this.#credit + (began - this.#counted) * SHARE);
    this.#counted = began;
    this.#seen(began);
    if (!this.#busy || this.#credit < WINDOW) return false;
    for (let since = began; ;) {
      const length = this.#read();
      if (length > 0) {
        if (!handle(length)) return false;
        since = this.#now();
        this.#seen(since);
        if (since - began > LONGEST) return true;
      } else {
        const waited = this.#now() - since;
        if (waited < WINDOW) continue;
        // Longer when another program had the CPU meanwhile: then it is left alone for a while.
        this.#credit -= waited;
        return false;
      }
    }
  }

  #seen(now: number): void {
    if (++this.#count < MANY) return;
    this.#busy = now - this.#countedFrom < BUSY_MS;
    this.#count = 0;
    this.#countedFrom = now;
  }
}

/** read(2) of `fd`, which must be non-blocking, into `buffer`; undefined where koffi is not there. */
export function readerOf(fd: number, buffer: Uint8Array): (() => number) | undefined {
  try {
    const library = koffi();
    const read = library.load(null).func('long read(int fd, uintptr_t buffer, size_t size)');
    const address = library.address(buffer);
    const { byteLength } = buffer;
    return () => read(fd, address, byteLength) as number;
  } catch {
    return undefined;
  }
}
