import { Errno } from '../abi/errno.ts';
import { EVENT_HEADER_SIZE, putDriverHeader } from '../abi/events.ts';
import type { Context } from './context.ts';
import type { DriverEvent, FetchDriverOps } from './driver-ops.ts';
import { DriverSource, LIBCXL_DATA, TOO_LARGE } from './driver-source.ts';
import { watchPromise } from './promises.ts';

/** What an event will be given back with is not decided yet; results are 0 and negative errnos. */
const UNDECIDED = 1;

/**
 * The fetch form. The next event is fetched when somebody first asks whether there is one, so that poll never promises
 * what a driver only announced. Fetched events stand in one line until they are given back, in order, each with its
 * result; one that was refused stands there too.
 */
export class FetchSource extends DriverSource {
  declare readonly ops: FetchDriverOps;
  #announced = 0;
  /** The line: entries `#first` to `#end - 1`; those before `#next` are in a reader's hands. */
  readonly #events: (DriverEvent | null)[] = [];
  readonly #sizes: number[] = [];
  readonly #results: number[] = [];
  #first = 0;
  #next = 0;
  #end = 0;

  // oxlint-disable-next-line no-useless-constructor -- narrows what the ops are
  constructor(context: Context, ops: FetchDriverOps) {
    super(context, ops);
  }

  override announce(count: number): boolean {
    this.#announced += count;
    return super.announce(count);
  }

  override pending(): boolean {
    if (this.#results[this.#next] === UNDECIDED && this.#next < this.#end) return true;
    for (;;) {
      if (this.#deliverable() < this.#end) return true;
      if (this.#announced === 0 || this.aside) return false;
      this.#fetch();
    }
  }

  override waiting(): number {
    let fetched = 0;
    for (let i = this.#next; i < this.#end; i++) if (this.#results[i] === UNDECIDED) fetched++;
    return fetched + this.#announced;
  }

  override take(bytes: Uint8Array, offset: number, room: number): number {
    if (!this.pending()) return 0;
    const entry = this.#deliverable();
    const dataSize = this.#sizes[entry]!;
    if (EVENT_HEADER_SIZE + dataSize > room) return TOO_LARGE;
    this.#next = entry + 1;
    const { data } = this.#events[entry]!;
    bytes.set(data.length === dataSize ? data : data.subarray(0, dataSize), offset + EVENT_HEADER_SIZE);
    return putDriverHeader(bytes, offset, this.context.pe, dataSize);
  }

  override commit(): void {
    if (this.#next === this.#first) return;
    if (this.#end > 1) {
      this.#decide(this.#next, 0);
      return;
    }
    // The usual case: the one event that there is.
    const event = this.#events[0]!;
    this.#events[0] = null;
    this.#next = this.#end = 0;
    this.#delivered(event, 0);
  }

  override putBack(): void {
    this.#next = this.#first;
  }

  override drop(): void {
    this.#decide(this.#next, -Errno.EFAULT);
  }

  override close(): number {
    this.#announced = 0;
    let cancelled = 0;
    for (let i = this.#first; i < this.#end; i++) if (this.#results[i] === UNDECIDED) cancelled++;
    this.#decide(this.#end, -Errno.ECANCELED);
    return cancelled;
  }

  /** The first entry that no reader has and that was not refused; `#end` when there is none. */
  #deliverable(): number {
    let entry = this.#next;
    while (entry < this.#end && this.#results[entry] !== UNDECIDED) entry++;
    return entry;
  }

  /** Settles all entries before `end` that were open, and gives back what stands first and is settled. */
  #decide(end: number, result: number): void {
    for (let i = this.#first; i < end; i++) if (this.#results[i] === UNDECIDED) this.#results[i] = result;
    this.#giveBack();
  }

  /** Each entry has left the line before its driver hears of it: the driver may do anything then, also close us. */
  #giveBack(): void {
    while (this.#first < this.#end && this.#results[this.#first] !== UNDECIDED) {
      const entry = this.#first++;
      const event = this.#events[entry]!;
      const result = this.#results[entry]!;
      this.#events[entry] = null;
      if (this.#first === this.#end) this.#first = this.#end = 0;
      this.#next = this.#first;
      this.#delivered(event, result);
    }
    this.#next = this.#first;
  }

  #fetch(): void {
    this.#announced--;
    let event: unknown;
    this.begin('fetchEvent');
    try {
      event = this.ops.fetchEvent(this.context);
    } catch (error) {
      return this.#fetchFailed(error);
    }
    this.end('fetchEvent');
    const dataSize = this.#sizeOf(event as DriverEvent);
    if (dataSize < 0) return this.#refuse(event);
    this.#enqueue(event as DriverEvent, dataSize, UNDECIDED);
    if (dataSize > LIBCXL_DATA) this.overLibcxl('fetchEvent', dataSize);
    this.context.fetched(dataSize);
  }

  #enqueue(event: DriverEvent | null, dataSize: number, result: number): void {
    this.#events[this.#end] = event;
    this.#sizes[this.#end] = dataSize;
    this.#results[this.#end++] = result;
  }

  /** Nothing was fetched: it is still there when the driver asks to be asked again. */
  #fetchFailed(error: unknown): void {
    this.threw('fetchEvent', error);
    this.#announced++;
    this.end('fetchEvent');
  }

  /** The event's size, or -1 when it cannot be given to a reader: the driver may have returned anything. */
  #sizeOf(event: DriverEvent): number {
    try {
      const { data, dataSize } = event;
      const fits = dataSize >>> 0 === dataSize && dataSize <= data.length && dataSize <= this.maxDataSize;
      return fits && data instanceof Uint8Array ? dataSize : -1;
    } catch {
      return -1;
    }
  }

  /** Says why. */
  #refuse(event: unknown): void {
    this.#complain(event);
    this.#enqueue(isEvent(event) ? event : null, 0, -Errno.EINVAL);
    this.context.afterUnlock(() => this.#giveBack());
  }

  #complain(event: unknown): void {
    if (event === null) {
      // The announcements of a driver that has nothing must not hold back interrupts, faults and errors.
      const surplus = this.#announced + 1;
      this.#announced = 0;
      this.fault('fetchEvent', `had nothing though ${surplus} more had been announced, which are cancelled`);
      return;
    }
    if (!isEvent(event)) {
      this.wrong('fetchEvent', event, 'null or { dataSize, data: Uint8Array }');
      return;
    }
    try {
      const { dataSize, data } = event;
      const largest = Math.min(this.maxDataSize, data.length);
      this.fault('fetchEvent', `returned an event of ${String(dataSize)} bytes where ${largest} are possible`);
    } catch (error) {
      this.fault('fetchEvent', 'returned an event that cannot be looked at', error);
    }
  }

  #delivered(event: DriverEvent | null, result: number): void {
    this.anotherCall();
    try {
      // It may sleep, so it may also return a promise.
      const returned: unknown = this.ops.eventDelivered(this.context, event, result);
      if (returned !== undefined) this.#watch(returned);
    } catch (error) {
      this.threw('eventDelivered', error);
    }
  }

  #watch(returned: unknown): void {
    watchPromise(returned, error => this.threw('eventDelivered', error));
  }
}

/** Never throws, whatever the value is. */
function isEvent(value: unknown): value is DriverEvent {
  try {
    return (value as DriverEvent | null | undefined)?.data instanceof Uint8Array;
  } catch {
    return false;
  }
}
