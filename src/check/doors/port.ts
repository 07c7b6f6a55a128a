// One open file as the threads of programs use it, the same whichever door it is.
import { Errno } from '../../abi/index.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { Judge } from '../judge.ts';

/**
 * Where a call is: `queued` on its way to the server; `asleep` there, or in the driver; `woken`: it runs again as soon as
 * its thread does; `done`.
 */
export type CallState = 'queued' | 'asleep' | 'woken' | 'done';
const states: readonly CallState[] = ['queued', 'asleep', 'woken', 'done'];

/** How a read ends when its thread is disturbed. */
export type Disturbance = 'signal' | 'kill';

/** One read(2) in flight. */
export class ReadCall {
  readonly who: string;
  readonly nonblocking: boolean;
  /** Its copy will fail: a bad buffer, or a request that is gone by the time of its answer. */
  readonly doomed: boolean;
  readonly room: number;
  state: CallState = 'queued';
  /** Bytes, or a negative errno; while the call is not done, 0. */
  result = 0;
  /** A signal or a kill is on its way to it. */
  disturbed: Disturbance | undefined;
  readonly #judge: Judge;

  constructor(who: string, judge: Judge, how: { nonblocking: boolean; doomed: boolean; room: number }) {
    this.who = who;
    this.#judge = judge;
    this.nonblocking = how.nonblocking;
    this.doomed = how.doomed;
    this.room = how.room;
  }

  /** An event comes. False: it does not arrive. */
  give(bytes: Uint8Array, offset: number, size: number): boolean {
    this.#judge.given(this.who, bytes, offset, size, this.room);
    if (this.doomed) {
      this.#judge.failed();
      this.#done(-Errno.EFAULT);
      return false;
    }
    this.#judge.arrived();
    this.#done(size);
    return true;
  }

  /** An errno comes. */
  refuse(errno: number): void {
    if (errno !== Errno.EINTR || this.disturbed === undefined) this.#judge.refused(this.who, errno, this.room);
    this.#done(-errno);
  }

  /** Nothing is there yet: it goes to sleep. */
  sleep(): void {
    this.#judge.refused(this.who, Errno.EAGAIN, this.room);
    this.state = 'asleep';
  }

  /** Ends without an answer. */
  drop(errno: number): void {
    this.#done(-errno);
  }

  #done(result: number): void {
    this.state = 'done';
    this.result = result;
  }

  fingerprint(into: Fingerprint): void {
    into.add(states.indexOf(this.state) | (Number(this.disturbed !== undefined) << 4));
    into.add(this.result);
  }
}

/** One thread in poll(2), or one epoll item: on the kernel's wait queue from when it asks first. */
export interface Watcher {
  readonly who: string;
  /** The file may have something new: asking again is worth it. */
  wake(): void;
  /** What the file says. */
  answered(mask: number): void;
}

/** One open file. */
export interface Port {
  /** Begins a read, which may be done when this returns. */
  read(call: ReadCall): void;
  /** Goes on with a read that was woken. */
  resume(call: ReadCall): void;
  /** The thread of a read that is not done gets a signal. */
  disturb(call: ReadCall, how: Disturbance): void;
  /** Asks for the mask; the watcher is on the wait queue from before that until `unwatch`. The answer may come later. */
  ask(watcher: Watcher): void;
  unwatch(watcher: Watcher): void;
  /** START_WORK; 0 or an errno. */
  start(interrupts: number): number;
  /** GET_PROCESS_ELEMENT, of which the result does not matter; 0 or an errno. */
  processElement(): number;
  /** The last close; no call may be in flight. */
  close(): void;
  /** What is wrong in the present state, if anything. */
  check(): void;
  fingerprint(into: Fingerprint): void;
}
