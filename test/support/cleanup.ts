import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

type Action = () => unknown;

const stacks = new WeakMap<TestContext, Action[]>();

/**
 * Runs `action` when the test has ended, however it ended; what was asked for last runs first, which `t.after` by itself
 * does not promise. A failing action fails the test, after all others have run.
 */
export function atEnd(t: TestContext, action: Action): void {
  let stack = stacks.get(t);
  if (!stack) {
    const actions: Action[] = [];
    stacks.set(t, (stack = actions));
    t.after(async () => {
      const failures: unknown[] = [];
      for (let next = actions.pop(); next; next = actions.pop()) {
        try {
          await next();
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures);
    });
  }
  stack.push(action);
}

/** A directory of the test's own, which goes away with it. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'afukit-test-'));
  atEnd(t, () => {
    // Nobody's mount outlives the test, and nothing is ever removed through one.
    const mounts = mountsBelow(directory);
    for (const at of mounts) spawnSync('umount', ['-i', '-c', '-l', '--', at], { stdio: 'ignore' });
    if (mounts.length > 0) throw new Error(`still mounted: ${mounts.join(', ')}`);
    return rm(directory, { recursive: true, force: true });
  });
  return directory;
}

/** The mount points at and below a path, from the mount table: nothing is touched. */
export function mountsBelow(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '')
    .filter(at => at === path || at.startsWith(`${path}/`));
}
