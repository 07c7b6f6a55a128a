import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, type FileHandle } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** This package. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));
/** afukit, as this package finds it. */
export const afukit: string = dirname(createRequire(import.meta.url).resolve('afukit/package.json'));

/** How long anything may take before a test is taken for hanging, in milliseconds. */
const PATIENCE = 20_000;

/** Why nothing can be mounted or compiled here, or false; in CI nothing may be missing. */
export function cannotRun(): string | false {
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    execFileSync('cc', ['--version'], { stdio: 'ignore' });
    return false;
  } catch (error) {
    if (process.env['CI']) throw error;
    return `no /dev/fuse or no cc: ${String(error)}`;
  }
}

type Action = () => unknown;
const stacks = new WeakMap<TestContext, Action[]>();

/** Runs `action` when the test has ended, last asked for first; all are run, also when one fails. */
export function atEnd(t: TestContext, action: Action): void {
  const known = stacks.get(t);
  if (known) {
    known.push(action);
    return;
  }
  const actions = [action];
  stacks.set(t, actions);
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

const mounted = (directory: string): boolean => readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${directory}`);

/** A directory of the test's own, which goes away with it. */
export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'flash-driver-'));
  atEnd(t, () => {
    assert.ok(!mounted(directory), `${directory} is still mounted`);
    return rm(directory, { recursive: true });
  });
  return directory;
}

/** Resolves with what `condition` gives as soon as that is neither false nor undefined. */
export async function until<T>(
  what: string,
  condition: () => T | false | undefined | Promise<T | false | undefined>,
): Promise<T> {
  const deadline = performance.now() + PATIENCE;
  for (;;) {
    const result = await condition();
    if (result !== false && result !== undefined) return result;
    assert.ok(performance.now() < deadline, `waited in vain until ${what}`);
    await delay(1);
  }
}

/** A process whose lines a test reads one by one; it does not outlive the test. */
export class Program {
  readonly pid: number;
  /** Its exit status, when it has ended. */
  readonly ended: Promise<number | null>;
  readonly #child: ChildProcessByStdio<null, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  readonly #interface: Interface;
  #stderr = '';

  constructor(t: TestContext, command: string, args: readonly string[], fd?: number) {
    const stdio = ['ignore', 'pipe', 'pipe', ...(fd === undefined ? [] : [fd])] as const;
    this.#child = spawn(command, args, { stdio: [...stdio] }) as ChildProcessByStdio<null, Readable, Readable>;
    this.pid = this.#child.pid ?? -1;
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    this.#interface = createInterface({ input: this.#child.stdout });
    this.#lines = this.#interface[Symbol.asyncIterator]();
    this.ended = once(this.#child, 'close').then(([status]: unknown[]) => status as number | null);
    atEnd(t, () => this.end('SIGKILL'));
  }

  /** What it has written to stderr so far, but for what a test has taken out. */
  get stderr(): string {
    return this.#stderr;
  }

  /** Once what it has written to stderr matches: takes all of that out. */
  async complaint(expected: RegExp): Promise<void> {
    await until(`it says ${expected}`, () => expected.test(this.#stderr));
    this.#stderr = '';
  }

  /** The next line of its stdout. */
  async line(): Promise<string> {
    const patience = AbortSignal.timeout(PATIENCE);
    const late = once(patience, 'abort').then(() => assert.fail(`it says nothing; stderr: ${this.#stderr}`));
    late.catch(() => {});
    const { value, done } = await Promise.race([this.#lines.next(), late]);
    assert.ok(done !== true, `it has ended; stderr: ${this.#stderr}`);
    return value;
  }

  async lines(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) lines.push(await this.line());
    return lines;
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended;
  }
}

/** A flash card that a server of its own serves. */
export class Card {
  readonly server: Program;
  /** The driver's own device file. */
  readonly device: string;
  readonly #debug: string;

  constructor(server: Program, mount: string) {
    this.server = server;
    this.device = join(mount, 'dev/flash0');
    this.#debug = join(mount, 'debug/cxl');
  }

  /** Writes one command to the driver's control file. */
  command(text: string): Promise<void> {
    return write(join(this.#debug, 'afu0.0/flash'), text);
  }

  /** What the control file says. */
  text(): Promise<string> {
    return readFile(join(this.#debug, 'afu0.0/flash'), 'utf8');
  }

  /** Once the server has complained: a test that expects that says so. */
  complaint(expected: RegExp): Promise<void> {
    return this.server.complaint(expected);
  }

  /** `unload NAME` or `reload NAME`. */
  moduleCommand(text: string): Promise<void> {
    return write(join(this.#debug, 'modules'), text);
  }

  /** The driver modules, one row each, of: name, generation, state, references, bound to, used by. */
  async modules(): Promise<string[][]> {
    const text = await readFile(join(this.#debug, 'modules'), 'utf8');
    const [, ...rows] = text.trimEnd().split('\n');
    return rows.map(row => row.split(/ {2,}/).slice(0, 6));
  }

  /** Once nobody has the card open any more: the last close is on its way after close(2) has returned. */
  async closed(): Promise<void> {
    await until('nobody has the card open', async () => (await this.text()).startsWith('openers 0\n'));
  }
}

async function write(path: string, text: string): Promise<void> {
  // One write(2) is one command.
  const file = await open(path, 'w');
  try {
    await file.write(text);
  } finally {
    await file.close();
  }
}

/** Serves this package's configuration, or another one with another afukit, on a mount of the test's own. */
export async function serve(t: TestContext, directory: string = root, version: string = afukit): Promise<Card> {
  const mount = await temporaryDirectory(t);
  const { bin } = JSON.parse(await readFile(join(version, 'package.json'), 'utf8')) as { bin: { afukit: string } };
  const config = join(directory, 'afukit.config.ts');
  const server = new Program(t, process.execPath, [
    join(version, bin.afukit),
    'serve',
    '--json',
    '-c',
    config,
    '-m',
    mount,
  ]);
  atEnd(t, async () => {
    assert.equal(await server.end('SIGTERM'), 0, server.stderr);
    // What it was told to do; and callbacks that took long because this machine is busy with the tests.
    const expected = /^(?:afukit: modules: .*: done|afukit: driver flash: .*: took .* ms, more than 1 ms)?$/;
    const complaints = server.stderr.split('\n').filter(line => !expected.test(line));
    assert.deepEqual(complaints, [], 'the server has nothing to complain about');
  });
  assert.equal((JSON.parse(await server.line()) as { ready: boolean }).ready, true);
  return new Card(server, mount);
}

let compiled: string | undefined;

/** client/reader.c, compiled once for this process and removed with it. */
function cReader(): string {
  if (compiled === undefined) {
    const directory = mkdtempSync(join(tmpdir(), 'flash-driver-reader-'));
    process.on('exit', () => rmSync(directory, { recursive: true }));
    compiled = join(directory, 'reader');
    const source = join(root, 'client/reader.c');
    execFileSync('cc', ['-O1', '-Wall', '-Wextra', '-Werror', '-o', compiled, source], { stdio: 'inherit' });
  }
  return compiled;
}

export type Language = 'C' | 'TypeScript';
export const languages: readonly Language[] = ['C', 'TypeScript'];

/** Starts a reader on a file, or on a descriptor of ours that it shares with us. */
export function startReader(t: TestContext, language: Language, on: string | FileHandle, count?: number): Program {
  const [file, fd] = typeof on === 'string' ? [on, undefined] : ['fd:3', on.fd];
  const args = [file, ...(count === undefined ? [] : [String(count)])];
  if (language === 'C') return new Program(t, cReader(), args, fd);
  return new Program(t, process.execPath, [join(root, 'dist/client/reader.js'), ...args], fd);
}

/** Opens a device file in this process; closed with the test. */
export async function openDevice(t: TestContext, path: string): Promise<FileHandle> {
  const file = await open(path, 'r+');
  atEnd(t, () => file.close());
  return file;
}
