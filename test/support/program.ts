import { spawn, type ChildProcessByStdio, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';

import { atEnd } from './cleanup.ts';
import { PATIENCE } from './until.ts';

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** All that it wrote; of stdout only what nobody took line by line. */
  readonly stdout: string;
  readonly stderr: string;
}

/** A real process whose lines a test reads one by one. It does not outlive the test. */
export class Program {
  readonly pid: number;
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves when it has ended and all that it wrote was read. */
  readonly ended: Promise<Ending>;
  readonly #name: string;
  readonly #lines: string[] = [];
  #rest = '';
  #stderr = '';
  #over = false;
  #arrived: () => void = () => {};

  /** @internal */
  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, name: string) {
    this.child = child;
    this.pid = child.pid ?? -1;
    this.#name = name;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n');
      this.#rest = lines.pop() ?? '';
      this.#lines.push(...lines);
      this.#arrived();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    // Who ends without reading is not an error.
    child.stdin.on('error', () => {});
    this.ended = once(child, 'close').then(([code, signal]: unknown[]) => {
      this.#over = true;
      this.#arrived();
      const stdout = [...this.#lines, this.#rest].join('\n');
      return { code: code as number | null, signal: signal as NodeJS.Signals | null, stdout, stderr: this.#stderr };
    });
    this.ended.catch(() => {});
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** The next line on stdout; an error when it ends, or says nothing for too long. */
  async line(patience: number = PATIENCE): Promise<string> {
    const deadline = performance.now() + patience;
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      if (this.#over) throw new Error(`${this.#name} ended; stderr: ${this.#stderr}`);
      await new Promise<void>((resolve, reject) => {
        const left = Math.max(0, deadline - performance.now());
        const timer = setTimeout(() => reject(new Error(`${this.#name} says nothing; stderr: ${this.#stderr}`)), left);
        this.#arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async lines(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) lines.push(await this.line());
    return lines;
  }

  /** All lines that are still to come, until it has ended by itself. */
  async remaining(): Promise<string[]> {
    const { stdout } = await this.ended;
    this.#lines.length = 0;
    return stdout.split('\n').filter(line => line !== '');
  }

  send(line: string): void {
    this.child.stdin.write(`${line}\n`);
  }

  /** Ends its stdin and waits for it. */
  async finish(): Promise<Ending> {
    this.child.stdin.end();
    return this.ended;
  }

  /** Sends a signal; by default the one that nobody survives, and then waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** Starts a program, looked up along PATH. */
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
