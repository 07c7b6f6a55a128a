import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';

import { PATIENCE_MS, WaitError } from './until.ts';

/** How a program ended, and all that it wrote. */
export interface Ending {
  /** Exit status; null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A real process whose lines a test reads one by one. */
export class Program {
  readonly pid: number;
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Program and arguments, for messages. */
  readonly name: string;
  /** Resolves when it has ended and all that it wrote was read. Rejects when it could not be started. */
  readonly ended: Promise<Ending>;
  /** Lines of stdout that nobody took yet; the last has no end yet. */
  readonly #lines: string[] = [''];
  #stdout = '';
  #stderr = '';
  #ending: Ending | undefined;
  #failure: Error | undefined;
  #signalled = false;
  readonly #arrived = new Set<() => void>();

  /** @internal Programs are made by the host. */
  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>, name: string) {
    this.child = child;
    this.pid = child.pid ?? -1;
    this.name = name;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
      const [first = '', ...more] = text.split('\n');
      this.#lines[this.#lines.length - 1] += first;
      for (const line of more) this.#lines.push(line);
      this.#wake();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    // Who ends without reading is not an error.
    child.stdin.on('error', () => {});
    this.ended = new Promise((resolve, reject) => {
      child.on('error', error => {
        // Of a child that runs this is only a signal that could not be sent.
        if (child.pid !== undefined) return;
        this.#failure = error;
        this.#wake();
        reject(error);
      });
      child.on('close', (code: number | null, signal: NodeJS.Signals | null) => {
        this.#ending = { code, signal, stdout: this.#stdout, stderr: this.#stderr };
        this.#wake();
        resolve(this.#ending);
      });
    });
    // Who never asks need not hear of it.
    this.ended.catch(() => {});
  }

  /** All that it wrote so far. */
  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  /** How it ended; undefined while it runs. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  /** @internal Ended with a status other than 0, or by a signal, that nobody sent with {@link kill}. */
  get failed(): boolean {
    return this.#ending !== undefined && this.#ending.code !== 0 && !this.#signalled;
  }

  /**
   * The next line on stdout, without its end.
   * @throws WaitError when it says nothing for so long, or ends before
   */
  async line(timeoutMs: number = PATIENCE_MS): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      if (this.#lines.length > 1) return this.#lines.shift()!;
      if (this.#failure) throw this.#failure;
      if (this.#ending) {
        const last = this.#lines[0];
        if (!last) throw new WaitError(`no further line: ${this.describe()}`);
        this.#lines[0] = '';
        return last;
      }
      const left = deadline - performance.now();
      if (left <= 0) throw new WaitError(`waited ${timeoutMs} ms in vain for a line: ${this.describe()}`);
      await this.#news(left);
    }
  }

  /** The next `count` lines. */
  async lines(count: number, timeoutMs?: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) lines.push(await this.line(timeoutMs));
    return lines;
  }

  /** All lines that nobody took and that are still to come, until it has ended by itself. */
  async remaining(): Promise<string[]> {
    await this.ended;
    const lines = this.#lines.splice(0, this.#lines.length, '');
    return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
  }

  /** Writes to its stdin. */
  write(data: string | Uint8Array): void {
    this.child.stdin.write(data);
  }

  /** Writes a line to its stdin. */
  send(line: string): void {
    this.write(`${line}\n`);
  }

  /** Ends its stdin and waits for it. */
  async finish(): Promise<Ending> {
    this.child.stdin.end();
    return this.ended;
  }

  /** Sends a signal; by default the one that nobody survives. Resolves when it has ended. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ending> {
    this.#signalled = true;
    this.child.kill(signal);
    return this.ended;
  }

  /** One paragraph for messages: whether it runs or how it ended, and the end of what it wrote. */
  describe(): string {
    const { ending } = this;
    const state = this.#failure
      ? `could not be started: ${this.#failure.message}`
      : ending
        ? `ended with ${ending.signal ?? `status ${ending.code}`}`
        : 'runs';
    return `${this.name} (pid ${this.pid}) ${state}${tail('stdout', this.#stdout)}${tail('stderr', this.#stderr)}`;
  }

  #wake(): void {
    for (const arrived of this.#arrived) arrived();
    this.#arrived.clear();
  }

  /** Resolves when something came, or after so many milliseconds. */
  #news(milliseconds: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, milliseconds);
      this.#arrived.add(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

const MOST_LINES = 20;

function tail(stream: string, text: string): string {
  if (text === '') return '';
  const lines = text.trimEnd().split('\n');
  const cut = lines.length > MOST_LINES ? [`... ${lines.length - MOST_LINES} lines more`] : [];
  return `\n  ${stream}:${[...cut, ...lines.slice(-MOST_LINES)].map(line => `\n    ${line}`).join('')}`;
}
