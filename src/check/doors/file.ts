// The file in process: promises, which settle when the step that caused it is over.
import { Errno } from '../../abi/index.ts';
import { CxlError, type Context } from '../../core/index.ts';
import { CxlFile } from '../../file/index.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { Blame, Judge } from '../judge.ts';
import { errnoOf } from './core.ts';
import type { Port, ReadCall, Watcher } from './port.ts';

export class FilePort implements Port {
  readonly #file: CxlFile;
  readonly #judge: Judge;
  readonly #blame: Blame;
  readonly #reads = new Map<ReadCall, AbortController>();
  readonly #watching = new Set<Watcher>();
  #closed = false;

  constructor(context: Context, judge: Judge, blame: Blame) {
    this.#file = new CxlFile(context);
    this.#judge = judge;
    this.#blame = blame;
  }

  read(call: ReadCall): void {
    const buffer = new Uint8Array(call.room);
    if (call.nonblocking) {
      try {
        call.give(buffer, 0, this.#file.readSync(buffer));
      } catch (error) {
        call.refuse(errnoOf(error));
      }
      return;
    }
    const controller = new AbortController();
    this.#reads.set(call, controller);
    call.state = 'asleep';
    void this.#finish(call, this.#file.read(buffer, { signal: controller.signal }), buffer);
  }

  async #finish(call: ReadCall, reading: Promise<number>, buffer: Uint8Array): Promise<void> {
    try {
      const size = await reading;
      this.#reads.delete(call);
      call.give(buffer, 0, size);
    } catch (error) {
      this.#reads.delete(call);
      if (error instanceof CxlError && !this.#closed) call.refuse(errnoOf(error));
      else call.drop(Errno.EINTR);
    }
  }

  resume(): void {
    throw new Error('a promise goes on by itself');
  }

  disturb(call: ReadCall, how: 'signal' | 'kill'): void {
    call.disturbed = how;
    this.#reads.get(call)?.abort();
  }

  /** What `poll` says now, and if that is nothing the promise of `ready`. */
  ask(watcher: Watcher): void {
    this.#watching.add(watcher);
    void this.#answer(watcher);
  }

  async #answer(watcher: Watcher): Promise<void> {
    try {
      const mask = await this.#file.ready();
      this.#watching.delete(watcher);
      watcher.answered(mask);
    } catch {
      // Closed.
      this.#watching.delete(watcher);
    }
  }

  unwatch(): void {}

  start(interrupts: number): number {
    try {
      this.#file.startWork({ numInterrupts: interrupts });
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  processElement(): number {
    try {
      this.#file.processElement();
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  close(): void {
    this.#closed = true;
    this.#file.close();
  }

  check(): void {
    for (const call of this.#reads.keys()) {
      const { who } = call;
      if (this.#closed) this.#blame('C2', `the read of ${who} still waits after the last close`);
      else if (call.disturbed) this.#blame('C2', `the read of ${who} was aborted and still waits`);
      else if (this.#judge.ready) this.#blame('C2', `the read of ${who} still waits: ${this.#judge.belief()}`);
    }
    for (const { who } of this.#watching) {
      if (this.#closed || this.#judge.ready)
        this.#blame('C2', `${who} still waits to be ready: ${this.#judge.belief()}`);
    }
  }

  fingerprint(into: Fingerprint): void {
    into.add(this.#reads.size | (this.#watching.size << 8));
  }
}
