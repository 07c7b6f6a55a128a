import { MAX_DRIVER_EVENT_DATA } from '../abi/index.ts';
import {
  CxlError,
  type Context,
  type DriverEvent,
  type DriverModule,
  type DriverOps,
  type DriverOpsForm,
} from '../core/index.ts';
import { contextEventsPending, setDriverOps } from './kernel-api.ts';

/** One event's memory, which stays with the queue, so that a queue in use allocates nothing. */
class Slot implements DriverEvent {
  data: Uint8Array = new Uint8Array(32);
  dataSize = 0;
  /** False for one that is none of the queue's capacity, such as the event that says how many were forgotten. */
  readonly counted: boolean;

  constructor(counted: boolean) {
    this.counted = counted;
  }

  fill(payload: Uint8Array): this {
    if (payload.length > this.data.length) this.data = new Uint8Array(payload.length);
    this.data.set(payload);
    this.dataSize = payload.length;
    return this;
  }
}

const MAX_CAPACITY = 1_048_576;

export interface EventQueueOptions {
  /** Events that can wait, 1 to 1,048,576; default 64. */
  readonly capacity?: number | undefined;
  /** How the core gets at the events; default `fetch`. A reader sees no difference. */
  readonly form?: DriverOpsForm | undefined;
  /** The module that owns the queue; default: the one that the context was opened with. */
  readonly owner?: DriverModule | undefined;
  /** Largest payload in bytes; default 4088. See `maxDataSize` of the driver ops. */
  readonly maxDataSize?: number | undefined;
  /**
   * Given: a full queue forgets its oldest event and says so, in that event's place, by an event with this payload; `n`
   * is how many were forgotten there. Default: a full queue refuses the new event.
   */
  readonly dropped?: ((n: number) => Uint8Array) | undefined;
}

/**
 * A bounded queue of one context's driver events: `post` copies a payload in and wakes the readers, the core takes the
 * events out in order. Making one registers it as the context's driver ops.
 */
export class EventQueue {
  readonly context: Context;
  readonly capacity: number;
  readonly maxDataSize: number;
  readonly #dropped: ((n: number) => Uint8Array) | undefined;
  /** A ring of those that wait; its first is number `#head`, its last `#tail - 1`, of which the low bits tell the place. */
  readonly #waiting: Slot[] = [];
  /** Places of the ring less one: a power of two above the capacity, with one for an event while all are with the core. */
  readonly #mask: number;
  #head = 0;
  #tail = 0;
  readonly #free: Slot[] = [];
  #freeCount = 0;
  /** Slots made so far; those neither free nor waiting are with the core. */
  #made = 0;
  /** Events forgotten since the last that said so. */
  #forgotten = 0;
  #total = 0;
  /** Events that the core knows to wait here, in the fetch form. */
  #announced = 0;
  readonly #form: DriverOpsForm;
  readonly #registered: DriverOps;

  /** @throws CxlError as {@link setDriverOps} does; RangeError for a capacity out of its range */
  constructor(context: Context, options: EventQueueOptions = {}) {
    const { capacity = 64, form = 'fetch', maxDataSize = MAX_DRIVER_EVENT_DATA, dropped } = options;
    if (!Number.isSafeInteger(capacity) || capacity < 1 || capacity > MAX_CAPACITY)
      throw new RangeError(`a capacity of 1 to ${MAX_CAPACITY}, not ${capacity}`);
    const owner = options.owner ?? context.module;
    if (!owner) throw new CxlError('EINVAL', 'EventQueue', `no driver opened ${context.name}; say who owns the queue`);
    this.context = context;
    this.capacity = capacity;
    this.maxDataSize = maxDataSize;
    this.#mask = 2 ** Math.ceil(Math.log2(capacity + 1)) - 1;
    this.#dropped = dropped;
    this.#form = form;
    this.#registered = this.#ops(owner, form);
    setDriverOps(context, this.#registered);
  }

  /** Events that wait, or are with a reader. */
  get length(): number {
    return this.#made - this.#freeCount;
  }

  /** Events forgotten so far because the queue was full. */
  get dropped(): number {
    return this.#total;
  }

  /**
   * Queues one event and wakes the readers; returns false when it was not queued: the queue is full, the context was
   * closed or drained, or other driver ops have taken this queue's place.
   * @param payload 0 to `maxDataSize` bytes, copied
   * @throws CxlError EMSGSIZE when it is longer
   */
  post(payload: Uint8Array): boolean {
    if (payload.length > this.maxDataSize) throw this.#tooLong(payload.length);
    const { context } = this;
    if (context.driverOps !== this.#registered || context.drained) return this.#tooLate();
    const slot = this.#freeSlot() ?? this.#oldest();
    if (!slot) return false;
    this.#waiting[this.#tail++ & this.#mask] = slot.fill(payload);
    contextEventsPending(context, this.#form === 'fetch' ? this.#announcement() : 0);
    return true;
  }

  #tooLong(length: number): CxlError {
    return new CxlError('EMSGSIZE', 'post', `${length} bytes, an event of this queue holds ${this.maxDataSize}`);
  }

  /** A closed context is posted to all the same: it reports that. */
  #tooLate(): false {
    if (this.context.released) contextEventsPending(this.context, 0);
    return false;
  }

  /** What the core was not told of yet. */
  #announcement(): number {
    const news = this.#tail - this.#head + (this.#forgotten > 0 ? 1 : 0) - this.#announced;
    this.#announced += news;
    return news;
  }

  #freeSlot(): Slot | undefined {
    if (this.#freeCount > 0) return this.#free[--this.#freeCount];
    if (this.#made === this.capacity) return undefined;
    this.#made++;
    return new Slot(true);
  }

  /** The slot of the event that gives way, where one may; a new one when all events are with the core. */
  #oldest(): Slot | undefined {
    if (!this.#dropped) return undefined;
    if (this.#head === this.#tail) return new Slot(false);
    this.#forgotten++;
    this.#total++;
    return this.#waiting[this.#head++ & this.#mask];
  }

  /** Takes the next event out. */
  #next(): Slot | null {
    if (this.#forgotten > 0) {
      const payload = this.#dropped!(this.#forgotten);
      this.#forgotten = 0;
      return new Slot(false).fill(payload);
    }
    return this.#head === this.#tail ? null : this.#waiting[this.#head++ & this.#mask]!;
  }

  #giveBack(slot: Slot): void {
    if (slot.counted) this.#free[this.#freeCount++] = slot;
  }

  #ops(owner: DriverModule, form: DriverOpsForm): DriverOps {
    const { maxDataSize } = this;
    if (form === 'fetch') {
      return {
        owner,
        maxDataSize,
        fetchEvent: () => {
          const slot = this.#next();
          this.#announced--;
          return slot;
        },
        eventDelivered: (_context, event) => {
          if (event instanceof Slot) this.#giveBack(event);
        },
      };
    }
    return {
      owner,
      maxDataSize,
      eventPending: () => this.#head !== this.#tail || this.#forgotten > 0,
      deliverEvent: (_context, buffer, offset) => {
        const slot = this.#next()!;
        const { data, dataSize } = slot;
        buffer.set(data.length === dataSize ? data : data.subarray(0, dataSize), offset);
        this.#giveBack(slot);
        return dataSize;
      },
    };
  }
}
