import { spawn, type SpawnOptions } from 'node:child_process';
import type { TestContext } from 'node:test';

import { Program } from '../../src/testing/index.ts';
import { atEnd } from './cleanup.ts';

export { Program, type Ending } from '../../src/testing/index.ts';

/** Starts a program, looked up along PATH. It does not outlive the test. */
export function start(
  t: TestContext,
  command: string,
  args: readonly string[],
  options: Pick<SpawnOptions, 'cwd' | 'env' | 'detached'> = {},
): Program {
  const child = spawn(command, args, { ...options, stdio: ['pipe', 'pipe', 'pipe'] });
  const program = new Program(child, `${command} ${args.join(' ')}`);
  atEnd(t, () => {
    if (child.pid === undefined) return undefined;
    // Its group too: what a server or a shell started goes with it.
    if (options.detached) killGroup(child.pid);
    return program.kill();
  });
  return program;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nobody of it is left.
  }
}
