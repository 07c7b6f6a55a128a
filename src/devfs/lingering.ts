import type { Context } from '../core/index.ts';
import type { MappedWindow } from './mapped-window.ts';

/** Milliseconds until the next look: soon at first, for the kernel lets go of a mapping a little late. */
const FIRST_LOOK_MS = 1;
const LONGEST_WAIT_MS = 64;

/**
 * Contexts whose last descriptor is closed while their window is still mapped. The kernel keeps a device file open for a
 * mapping; a FUSE server is told of the close at once, and has to ask about the mapping.
 */
export class Lingering {
  readonly #waiting = new Map<NodeJS.Timeout, () => void>();

  /** Releases the context as soon as nothing maps its window, which is closed then. */
  release(context: Context, window: MappedWindow | undefined): void {
    const release = (): void => {
      context.release();
      window?.close();
    };
    const look = (nextMs: number): void => {
      if (context.status !== 'STARTED' || !window?.mapped) return release();
      const timer = setTimeout(() => {
        this.#waiting.delete(timer);
        look(Math.min(2 * nextMs, LONGEST_WAIT_MS));
      }, nextMs);
      this.#waiting.set(timer, release);
    };
    look(FIRST_LOOK_MS);
  }

  /** The mount is gone: nobody is waited for any more. */
  releaseAll(): void {
    for (const [timer, release] of this.#waiting) {
      clearTimeout(timer);
      release();
    }
    this.#waiting.clear();
  }
}
