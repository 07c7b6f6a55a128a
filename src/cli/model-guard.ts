import { AsyncLocalStorage } from 'node:async_hooks';

import type { Guard } from '../core/index.ts';

/**
 * Knows whose timer, callback or promise an exception escaped from: an AFU model's failure ends its own work and not the
 * server. What escapes from anything else ends the process, as without it.
 */
export function modelGuard(): Guard {
  const current = new AsyncLocalStorage<(error: unknown) => void>();
  process.setUncaughtExceptionCaptureCallback(error => {
    const failed = current.getStore();
    if (failed) return failed(error);
    // Thrown again without this callback, so that the process ends in Node's own way, and its exit handlers run.
    process.setUncaughtExceptionCaptureCallback(null);
    process.nextTick(() => {
      throw error;
    });
  });
  return (work, failed) => current.run(failed, work);
}
