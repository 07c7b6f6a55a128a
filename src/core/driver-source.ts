import { Errno } from '../abi/errno.ts';
import { MAX_DRIVER_EVENT_DATA, EVENT_HEADER_SIZE, putDriverHeader } from '../abi/events.ts';
import type { Context } from './context.ts';
import type { DriverEvent, FetchDriverOps, PollDriverOps } from './driver-ops.ts';

/**
 * A context's driver as the context reads it, the same for both forms. Between `take` and `commit` or `putBack` an
 * event is in the reader's hands and nowhere else is it counted.
 */
export abstract class DriverSource {
  protected readonly context: Context;
  readonly name: string;
  /** A driver that broke its promise is not asked again until it posts. */
  protected aside = false;

  constructor(context: Context, name: string) {
    this.context = context;
    this.name = name;
  }

  /** Whether `take` will give an event, as far as the driver can be believed. */
  abstract pending(): boolean;
  /** Writes the next whole event; returns its size, or 0 when there is none or `room` is too small for it. */
  abstract take(bytes: Uint8Array, offset: number, room: number): number;
  /** What was taken has reached its reader. */
  abstract commit(): void;
  /** What was taken did not reach its reader; `bytes` still holds it. */
  abstract putBack(bytes: Uint8Array): void;
  /** The context is gone or has other ops: gives back what is held. */
  abstract close(): void;

  /** The driver posted: `count` events more, 0 to be asked again. */
  announce(_count: number): void {
    this.aside = false;
  }

  protected fault(callback: string, problem: string, error?: unknown): void {
    this.aside = true;
    this.context.report({
      source: `driver ${this.name}`,
      callback,
      context: this.context,
      problem: `${problem}; not asked again until the driver posts`,
      ...(error === undefined ? {} : { error }),
    });
  }
}

/** The pull form. An event whose copy failed is kept here, since the driver has forgotten it. */
export class PollSource extends DriverSource {
  readonly #ops: PollDriverOps;
  readonly #kept: Uint8Array[] = [];
  /** Where in the reader's bytes the events are that were taken, as pairs of offset and size. */
  readonly #taken: number[] = [];
  #takenCount = 0;

  constructor(context: Context, name: string, ops: PollDriverOps) {
    super(context, name);
    this.#ops = ops;
  }

  override pending(): boolean {
    if (this.#kept.length > 0) return true;
    if (this.aside) return false;
    try {
      return this.#ops.eventPending(this.context);
    } catch (error) {
      this.fault('eventPending', 'threw', error);
      return false;
    }
  }

  override take(bytes: Uint8Array, offset: number, room: number): number {
    const size = this.#kept.length > 0 ? this.#takeKept(bytes, offset, room) : this.#deliver(bytes, offset, room);
    if (size !== 0) {
      this.#taken[this.#takenCount++] = offset;
      this.#taken[this.#takenCount++] = size;
    }
    return size;
  }

  override commit(): void {
    this.#takenCount = 0;
  }

  override putBack(bytes: Uint8Array): void {
    for (let i = this.#takenCount - 2; i >= 0; i -= 2) {
      const offset = this.#taken[i]!;
      this.#kept.unshift(new Uint8Array(bytes.subarray(offset, offset + this.#taken[i + 1]!)));
    }
    this.#takenCount = 0;
  }

  override close(): void {
    this.#kept.length = 0;
  }

  #takeKept(bytes: Uint8Array, offset: number, room: number): number {
    const event = this.#kept[0]!;
    if (event.length > room) return 0;
    this.#kept.shift();
    bytes.set(event, offset);
    return event.length;
  }

  #deliver(bytes: Uint8Array, offset: number, room: number): number {
    // How large the event is shows only when it is delivered, so it is asked for only where any event fits.
    const largest = MAX_DRIVER_EVENT_DATA;
    if (room < EVENT_HEADER_SIZE + largest || !this.pending()) return 0;
    let size: unknown;
    try {
      size = this.#ops.deliverEvent(this.context, bytes, offset + EVENT_HEADER_SIZE, largest);
    } catch (error) {
      this.fault('deliverEvent', 'threw', error);
      return 0;
    }
    if (typeof size !== 'number' || !Number.isInteger(size) || size < 0 || size > largest) {
      this.fault('deliverEvent', `returned ${String(size)}, not a payload length from 0 to ${largest}`);
      return 0;
    }
    return putDriverHeader(bytes, offset, this.context.pe, size);
  }
}

/**
 * The fetch form. The next event is fetched when somebody first asks whether there is one, so that poll never promises
 * what a driver only announced.
 */
export class FetchSource extends DriverSource {
  readonly #ops: FetchDriverOps;
  #announced = 0;
  /**
   * Fetched and not yet given back, first fetched first. The first `#takenCount` of them are in a reader's hands.
   */
  readonly #held: DriverEvent[] = [];
  #heldCount = 0;
  #takenCount = 0;

  constructor(context: Context, name: string, ops: FetchDriverOps) {
    super(context, name);
    this.#ops = ops;
  }

  override announce(count: number): void {
    super.announce(count);
    this.#announced += count;
  }

  override pending(): boolean {
    while (this.#heldCount === this.#takenCount && this.#announced > 0 && !this.aside) this.#fetch();
    return this.#heldCount > this.#takenCount;
  }

  override take(bytes: Uint8Array, offset: number, room: number): number {
    if (!this.pending()) return 0;
    const { data, dataSize } = this.#held[this.#takenCount]!;
    if (EVENT_HEADER_SIZE + dataSize > room) return 0;
    this.#takenCount++;
    bytes.set(data.length === dataSize ? data : data.subarray(0, dataSize), offset + EVENT_HEADER_SIZE);
    return putDriverHeader(bytes, offset, this.context.pe, dataSize);
  }

  override commit(): void {
    const count = this.#takenCount;
    this.#takenCount = 0;
    this.#giveBack(count, 0);
  }

  override putBack(): void {
    this.#takenCount = 0;
  }

  override close(): void {
    this.#announced = 0;
    this.#giveBack(this.#heldCount, -Errno.ECANCELED);
  }

  /** Gives the first `count` held events back to the driver. */
  #giveBack(count: number, result: number): void {
    if (count === 0) return;
    const held = this.#held;
    if (count === 1 && this.#heldCount === 1) {
      this.#heldCount = 0;
      return this.#delivered(held[0]!, result);
    }
    const given = held.slice(0, count);
    held.copyWithin(0, count, this.#heldCount);
    this.#heldCount -= count;
    for (const event of given) this.#delivered(event, result);
  }

  #fetch(): void {
    this.#announced--;
    let event: DriverEvent | null;
    try {
      event = this.#ops.fetchEvent(this.context);
    } catch (error) {
      this.fault('fetchEvent', 'threw', error);
      return;
    }
    const problem = event === null ? 'had no event though one was announced' : payloadProblem(event);
    if (problem === undefined) {
      this.#held[this.#heldCount++] = event!;
      return;
    }
    // The announcements of a driver that has nothing must not hold back interrupts, faults and errors.
    if (event === null) this.#announced = 0;
    this.fault('fetchEvent', problem);
    this.context.afterUnlock(() => this.#delivered(event, -Errno.EINVAL));
  }

  #delivered(event: DriverEvent | null, result: number): void {
    try {
      this.#ops.eventDelivered(this.context, event, result);
    } catch (error) {
      this.fault('eventDelivered', 'threw', error);
    }
  }
}

function payloadProblem(event: DriverEvent): string | undefined {
  const { dataSize, data } = event;
  if (!(data instanceof Uint8Array)) return 'returned an event whose data is not a Uint8Array';
  if (!Number.isInteger(dataSize) || dataSize < 0 || dataSize > data.length) {
    return `returned an event of dataSize ${String(dataSize)} with ${data.length} bytes of data`;
  }
  if (dataSize > MAX_DRIVER_EVENT_DATA) {
    return `returned an event of ${dataSize} bytes; at most ${MAX_DRIVER_EVENT_DATA} fit`;
  }
  return undefined;
}
