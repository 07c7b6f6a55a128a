import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';

import { start, type Program } from './program.ts';

/** The programs that open device files, as sources of the package: they are no part of what is compiled to `dist`. */
export const programs: string = fileURLToPath(new URL('../../../test/programs/', import.meta.url));

const compiled = new Map<string, string>();

/** test/programs/NAME.c, compiled once for this process and removed with it. */
export function cProgram(name: string, ...flags: readonly string[]): string {
  const key = [name, ...flags].join(' ');
  let program = compiled.get(key);
  if (program === undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'afukit-client-'));
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
    // Other users may run it.
    chmodSync(directory, 0o755);
    program = join(directory, name);
    const warnings = ['-Wall', '-Wextra', '-Werror'];
    const source = join(programs, `${name}.c`);
    execFileSync('cc', [...warnings, ...flags, '-o', program, source, '-ldl'], { stdio: 'inherit' });
    compiled.set(key, program);
  }
  return program;
}

/** test/programs/client.c. */
export function cClient(): string {
  return cProgram('client', '-pthread');
}

let interpreter: string | undefined;

/** The interpreter itself: what is found along PATH may be a slow script that looks for it. */
function python(): string {
  const ask = ['-c', 'import sys; print(sys.executable)'];
  return (interpreter ??= execFileSync('python3', ask, { encoding: 'utf8' }).trim());
}

export function runC(t: TestContext, device: string, scenario: string, ...more: readonly (string | number)[]): Program {
  return start(t, cClient(), [device, scenario, ...more.map(String)]);
}

/**
 * A process that only holds a file open, for others to share it with {@link runCOn}. This process must not hold it: it
 * serves the file, and the child that `spawn` forks would wait for it while it waits for the child.
 */
export async function hold(t: TestContext, device: string): Promise<Program> {
  const holder = runC(t, device, 'hold', '--seconds-free');
  assert.equal(await holder.line(), 'open');
  return holder;
}

/** The C client on the open file of another one, with a descriptor of its own. */
export function runCOn(t: TestContext, holder: Program, scenario: string, ...more: readonly string[]): Program {
  return runC(t, `fd:${holder.pid}:3`, scenario, ...more);
}

export function runPython(t: TestContext, device: string, scenario: string, ...more: readonly string[]): Program {
  return start(t, python(), ['-B', join(programs, 'client.py'), device, scenario, ...more]);
}

/** A test's own few lines of Python. */
export function runScript(t: TestContext, script: string, ...args: readonly string[]): Program {
  return start(t, python(), ['-B', '-c', script, ...args]);
}

/** test/programs/calls.py: one system call for each line that is asked of it. */
export class Calls {
  readonly program: Program;

  constructor(t: TestContext, device: string, ...flags: readonly string[]) {
    this.program = start(t, python(), ['-B', join(programs, 'calls.py'), device, ...flags]);
  }

  /** What opening the file gave: `open 0`, or `open -1 ERRNO`. */
  opened(): Promise<string> {
    return this.program.line();
  }

  /** `0 HEX`, `-1 ERRNO` or whatever else the call gives. */
  call(...words: readonly (string | number | bigint)[]): Promise<string> {
    this.program.send(words.join(' '));
    return this.program.line();
  }
}

/** test/programs/mapper.c: one system call, or one access to memory, for each line that is asked of it. */
export class Mapper {
  readonly program: Program;

  constructor(t: TestContext, device: string) {
    this.program = start(t, cProgram('mapper', '-pthread'), [device]);
  }

  /** What came of it: `0 ...`, `-1 ERRNO`, or the signal's name. */
  call(line: string): Promise<string> {
    this.program.send(line);
    return this.program.line();
  }

  async calls(...lines: readonly string[]): Promise<string[]> {
    const answers: string[] = [];
    for (const line of lines) answers.push(await this.call(line));
    return answers;
  }
}

export function runNode(t: TestContext, device: string, scenario: string, ...more: readonly string[]): Program {
  const client = fileURLToPath(new URL('../programs/node-client.js', import.meta.url));
  return start(t, process.execPath, [client, device, scenario, ...more]);
}
