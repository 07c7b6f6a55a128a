import { setTimeout as delay } from 'node:timers/promises';

import { StormFailure } from './failure.ts';

/** How long nothing may move before somebody is taken for stuck. */
const PATIENCE_MS = 10_000;

/**
 * Resolves once `condition` holds. There is no limit to how long that takes while `progress` gives another value each
 * time; when it stays the same for ten seconds, that is a failure.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  progress: () => unknown = () => 0,
): Promise<void> {
  let seen = progress();
  let deadline = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    const now = progress();
    if (now !== seen) deadline = performance.now() + PATIENCE_MS;
    else if (performance.now() > deadline) throw new StormFailure(`waited ${PATIENCE_MS} ms in vain until ${what}`);
    seen = now;
    await delay(1);
  }
}
