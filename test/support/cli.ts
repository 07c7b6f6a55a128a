import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TestContext } from 'node:test';

import { atEnd, mountsBelow, temporaryDirectory } from './cleanup.ts';
import { start, type Ending, type Program } from './program.ts';

/** The package as it is built, and afukit's main module in it. */
export const packageRoot: string = fileURLToPath(new URL('../../../', import.meta.url));
export const main: string = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** A place for one test's commands: a project directory, an empty mount point, and a TMPDIR that must stay empty. */
export interface Place {
  readonly project: string;
  readonly mountPoint: string;
  readonly env: NodeJS.ProcessEnv;
}

let cache: string | undefined;

/** XDG_CACHE_HOME of this process's commands: what one of them compiled the others find. */
function cacheHome(): string {
  if (cache === undefined) {
    const directory = (cache = mkdtempSync(join(tmpdir(), 'afukit-cache-')));
    process.on('exit', () => rmSync(directory, { recursive: true, force: true }));
  }
  return cache;
}

export async function place(t: TestContext): Promise<Place> {
  const base = await temporaryDirectory(t);
  const [project, mountPoint, temporary] = ['project', 'mnt', 'tmp'].map(name => join(base, name)) as [
    string,
    string,
    string,
  ];
  for (const directory of [project, mountPoint, temporary]) await mkdir(directory);
  atEnd(t, async () => {
    assert.deepEqual(mountsBelow(base), [], 'nothing is mounted any more');
    assert.deepEqual(await readdir(temporary), [], 'no temporary file is left');
  });
  const env = { ...process.env, TMPDIR: temporary, XDG_CACHE_HOME: cacheHome(), NO_COLOR: '1' };
  return { project, mountPoint, env };
}

/** One command line of afukit's, in the place's project. */
export function afukit(
  t: TestContext,
  where: Place,
  args: readonly string[],
  more: { detached?: boolean } = {},
): Program {
  return start(t, process.execPath, [main, ...args], { cwd: where.project, env: where.env, ...more });
}

export interface Server {
  readonly program: Program;
  readonly mount: string;
  readonly devices: readonly { readonly path: string; readonly model: string }[];
  /** A signal, and its ending after it. */
  readonly end: (signal?: NodeJS.Signals) => Promise<Ending>;
}

/** `afukit serve --json` once it is ready. What is still served at the test's end gets a SIGTERM. */
export async function serving(t: TestContext, where: Place, args: readonly string[] = []): Promise<Server> {
  const program = afukit(t, where, ['serve', '--json', '--mount', where.mountPoint, ...args]);
  const ready = JSON.parse(await program.line()) as Omit<Server, 'program' | 'end'> & { ready: boolean; pid: number };
  assert.equal(ready.ready, true);
  assert.equal(ready.pid, program.pid);
  atEnd(t, () => program.kill('SIGTERM'));
  return { program, ...ready, end: (signal = 'SIGTERM') => program.kill(signal) };
}

/** A user's mistake: exit status 2, nothing on stdout, and one line on stderr; returns the line. */
export async function refused(program: Program): Promise<string> {
  const { code, stdout, stderr } = await program.ended;
  assert.deepEqual({ code, stdout }, { code: 2, stdout: '' }, stderr);
  assert.match(stderr, /^afukit: [^\n]+\n$/, 'one line');
  return stderr.slice('afukit: '.length, -1);
}
