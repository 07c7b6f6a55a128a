const actions = new Set<() => void>();

function runAll(): void {
  for (const action of [...actions].toReversed()) {
    actions.delete(action);
    action();
  }
}

/**
 * Runs `action` when the process ends by itself, also after an exception that nobody caught; what was asked for last runs
 * first. One listener for all, however many there are.
 * @param action synchronous, must not throw
 * @returns how to call it off
 */
export function atProcessExit(action: () => void): () => void {
  if (actions.size === 0) process.on('exit', runAll);
  actions.add(action);
  return () => {
    actions.delete(action);
    if (actions.size === 0) process.off('exit', runAll);
  };
}
