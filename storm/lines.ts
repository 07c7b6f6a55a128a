import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** A program that is talked to by lines, the leader of a process group that ends with it. */
export class LineProgram {
  readonly pid: number;
  readonly ended: Promise<void>;
  over = false;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;

  constructor(command: string, args: readonly string[], onLine: (line: string) => void) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    this.pid = this.#child.pid ?? -1;
    // Who ends without reading is found out otherwise.
    this.#child.stdin.on('error', () => {});
    createInterface({ input: this.#child.stdout }).on('line', onLine);
    this.ended = once(this.#child, 'close').then(() => void (this.over = true));
  }

  send(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Everybody of the group, whether they still listen or not. */
  kill(): void {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }
}
