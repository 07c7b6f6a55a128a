import { setTimeout as delay } from 'node:timers/promises';

/** How long anything may take before a test is taken for hanging, in milliseconds. */
export const PATIENCE = 10_000;

/** Resolves with what `condition` gives as soon as that is neither false nor undefined. */
export async function until<T>(
  what: string,
  condition: () => T | false | undefined | Promise<T | false | undefined>,
): Promise<T> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const result = await condition();
    if (result !== false && result !== undefined) return result;
    if (performance.now() > deadline) throw new Error(`waited ${PATIENCE} ms in vain until ${what}`);
    await delay(1);
  }
}
