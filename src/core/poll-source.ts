import { EVENT_HEADER_SIZE, putDriverHeader } from '../abi/events.ts';
import type { Context } from './context.ts';
import type { PollDriverOps } from './driver-ops.ts';
import { DriverSource, LIBCXL_DATA, TOO_LARGE } from './driver-source.ts';

const none = new Uint8Array(0);
/** Where an event is delivered that may be too large for its reader, while nobody else uses it. */
let scratch: Uint8Array = none;

/** The pull form. An event that the driver has given and its reader has not got is kept here. */
export class PollSource extends DriverSource {
  declare readonly ops: PollDriverOps;
  readonly #kept: Uint8Array[] = [];
  /** Where in the reader's bytes the events are that were taken, as pairs of offset and size. */
  readonly #taken: number[] = [];
  #takenCount = 0;

  // oxlint-disable-next-line no-useless-constructor -- narrows what the ops are
  constructor(context: Context, ops: PollDriverOps) {
    super(context, ops);
  }

  override pending(): boolean {
    if (this.#kept.length > 0) return true;
    if (this.aside) return false;
    this.begin('eventPending');
    let pending: unknown = false;
    try {
      pending = this.ops.eventPending(this.context);
    } catch (error) {
      this.threw('eventPending', error);
    }
    this.end('eventPending');
    if (pending !== true && pending !== false) this.wrong('eventPending', pending, 'true or false');
    return pending === true && !this.aside;
  }

  override waiting(): number {
    return this.#kept.length || Number(this.pending());
  }

  override take(bytes: Uint8Array, offset: number, room: number): number {
    const size = this.#kept.length > 0 ? this.#takeKept(bytes, offset, room) : this.#takeNew(bytes, offset, room);
    if (size > 0) {
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

  override drop(): void {
    this.#takenCount = 0;
  }

  override close(): number {
    return this.#kept.splice(0).length;
  }

  override handOver(): Uint8Array[] {
    return this.#kept.splice(0);
  }

  #takeKept(bytes: Uint8Array, offset: number, room: number): number {
    const event = this.#kept[0]!;
    if (event.length > room) return TOO_LARGE;
    this.#kept.shift();
    bytes.set(event, offset);
    return event.length;
  }

  #takeNew(bytes: Uint8Array, offset: number, room: number): number {
    if (!this.pending()) return 0;
    const largest = EVENT_HEADER_SIZE + this.maxDataSize;
    return room >= largest ? this.#deliver(bytes, offset) : this.#deliverElsewhere(largest, bytes, offset, room);
  }

  /** How large the event is shows only when it is delivered. */
  #deliverElsewhere(largest: number, bytes: Uint8Array, offset: number, room: number): number {
    const memory = scratch.length < largest ? new Uint8Array(largest) : scratch;
    // The driver may well read another context meanwhile.
    scratch = none;
    const size = this.#deliver(memory, 0);
    if (size > 0) this.#kept.push(memory.slice(0, size));
    scratch = memory;
    if (size === 0) return 0;
    return this.#takeKept(bytes, offset, room);
  }

  /** Has the driver write its event; returns the whole event's size, or 0 when the driver failed. */
  #deliver(bytes: Uint8Array, offset: number): number {
    this.begin('deliverEvent');
    let dataSize: unknown;
    try {
      dataSize = this.ops.deliverEvent(this.context, bytes, offset + EVENT_HEADER_SIZE, this.maxDataSize);
    } catch (error) {
      this.threw('deliverEvent', error);
    }
    this.end('deliverEvent');
    if (typeof dataSize !== 'number' || dataSize >>> 0 !== dataSize || dataSize > this.maxDataSize) {
      return this.#wrongSize(dataSize);
    }
    if (dataSize > LIBCXL_DATA) this.overLibcxl('deliverEvent', dataSize);
    this.context.fetched(dataSize);
    return putDriverHeader(bytes, offset, this.context.pe, dataSize);
  }

  #wrongSize(dataSize: unknown): 0 {
    this.wrong('deliverEvent', dataSize, `a payload length from 0 to ${this.maxDataSize}`);
    return 0;
  }
}
