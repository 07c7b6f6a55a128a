import { constants } from 'node:os';

import { StormFailure } from './failure.ts';
import { LineProgram } from './lines.ts';
import { entriesIn } from './log.ts';
import type { Target } from './protocol.ts';
import { until } from './until.ts';

/** A reader process of a holder's. */
export interface Reader {
  readonly pid: number;
  readonly mode: string;
  readonly threads: number;
  readonly flags: string;
  killed: boolean;
  /** As waitpid(2) gives it, once it has ended. */
  status: number | undefined;
}

export interface ReaderWish {
  readonly mode: string;
  readonly threads: number;
  readonly seed: number;
  /** Letters of storm/client.c. */
  readonly flags: string;
}

/** One open context: the process that opened it, and the readers that share its open file. */
export class Holder {
  readonly log: string;
  readonly readers: Reader[] = [];
  /** Whether no reader is left, nor any that a reader has forked. */
  alone = true;
  readonly #afu: number;
  readonly #program: LineProgram;
  readonly #asked: ReaderWish[] = [];
  #opened: string | undefined;

  private constructor(client: string, file: string, afu: number, log: string, interrupts: number) {
    this.#afu = afu;
    this.log = log;
    this.#program = new LineProgram(client, [file, log, String(interrupts)], line => this.#hear(line));
  }

  /** Opens `file`, which is the AFU's at place `afu`, with so many interrupts. */
  static async open(client: string, file: string, afu: number, log: string, interrupts: number): Promise<Holder> {
    const holder = new Holder(client, file, afu, log, interrupts);
    await until(`${file} is open`, () => holder.#opened !== undefined || holder.#program.over);
    if (!/^\d+$/.test(holder.#opened ?? '')) throw new StormFailure(`${file} cannot be opened: ${holder.#opened}`);
    return holder;
  }

  #hear(line: string): void {
    const [word = '', ...rest] = line.split(' ');
    this.#heard[word]?.(rest);
  }

  readonly #heard: Readonly<Record<string, (rest: string[]) => void>> = {
    open: rest => void (this.#opened = rest.join(' ')),
    reader: ([pid]) => {
      const { mode, threads, flags } = this.#asked.shift()!;
      this.readers.push({ pid: Number(pid), mode, threads, flags, killed: false, status: undefined });
      this.alone = false;
    },
    ended: ([pid, status]) => {
      const reader = this.readers.find(each => each.pid === Number(pid) && each.status === undefined);
      if (reader) reader.status = Number(status);
    },
    alone: () => void (this.alone = true),
  };

  get target(): Target {
    return { afu: this.#afu, pe: Number(this.#opened) };
  }

  get pid(): number {
    return this.#program.pid;
  }

  get alive(): readonly Reader[] {
    return this.readers.filter(({ status, killed }) => status === undefined && !killed);
  }

  get entries(): number {
    return entriesIn(this.log);
  }

  start(wish: ReaderWish): void {
    this.#asked.push(wish);
    this.#program.send(`reader ${wish.mode} ${wish.threads} ${wish.seed} ${wish.flags || '-'}`);
  }

  /** Once every reader that was asked for is there. */
  async settled(): Promise<void> {
    await until('the readers are there', () => this.#asked.length === 0);
  }

  signal(reader: Reader, signal: NodeJS.Signals): void {
    if (signal === 'SIGKILL') reader.killed = true;
    this.#program.send(`signal ${reader.pid} ${constants.signals[signal]}`);
  }

  flip(): void {
    this.#program.send('flip');
  }

  /** The last descriptor goes. */
  async quit(): Promise<void> {
    this.#program.send('quit');
    await until('the holder has ended', () => this.#program.over);
  }

  kill(): void {
    this.#program.kill();
  }
}
