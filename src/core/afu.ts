import { EVENT_HEADER_SIZE, MAX_DRIVER_EVENT_DATA } from '../abi/events.ts';
import type { Adapter } from './adapter.ts';
import { Context, type ContextStatus } from './context.ts';
import { diagnose } from './diagnostics.ts';
import { DriverModule } from './driver-module.ts';
import type { AfuDriver } from './driver-ops.ts';
import { CxlError } from './errors.ts';
import { tracepoints } from './tracepoints.ts';

/** How an AFU is shared: by one process, by many, or not at all while it has no mode. */
export type AfuMode = 'dedicated_process' | 'afu_directed' | 'none';

/** The hardware behind an AFU. C original: `struct cxl_backend_ops` (drivers/misc/cxl/cxl.h). */
export interface AfuBackend {
  readonly name: string;
  /** Starts `context.work`; throws to refuse it: a CxlError's errno is what START_WORK returns. */
  attachProcess(context: Context): void;
  /** Ends the work; the context is CLOSED and nothing that is raised on it counts any more. */
  detachProcess(context: Context): void;
}

/** What an AFU can do, as its descriptor says on hardware. */
export interface AfuOptions {
  readonly backend: AfuBackend;
  /** The AFU driver that delivers its own events on this AFU's contexts; a plain driver is loaded as a module. */
  readonly driver?: AfuDriver | DriverModule | undefined;
  /** Default: `afu_directed` alone. The first that is supported, afu_directed before dedicated_process, is the mode. */
  readonly modes?: readonly Exclude<AfuMode, 'none'>[] | undefined;
  /** How many contexts can be open in afu_directed mode, 1 to 16384; default 512. Dedicated mode has one. */
  readonly numProcs?: number | undefined;
  /** Interrupts that every context gets, 0 to the adapter's number; default 1. */
  readonly irqsMin?: number | undefined;
  /** Interrupts that a context may ask for, irqsMin to the adapter's number; default: that number. */
  readonly irqsMax?: number | undefined;
  /** Events that one read may return, 1 upwards; default 1, as the kernel does. */
  readonly eventsPerRead?: number | undefined;
  /** What becomes of an event whose copy to the reader failed: kept (default), or lost as in the kernel. */
  readonly copyFault?: CopyFault | undefined;
}

/** `keep`: the event is the next that is read. `drop`: it is lost, as the kernel loses it, for differential tests. */
export type CopyFault = 'keep' | 'drop';

/** The better mode first: the one that an AFU begins with. */
const MODES = ['afu_directed', 'dedicated_process'] as const;

/** Process elements that a scheduled process area of 1 MiB holds. */
export const MAX_PROCESS_ELEMENTS = 16384;

/** One accelerator function unit: a slice of an adapter. C original: `struct cxl_afu` (drivers/misc/cxl/cxl.h). */
export class Afu {
  readonly adapter: Adapter;
  readonly slice: number;
  readonly backend: AfuBackend;
  readonly modesSupported: readonly AfuMode[];
  readonly irqsMin: number;
  readonly irqsMax: number;
  readonly eventsPerRead: number;
  readonly copyFault: CopyFault;
  readonly #directedProcs: number;
  readonly #contexts = new Map<number, Context>();
  /** No process element below this one is free. */
  #lowestFree = 0;
  #mode: AfuMode;
  #driver: DriverModule | undefined;

  /** @internal AFUs are made by {@link Adapter}. */
  constructor(adapter: Adapter, slice: number, options: AfuOptions) {
    const {
      modes = ['afu_directed'],
      numProcs = 512,
      irqsMin = 1,
      irqsMax = adapter.userIrqs,
      eventsPerRead = 1,
    } = options;
    this.adapter = adapter;
    this.slice = slice;
    this.backend = options.backend;
    this.bindDriver(options.driver);
    this.copyFault = options.copyFault ?? 'keep';
    this.modesSupported = modes;
    const strange = modes.find(mode => !MODES.includes(mode));
    if (strange !== undefined) throw new RangeError(`modes are ${MODES.join(' and ')}, not ${strange}`);
    this.#mode = MODES.find(mode => modes.includes(mode)) ?? 'none';
    this.#directedProcs = inRange(`${this.name}: numProcs`, numProcs, 1, MAX_PROCESS_ELEMENTS);
    this.irqsMin = inRange(`${this.name}: irqsMin`, irqsMin, 0, adapter.userIrqs);
    this.irqsMax = inRange(`${this.name}: irqsMax`, irqsMax, irqsMin, adapter.userIrqs);
    this.eventsPerRead = inRange(`${this.name}: eventsPerRead`, eventsPerRead, 1, Number.MAX_SAFE_INTEGER);
  }

  /** `afu<card>.<slice>` */
  get name(): string {
    return `afu${this.adapter.card}.${this.slice}`;
  }

  get mode(): AfuMode {
    return this.#mode;
  }

  /** How many contexts can be open in the current mode. */
  get numProcs(): number {
    return this.#mode === 'dedicated_process' ? 1 : this.#directedProcs;
  }

  /** The module that serves contexts opened from now on. */
  get driver(): DriverModule | undefined {
    return this.#driver;
  }

  /** Binds another driver, or none: contexts that are open keep the one that they were opened with. */
  bindDriver(driver: AfuDriver | DriverModule | undefined): void {
    this.#driver = driver && DriverModule.of(driver);
  }

  /** The open contexts, by process element. */
  get contexts(): ReadonlyMap<number, Context> {
    return this.#contexts;
  }

  /**
   * Opens a context with the lowest free process element, for the AFU's driver to serve.
   * @throws CxlError ENODEV when the AFU has no mode, EIO when the link is down, ENOSPC when all process elements are
   * in use (also for a second open in dedicated mode)
   * C original: `__afu_open` (drivers/misc/cxl/file.c), `cxl_context_init` (drivers/misc/cxl/context.c).
   */
  openContext(options: { readonly master?: boolean } = {}): Context {
    return this.#open(options.master ?? this.#mode === 'dedicated_process', context => context.opened(this.#driver));
  }

  /**
   * A context that a driver makes for itself: a slave, whose `module` is the driver's and whose `open` hook is not called.
   * @throws CxlError as {@link openContext}, and ENODEV when the module is being unloaded
   */
  openKernelContext(module: DriverModule): Context {
    return this.#open(false, context => context.belongsTo(module));
  }

  #open(master: boolean, prepare: (context: Context) => void): Context {
    if (this.#mode === 'none') throw new CxlError('ENODEV', 'open', `${this.name} has no mode`);
    if (!this.adapter.linkUp) throw new CxlError('EIO', 'open', `${this.adapter.name} has no link`);
    const pe = this.#freeProcessElement();
    const context = new Context(this, pe, master);
    this.#contexts.set(pe, context);
    this.#lowestFree = pe + 1;
    if (tracepoints.contextOpen.active) tracepoints.contextOpen.publish({ context });
    try {
      prepare(context);
    } catch (error) {
      context.release();
      if (error instanceof CxlError) throw error;
      const source = `driver ${this.#driver?.name ?? 'unknown'}`;
      this.adapter.report(diagnose({ source, callback: 'open', context, problem: 'threw', error }));
      throw new CxlError('EIO', 'open', `${source} failed`, { cause: error });
    }
    return context;
  }

  /** Detaches every context: each is CLOSED, drains and then fails. C original: `cxl_context_detach_all`. */
  detachAll(): void {
    for (const context of this.#contexts.values()) context.detach();
  }

  /** Bytes of the largest event, header included, that any open context's driver can deliver; 4096 at the least. */
  get largestEvent(): number {
    let data = MAX_DRIVER_EVENT_DATA;
    for (const { driverOps } of this.#contexts.values()) data = Math.max(data, driverOps?.maxDataSize ?? 0);
    return EVENT_HEADER_SIZE + data;
  }

  /** How many contexts have a status. */
  count(status: ContextStatus): number {
    let count = 0;
    for (const context of this.#contexts.values()) if (context.status === status) count++;
    return count;
  }

  /** @internal */
  attach(context: Context): void {
    if (!this.adapter.linkUp) throw new CxlError('EIO', 'attach', `${this.adapter.name} has no link`);
    try {
      this.backend.attachProcess(context);
    } catch (error) {
      if (error instanceof CxlError) throw error;
      this.#report('attach', context, error);
      throw new CxlError('EIO', 'attach', `the AFU model ${this.backend.name} failed`, { cause: error });
    }
  }

  /** @internal */
  detach(context: Context): void {
    try {
      this.backend.detachProcess(context);
    } catch (error) {
      this.#report('detach', context, error);
    }
  }

  /** @internal */
  contextReleased(context: Context): void {
    this.#contexts.delete(context.pe);
    this.#lowestFree = Math.min(this.#lowestFree, context.pe);
  }

  #freeProcessElement(): number {
    let pe = this.#lowestFree;
    while (this.#contexts.has(pe)) pe++;
    if (pe < this.numProcs) return pe;
    throw new CxlError('ENOSPC', 'open', `all ${this.numProcs} process elements of ${this.name} are in use`);
  }

  #report(callback: string, context: Context, error: unknown): void {
    this.adapter.report(
      diagnose({ source: `AFU model ${this.backend.name}`, callback, context, problem: 'threw', error }),
    );
  }
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}`);
}
