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
      this.threw('fetchEvent', error);
      // Nothing was fetched: it is still there when the driver asks to be asked again.
      this.#announced++;
      this.end('fetchEvent');
      return;
    }
    this.end('fetchEvent');
    const dataSize = this.#checked(event);
    const refused = dataSize < 0;
    this.#events[this.#end] = refused && !isEvent(event) ? null : (event as DriverEvent);
    this.#sizes[this.#end] = dataSize;
    this.#results[this.#end] = refused ? -Errno.EINVAL : UNDECIDED;
    this.#end++;
    if (refused) return this.#giveBackLater();
    if (dataSize > LIBCXL_DATA) this.overLibcxl('fetchEvent', dataSize);
    this.context.fetched(dataSize);
  }

  #giveBackLater(): void {
    this.context.afterUnlock(() => this.#giveBack());
  }

  /** The event's size, or -1 when it cannot be given to a reader, with the reason said. */
  #checked(event: unknown): number {
    if (event === null) {
      // The announcements of a driver that has nothing must not hold back interrupts, faults and errors.
      const surplus = this.#announced + 1;
      this.#announced = 0;
      this.fault('fetchEvent', `had nothing though ${surplus} more had been announced, which are cancelled`);
      return -1;
    }
    if (!isEvent(event)) {
      this.wrong('fetchEvent', event, 'null or { dataSize, data: Uint8Array }');
      return -1;
    }
    try {
      const { dataSize, data } = event;
      const largest = Math.min(this.maxDataSize, data.length);
      if (Number.isInteger(dataSize) && dataSize >= 0 && dataSize <= largest) return dataSize;
      this.fault('fetchEvent', `returned an event of ${String(dataSize)} bytes where ${largest} are possible`);
    } catch (error) {
      this.fault('fetchEvent', 'returned an event that cannot be looked at', error);
    }
    return -1;
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

function isEvent(value: unknown): value is DriverEvent {
  try {
    return (value as DriverEvent | null | undefined)?.data instanceof Uint8Array;
  } catch {
    return false;
  }
}
