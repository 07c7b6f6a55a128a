import type { Context } from './context.ts';
import { diagnose } from './diagnostics.ts';
import type { DriverModule } from './driver-module.ts';
import type { DriverCallback, DriverOps } from './driver-ops.ts';
import { CxlError } from './errors.ts';
import { isThenable, watchPromise } from './promises.ts';
import { MAX_DRIVER_EVENT_DATA } from '../abi/events.ts';

/** What {@link DriverSource.take} returns when the next event is larger than the room for it. */
export const TOO_LARGE = -1;

/** So many calls are watched, then one in 1024, unless debugging: reading a clock costs more than an event. */
const ALL_WATCHED = 1000;
const WATCHED_LATER = 1023;

/** libcxl's cxl_read_event copies whatever it read into a structure of 40 bytes. */
export const LIBCXL_DATA = 32;

/**
 * A context's driver as the context reads it, the same for both forms. Between `take` and `commit` or `putBack` an
 * event is in the reader's hands and nowhere else is it counted.
 *
 * Whatever a callback does wrong is one diagnostic here, and sets the source aside until its driver posts again (C7).
 */
export abstract class DriverSource {
  protected readonly context: Context;
  readonly ops: DriverOps;
  /** As it was when the ops were registered. */
  readonly owner: DriverModule;
  /** Largest payload in bytes. */
  readonly maxDataSize: number;
  /** A driver that broke its promise is not asked again until it posts. */
  protected aside = false;
  /** The callback that runs in the atomic section now, or ran last. */
  #callback: DriverCallback = 'eventPending';
  #calls = 0;
  /** A call is watched when its number has none of these bits. */
  #watched = 0;
  /** When the call that is being watched began; 0 when none is. */
  #startedAt = 0;
  /** The number of the call whose fault was said; -1: of none that matters. */
  #faulted = -1;
  #overruns = 0;
  #warnedOfLibcxl = false;

  constructor(context: Context, ops: DriverOps) {
    this.context = context;
    this.ops = ops;
    this.owner = ops.owner;
    this.maxDataSize = ops.maxDataSize ?? MAX_DRIVER_EVENT_DATA;
  }

  /** Whether `take` will give an event, as far as the driver can be believed. */
  abstract pending(): boolean;
  /** How many events wait for a reader, as far as that can be told without fetching one. */
  abstract waiting(): number;
  /** Writes the next whole event; returns its size, 0 when there is none, or {@link TOO_LARGE}. */
  abstract take(bytes: Uint8Array, offset: number, room: number): number;
  /** What was taken has reached its reader. */
  abstract commit(): void;
  /** What was taken did not reach its reader; `bytes` still holds it. */
  abstract putBack(bytes: Uint8Array): void;
  /** What was taken did not reach its reader, and is forgotten as the kernel forgets it. */
  abstract drop(): void;
  /** The context is gone or has other ops: gives back what is held, and returns how many events nobody will read. */
  abstract close(): number;
  /** Hands over the whole events that the driver has given away and no reader has got. */
  handOver(): Uint8Array[] {
    return [];
  }

  /** The driver posted: `count` events more, 0 to be asked again. False when that does not count. */
  announce(_count: number): boolean {
    if (this.context.locked && this.#callback === 'eventPending') {
      this.fault('eventPending', 'posted from inside itself, and would be asked for ever');
      return false;
    }
    this.aside = false;
    return true;
  }

  /** A callback called back into its own context, which would wait for itself for ever. */
  reentered(operation: string): CxlError {
    const callback = this.#callback;
    const error = new CxlError('EDEADLK', operation, `called from ${callback} of driver ${this.owner.name}`);
    this.fault(callback, `called ${operation} on its own context`, error);
    return error;
  }

  /** A callback is about to run in the atomic section. */
  protected begin(callback: DriverCallback): void {
    this.#callback = callback;
    if ((++this.#calls & this.#watched) === 0) this.#watch();
  }

  /** It has returned or thrown. */
  protected end(callback: DriverCallback): void {
    if (this.#startedAt !== 0) this.#judge(callback);
  }

  #watch(): void {
    const { sections } = this.context.afu.adapter;
    if (this.#calls >= ALL_WATCHED && sections === undefined) this.#watched = WATCHED_LATER;
    this.#startedAt = performance.now();
    sections?.enter();
  }

  #judge(callback: DriverCallback): void {
    const { sections, callbackBudgetMs } = this.context.afu.adapter;
    const made = sections?.leave() ?? [];
    const took = performance.now() - this.#startedAt;
    this.#startedAt = 0;
    if (took > callbackBudgetMs)
      this.#overran(callback, `took ${took.toFixed(1)} ms, more than ${callbackBudgetMs} ms`);
    if (made.length > 0) this.fault(callback, `began something asynchronous in an atomic section: ${made.join(', ')}`);
  }

  /** Only said, and ever more rarely: a machine that was busy elsewhere must not set a good driver aside. */
  #overran(callback: DriverCallback, problem: string): void {
    const count = ++this.#overruns;
    if ((count & (count - 1)) === 0) this.#report(callback, count === 1 ? problem : `${problem}, the ${count}th time`);
  }

  protected threw(callback: DriverCallback, error: unknown): void {
    this.fault(callback, 'threw', error);
  }

  /** What a callback returned is of the wrong kind; a promise among that is not left to reject unseen. */
  protected wrong(callback: DriverCallback, returned: unknown, wanted: string): void {
    watchPromise(returned, () => {});
    if (isThenable(returned)) this.fault(callback, 'returned a promise: it may not sleep');
    else this.fault(callback, `returned ${text(returned)}, not ${wanted}`);
  }

  /** Sets the source aside and says why; of one call only the first fault is said. */
  protected fault(callback: DriverCallback, problem: string, error?: unknown): void {
    this.aside = true;
    if (this.#faulted === this.#calls) return;
    this.#faulted = this.#calls;
    this.#report(callback, `${problem}; not asked again until the driver posts`, error);
  }

  /** Another call, outside the atomic section: what it does wrong is said anew. */
  protected anotherCall(): void {
    this.#faulted = -1;
  }

  /** An event of `dataSize` bytes, more than {@link LIBCXL_DATA}, goes to a reader. */
  protected overLibcxl(callback: DriverCallback, dataSize: number): void {
    if (this.#warnedOfLibcxl) return;
    this.#warnedOfLibcxl = true;
    const problem = `an event of ${dataSize} bytes: libcxl's cxl_read_event holds ${LIBCXL_DATA} and overruns with more`;
    if (this.owner.once('libcxl')) this.#report(callback, problem);
  }

  #report(callback: DriverCallback, problem: string, error?: unknown): void {
    const { context, owner } = this;
    const facts = { source: `driver ${owner.name}`, callback, context, problem };
    context.report(diagnose(error === undefined ? facts : { ...facts, error }));
  }
}

function text(value: unknown): string {
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}
