// Where a context's driver events come from: the real event queue in either form, or a driver that goes wrong on demand.
import { Errno } from '../abi/index.ts';
import type {
  Context,
  DriverEvent,
  DriverModule,
  DriverOpsForm,
  FetchDriverOps,
  PollDriverOps,
} from '../core/index.ts';
import { EventQueue } from '../driver/index.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { Blame } from './judge.ts';
import { LARGE_DATA, payloadOf } from './labels.ts';
import type { Oracle } from './oracle.ts';

/** A driver's part in one context. */
export interface Feed {
  readonly form: DriverOpsForm;
  readonly owner: DriverModule | undefined;
  /** Whether it was queued; undefined where that is not known. */
  post(value: number): boolean | undefined;
  /** One write to a control file of the driver's; what was written. */
  control?(name: string, left: number): string;
  /** The next call of a callback goes wrong, in this way. */
  misbehave?(mischief: Mischief): void;
  fingerprint(into: Fingerprint): void;
  /** Looks whether what the driver was told in the last step is true. */
  check(): void;
  /** The context is gone: looks whether every event that was fetched came back as it must. */
  end(): void;
}

/** Watches every callback of a set of ops: none after the last close, each fetched event back once and in order. */
export class Ledger {
  readonly #context: Context;
  readonly #oracle: Oracle;
  readonly #blame: Blame;
  /** The driver has been let go: nothing of it may be called any more. */
  #closed = false;
  /** Fetched and not given back yet, with the serial number where there is one. */
  readonly #out: { readonly event: unknown; readonly value: number }[] = [];

  constructor(context: Context, oracle: Oracle, blame: Blame) {
    this.#context = context;
    this.#oracle = oracle;
    this.#blame = blame;
  }

  called(callback: string): void {
    if (this.#closed) this.#blame('C6', `${callback} was called after its driver was let go of ${this.#context.name}`);
  }

  fetched(event: unknown): void {
    this.called('fetchEvent');
    const { data } = (event ?? {}) as Partial<DriverEvent>;
    const value =
      data instanceof Uint8Array && data.length >= 4
        ? new DataView(data.buffer, data.byteOffset).getUint32(0, true)
        : -1;
    this.#out.push({ event, value });
  }

  returned(event: DriverEvent | null, result: number): void {
    this.called('eventDelivered');
    const first = this.#out.shift();
    const same = first && (first.event === event || (event === null && result === -Errno.EINVAL));
    if (!same) this.#blame('C3', `eventDelivered was called for an event that was not the first one fetched`);
    else this.#said.push({ value: first.value, result });
  }

  /** What eventDelivered was told in this step: readers in process learn later than the driver that an event arrived. */
  readonly #said: { readonly value: number; readonly result: number }[] = [];

  check(): void {
    for (const { value, result } of this.#said.splice(0)) {
      const arrived = this.#oracle.arrivedValues.has(value);
      if (result === 0 && !arrived) {
        this.#blame('C4', `eventDelivered said that driver event ${value} arrived, and nobody has read it`);
      } else if (result !== 0 && result !== -Errno.EFAULT && arrived) {
        this.#blame('C4', `eventDelivered said ${result} of driver event ${value}, which arrived`);
      }
    }
  }

  get out(): number {
    return this.#out.length;
  }

  end(): void {
    this.#closed = true;
    this.check();
    if (this.#out.length > 0)
      this.#blame('C3', `${this.#out.length} fetched events were never given back to the driver`);
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The ready queue of `afukit/driver`. */
export class QueueFeed implements Feed {
  readonly form: DriverOpsForm;
  readonly owner: DriverModule;
  readonly #queue: EventQueue;
  readonly #ledger: Ledger;

  /** @param large whether large events are posted */
  constructor(
    context: Context,
    owner: DriverModule,
    form: DriverOpsForm,
    large: boolean,
    oracle: Oracle,
    blame: Blame,
  ) {
    this.form = form;
    this.owner = owner;
    const ledger = (this.#ledger = new Ledger(context, oracle, blame));
    this.#queue = new EventQueue(context, { form, owner, ...(large ? { maxDataSize: LARGE_DATA } : {}) });
    // The core calls what stands in the ops at each call.
    if (form === 'fetch') {
      const ops = context.driverOps as Writable<FetchDriverOps>;
      const { fetchEvent, eventDelivered } = ops;
      ops.fetchEvent = each => {
        const event = fetchEvent(each);
        ledger.fetched(event);
        return event;
      };
      ops.eventDelivered = (each, event, result) => {
        ledger.returned(event, result);
        eventDelivered(each, event, result);
      };
    } else {
      const ops = context.driverOps as Writable<PollDriverOps>;
      const { eventPending } = ops;
      ops.eventPending = each => {
        ledger.called('eventPending');
        return eventPending(each);
      };
    }
  }

  post(value: number): boolean {
    return this.#queue.post(payloadOf(value));
  }

  fingerprint(into: Fingerprint): void {
    into.add(this.#queue.length | (this.#ledger.out << 8));
  }

  check(): void {
    this.#ledger.check();
  }

  end(): void {
    this.#ledger.end();
  }
}

/** How a rogue goes wrong, once. */
export type Mischief = 'throws' | 'returns junk' | 'calls back' | 'fails to deliver' | 'delivers junk' | 'has nothing';
export const mischiefs: Readonly<Record<DriverOpsForm, readonly Mischief[]>> = {
  poll: ['throws', 'returns junk', 'calls back', 'fails to deliver', 'delivers junk'],
  fetch: ['throws', 'returns junk', 'calls back', 'has nothing'],
};

/** A driver that is right but when told to be wrong; it tells the oracle what to expect then. */
export class RogueFeed implements Feed, PollDriverOps {
  readonly form: DriverOpsForm;
  readonly owner: DriverModule;
  readonly #context: Context;
  readonly #oracle: Oracle;
  readonly #ledger: Ledger;
  readonly #queue: number[] = [];
  #mischief: Mischief | undefined;

  constructor(context: Context, owner: DriverModule, form: DriverOpsForm, oracle: Oracle, blame: Blame) {
    this.form = form;
    this.owner = owner;
    this.#context = context;
    this.#oracle = oracle;
    this.#ledger = new Ledger(context, oracle, blame);
    if (form === 'poll') context.setDriverOps(this);
    else {
      context.setDriverOps({
        owner,
        fetchEvent: () => this.#fetch(),
        eventDelivered: (_context, event, result) => this.#ledger.returned(event, result),
      });
    }
  }

  post(value: number): undefined {
    this.#queue.push(value);
    this.#context.driverEventsPending(this.form === 'fetch' ? 1 : 0);
  }

  misbehave(mischief: Mischief): void {
    this.#mischief = mischief;
  }

  #wrong(...kinds: Mischief[]): Mischief | undefined {
    const mischief = this.#mischief;
    if (mischief === undefined || !kinds.includes(mischief)) return undefined;
    this.#mischief = undefined;
    this.#oracle.brokeItsPromise();
    return mischief;
  }

  eventPending(): boolean {
    this.#ledger.called('eventPending');
    const wrong = this.#wrong('throws', 'returns junk', 'calls back');
    if (wrong === 'throws') throw new Error('mischief');
    if (wrong === 'returns junk') return 1 as unknown as boolean;
    if (wrong === 'calls back') this.#callBack();
    return this.#queue.length > 0;
  }

  deliverEvent(_context: Context, buffer: Uint8Array, offset: number): number {
    this.#ledger.called('deliverEvent');
    const wrong = this.#wrong('fails to deliver', 'delivers junk');
    if (wrong === 'fails to deliver') throw new Error('mischief');
    if (wrong === 'delivers junk') return -1;
    const payload = payloadOf(this.#queue.shift()!);
    buffer.set(payload, offset);
    return payload.length;
  }

  #fetch(): DriverEvent | null {
    const wrong = this.#wrong('throws', 'returns junk', 'calls back', 'has nothing');
    if (wrong === 'throws') throw new Error('mischief');
    if (wrong === 'has nothing') {
      this.#queue.length = 0;
      this.#oracle.lostByDriver();
      this.#ledger.fetched(null);
      return null;
    }
    if (wrong === 'returns junk') {
      this.#queue.shift();
      this.#oracle.lostOldest();
      this.#ledger.fetched(undefined);
      return undefined as unknown as null;
    }
    if (wrong === 'calls back') this.#callBack();
    const data = payloadOf(this.#queue.shift()!);
    const event = { dataSize: data.length, data };
    this.#oracle.held++;
    this.#ledger.fetched(event);
    return event;
  }

  #callBack(): void {
    try {
      this.#context.poll();
    } catch {
      // EDEADLK, and it is reported.
    }
  }

  fingerprint(into: Fingerprint): void {
    into.add(this.#queue.length | (this.#ledger.out << 8));
    for (const value of this.#queue) into.add(value);
    into.addText(this.#mischief ?? '');
  }

  check(): void {
    this.#ledger.check();
  }

  end(): void {
    this.#ledger.end();
  }
}
