import { MAX_DRIVER_EVENT_DATA } from '../abi/index.ts';
import { CxlError, type Context, type DriverEvent, type FetchDriverOps } from '../core/index.ts';
import { contextEventsPending, setDriverOps } from './kernel-api.ts';

/** A slot's memory stays with it, so that a queue in use allocates nothing. */
class Slot implements DriverEvent {
  data = new Uint8Array(32);
  dataSize = 0;

  fill(payload: Uint8Array): void {
    if (payload.length > this.data.length) this.data = new Uint8Array(payload.length);
    this.data.set(payload);
    this.dataSize = payload.length;
  }
}

export interface EventQueueOptions {
  /** Events that can wait, 1 upwards; default 64. */
  readonly capacity?: number | undefined;
}

/**
 * A bounded queue of one context's driver events: `post` copies a payload in and wakes the readers, the core takes the
 * events out in order. Making one registers it as the context's driver ops, in the fetch form.
 */
export class EventQueue implements FetchDriverOps {
  readonly context: Context;
  readonly capacity: number;
  readonly #slots: Slot[] = [];
  /** Events ever posted, fetched and given back; a slot is an event's number modulo the capacity. */
  #posted = 0;
  #fetched = 0;
  #done = 0;

  /** @throws CxlError as {@link setDriverOps} does; RangeError for a capacity below 1 */
  constructor(context: Context, options: EventQueueOptions = {}) {
    const { capacity = 64 } = options;
    if (!Number.isSafeInteger(capacity) || capacity < 1)
      throw new RangeError(`a capacity of 1 upwards, not ${capacity}`);
    this.context = context;
    this.capacity = capacity;
    setDriverOps(context, this);
  }

  /** Events that wait, or are with a reader. */
  get length(): number {
    return this.#posted - this.#done;
  }

  /**
   * Queues one event and wakes the readers; returns false when the queue is full and nothing was queued.
   * @param payload 0 to 4088 bytes, copied
   * @throws CxlError EMSGSIZE when it is longer
   */
  post(payload: Uint8Array): boolean {
    if (payload.length > MAX_DRIVER_EVENT_DATA) {
      throw new CxlError('EMSGSIZE', 'post', `${payload.length} bytes, an event holds ${MAX_DRIVER_EVENT_DATA}`);
    }
    if (this.length === this.capacity) return false;
    const index = this.#posted % this.capacity;
    (this.#slots[index] ??= new Slot()).fill(payload);
    this.#posted++;
    contextEventsPending(this.context, 1);
    return true;
  }

  fetchEvent(): DriverEvent | null {
    return this.#fetched === this.#posted ? null : this.#slots[this.#fetched++ % this.capacity]!;
  }

  eventDelivered(_context: Context, event: DriverEvent | null): void {
    if (event !== null) this.#done++;
  }
}
