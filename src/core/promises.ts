/** Whether a callback returned something that it means to settle later; looking must not throw. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  try {
    return typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
  } catch {
    return false;
  }
}

/** A promise that nobody waits for: when it rejects, somebody is told, and the process does not end. */
export function watchPromise(value: unknown, rejected: (error: unknown) => void): void {
  if (isThenable(value)) void Promise.resolve(value).then(undefined, rejected);
}
