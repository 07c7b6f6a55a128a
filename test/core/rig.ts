import {
  CXL_READ_MIN_SIZE,
  type CxlEvent,
  decodeEvents,
  hostOrder,
  POLLERR,
  POLLIN,
  POLLRDNORM,
} from '../../src/abi/index.ts';
import {
  Adapter,
  type AdapterOptions,
  type Afu,
  type AfuBackend,
  type AfuDriver,
  type AfuOptions,
  type Context,
  CxlError,
  type Diagnostic,
  type DriverEvent,
  DriverModule,
  type FetchDriverOps,
  type PollDriverOps,
  Waiter,
  type Work,
} from '../../src/core/index.ts';

export const READY: number = POLLIN | POLLRDNORM;
export const FAILED: number = POLLERR;

/** A backend that does what it is told and remembers who was attached and detached, by process element. */
export class Backend implements AfuBackend {
  readonly name = 'rig';
  readonly attached: number[] = [];
  readonly detached: number[] = [];
  onAttach: (context: Context) => void = () => {};
  onDetach: (context: Context) => void = () => {};

  attachProcess(context: Context): void {
    this.attached.push(context.pe);
    this.onAttach(context);
  }

  detachProcess(context: Context): void {
    this.detached.push(context.pe);
    this.onDetach(context);
  }
}

/** A module that owns driver ops; its name is in the diagnostics. */
export function owner(name: string = 'rig', hooks: Omit<AfuDriver, 'name'> = {}): DriverModule {
  return new DriverModule({ name, ...hooks });
}

export interface Rig {
  readonly adapter: Adapter;
  readonly afu: Afu;
  readonly backend: Backend;
  readonly diagnostics: Diagnostic[];
}

/**
 * An adapter with one AFU, whose diagnostics are collected. A callback may take as long as it likes unless the test says
 * otherwise: a busy machine must not fail a test.
 */
export function rig(options: Partial<AfuOptions> = {}, adapterOptions: Partial<AdapterOptions> = {}): Rig {
  const diagnostics: Diagnostic[] = [];
  const backend = new Backend();
  const onDiagnostic = (diagnostic: Diagnostic): void => void diagnostics.push(diagnostic);
  const afus = [{ backend, ...options }];
  const adapter = new Adapter({ afus, onDiagnostic, callbackBudgetMs: Infinity, ...adapterOptions });
  return { adapter, afu: adapter.afus[0]!, backend, diagnostics };
}

export function work(interrupts = 1): Work {
  return { wed: 0n, amr: 0n, interrupts, mmioErrorsAllOnes: false, pid: 1 };
}

/** A rig with one started context that has 64 interrupts. */
export function startedRig(
  options: Partial<AfuOptions> = {},
  adapterOptions: Partial<AdapterOptions> = {},
): Rig & { readonly context: Context } {
  const made = rig(options, adapterOptions);
  const context = made.afu.openContext();
  context.start(work(64));
  return { ...made, context };
}

/** What one non-blocking read gives: nothing is an empty list. */
export function read(context: Context, room: number = CXL_READ_MIN_SIZE): CxlEvent[] {
  const bytes = new Uint8Array(room);
  const size = context.take(bytes, 0, room);
  if (size > 0) context.commit();
  return decodeEvents(bytes, size);
}

/** A read whose copy to the reader fails: what it would have given. */
export function failedRead(context: Context, room: number = CXL_READ_MIN_SIZE): CxlEvent[] {
  const bytes = new Uint8Array(room);
  const size = context.take(bytes, 0, room);
  const events = decodeEvents(bytes, size, hostOrder);
  if (size > 0) context.putBack(bytes);
  // The reader's memory is its own again.
  bytes.fill(0xee);
  return events;
}

/** All that can be read, one read after another, shortly: see {@link brief}. */
export function drain(context: Context, room?: number): string[] {
  const events: string[] = [];
  for (let got = read(context, room); got.length > 0; got = read(context, room)) events.push(...got.map(brief));
  return events;
}

/** An event as one word: `irq 3`, `fault 10/2`, `error 7`, `driver 1,2,3`. */
export function brief(event: CxlEvent): string {
  switch (event.type) {
    case 'afu-interrupt':
      return `irq ${event.irq}`;
    case 'data-storage':
      return `fault ${event.address}/${event.dsisr}`;
    case 'afu-error':
      return `error ${event.error}`;
    case 'afu-driver':
      return `driver ${event.data.join()}`;
    default:
      return event.type;
  }
}

/** Who was blamed for what: `driver d open`. */
export function blamed(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ source, callback }) => `${source} ${callback}`);
}

/** A callback with a bug. */
export function throwsBug(): never {
  throw new TypeError('my bug');
}

export function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (error instanceof CxlError) return error.code;
    throw error;
  }
  return undefined;
}

/** Counts its wake-ups; `onWake` runs in each. */
export class Sleeper extends Waiter {
  wakes = 0;
  readonly #onWake: (self: Sleeper) => void;

  constructor(onWake: (self: Sleeper) => void = () => {}) {
    super();
    this.#onWake = onWake;
  }

  override wake(): void {
    this.wakes++;
    this.#onWake(this);
  }
}

export function asleep(context: Context, onWake?: (self: Sleeper) => void): Sleeper {
  const sleeper = new Sleeper(onWake);
  context.waiters.add(sleeper);
  return sleeper;
}

/** A driver that posts payloads in some form, so that one test can run over both. */
export interface TestDriver {
  post(...payload: number[]): void;
}

/** The fetch form, kept honest: a list of events and a log of what came back as `payload:result`. */
export class FetchDriver implements FetchDriverOps, TestDriver {
  readonly owner: DriverModule;
  readonly queue: DriverEvent[] = [];
  readonly returned: string[] = [];
  fetched = 0;
  readonly #context: Context;

  constructor(context: Context, module: DriverModule = owner('fetch')) {
    this.#context = context;
    this.owner = module;
    context.setDriverOps(this);
  }

  post(...payload: number[]): void {
    this.queue.push({ dataSize: payload.length, data: Uint8Array.from(payload) });
    this.#context.driverEventsPending(1);
  }

  fetchEvent(_context: Context): DriverEvent | null {
    this.fetched++;
    return this.queue.shift() ?? null;
  }

  eventDelivered(_context: Context, event: DriverEvent | null, result: number): void {
    this.returned.push(`${event === null ? 'null' : event.data.join()}:${result}`);
  }
}

/** The pull form, kept honest. */
export class PullDriver implements PollDriverOps, TestDriver {
  readonly owner: DriverModule;
  readonly queue: Uint8Array[] = [];
  readonly #context: Context;

  constructor(context: Context, module: DriverModule = owner('pull')) {
    this.#context = context;
    this.owner = module;
    context.setDriverOps(this);
  }

  post(...payload: number[]): void {
    this.queue.push(Uint8Array.from(payload));
    this.#context.driverEventsPending(0);
  }

  eventPending(_context: Context): boolean {
    return this.queue.length > 0;
  }

  deliverEvent(_context: Context, buffer: Uint8Array, offset: number, maxSize: number): number {
    const payload = this.queue.shift()!;
    if (payload.length > maxSize) throw new RangeError('the test posted too much');
    buffer.set(payload, offset);
    return payload.length;
  }
}

/** Both forms of driver ops, to run the same test over each. */
export const driverForms: readonly (readonly [string, (context: Context) => TestDriver])[] = [
  ['fetch form', context => new FetchDriver(context)],
  ['pull form', context => new PullDriver(context)],
];
