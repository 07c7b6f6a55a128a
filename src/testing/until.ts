import { setTimeout as delay } from 'node:timers/promises';

/** How long anything may take before it is taken for hanging, in milliseconds. */
export const PATIENCE_MS = 10_000;

export interface WaitLimit {
  /** Milliseconds; default 10 000, or the host's own. */
  readonly timeoutMs?: number | undefined;
}

/** A wait that was in vain: the message says for what, and what was seen instead. */
export class WaitError extends Error {
  override readonly name = 'WaitError';
}

/**
 * Resolves with what `condition` gives as soon as that is neither false nor undefined. It is asked every millisecond.
 * @param what completes the sentence `waited 10000 ms in vain until ...`
 * @param seen what is said when the wait was in vain, beside that
 * @throws WaitError after the time limit; whatever `condition` throws, at once
 */
export async function until<T>(
  what: string,
  condition: () => T | false | undefined | Promise<T | false | undefined>,
  { timeoutMs = PATIENCE_MS }: WaitLimit = {},
  seen?: () => string,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const result = await condition();
    if (result !== false && result !== undefined) return result;
    if (performance.now() > deadline) {
      throw new WaitError(`waited ${timeoutMs} ms in vain until ${what}${seen ? `\n${seen()}` : ''}`);
    }
    await delay(1);
  }
}
