import { EVENT_HEADER_SIZE, MAX_DRIVER_EVENT_DATA } from '../abi/events.ts';
import type { Adapter } from './adapter.ts';
import type { AfuBackend, AfuMode, AfuOptions, ConfigurationRecord, CopyFault, PrefaultMode } from './afu-options.ts';
import { completeRecord } from './configuration-record.ts';
import { Context } from './context.ts';
import { diagnose } from './diagnostics.ts';
import { DriverModule } from './driver-module.ts';
import type { AfuDriver } from './driver-ops.ts';
import { CxlError } from './errors.ts';
import { LocalArea, checkProblemState, type ProblemState, type WindowMemory } from './problem-state.ts';
import { isThenable } from './promises.ts';
import { tracepoints } from './tracepoints.ts';
import type { ContextStatus, OpenOptions } from './work.ts';

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
  readonly problemState: ProblemState | undefined;
  readonly configurationRecords: readonly Required<ConfigurationRecord>[];
  /** Undefined when there is none, also when it would be empty. */
  readonly errorBuffer: Uint8Array | undefined;
  prefaultMode: PrefaultMode;
  /** How often a mode was activated: each time the device files are new ones. */
  activations = 0;
  readonly eventsPerRead: number;
  readonly copyFault: CopyFault;
  readonly #directedProcs: number;
  readonly #contexts = new Map<number, Context>();
  /** No process element below this one is free. */
  #lowestFree = 0;
  #mode: AfuMode = 'none';
  #irqsMax: number;
  readonly #defaults: { readonly irqsMax: number; readonly prefaultMode: PrefaultMode };
  /** Resets that have begun and not ended. */
  #resets = 0;
  readonly #area: LocalArea | undefined;
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
    this.#directedProcs = inRange(`${this.name}: numProcs`, numProcs, 1, MAX_PROCESS_ELEMENTS);
    this.irqsMin = inRange(`${this.name}: irqsMin`, irqsMin, 0, adapter.userIrqs);
    this.#irqsMax = inRange(`${this.name}: irqsMax`, irqsMax, irqsMin, adapter.userIrqs);
    this.prefaultMode = options.prefault ?? 'none';
    this.#defaults = { irqsMax, prefaultMode: this.prefaultMode };
    this.eventsPerRead = inRange(`${this.name}: eventsPerRead`, eventsPerRead, 1, Number.MAX_SAFE_INTEGER);
    const processes = modes.includes('afu_directed') ? numProcs : 1;
    this.problemState = options.problemState && checkProblemState(this.name, options.problemState, processes);
    this.#area = this.problemState && new LocalArea(this.problemState.size);
    this.configurationRecords = (options.configurationRecords ?? []).map((record, index) =>
      completeRecord(`${this.name}: configurationRecords[${index}]`, record),
    );
    this.errorBuffer = options.errorBuffer?.length ? options.errorBuffer : undefined;
    this.activateBestMode();
  }

  /** `afu<card>.<slice>` */
  get name(): string {
    return `afu${this.adapter.card}.${this.slice}`;
  }

  get mode(): AfuMode {
    return this.#mode;
  }

  /** False without a mode and while the AFU is being reset. */
  get enabled(): boolean {
    return this.#mode !== 'none' && this.#resets === 0;
  }

  /**
   * Changes the mode, also to the one that it has: the device files go and others come.
   * @throws CxlError EBUSY while any context is open; then EINVAL for a mode that the AFU does not support, and EIO
   * without link: both leave it without a mode
   * C original: `mode_store` (drivers/misc/cxl/sysfs.c), `native_afu_activate_mode` (drivers/misc/cxl/native.c).
   */
  setMode(mode: AfuMode): void {
    this.#needIdle('mode');
    this.#mode = 'none';
    if (mode === 'none') return;
    if (!this.modesSupported.includes(mode))
      throw new CxlError('EINVAL', 'mode', `${this.name} does not support ${mode}`);
    if (!this.adapter.linkUp) throw new CxlError('EIO', 'mode', `${this.adapter.name} has no link`);
    this.#activate(mode);
  }

  /** @internal The card is there anew: nothing is left of what was set through sysfs. */
  appear(): void {
    this.#irqsMax = this.#defaults.irqsMax;
    this.prefaultMode = this.#defaults.prefaultMode;
    this.activateBestMode();
  }

  /** @internal The mode that an AFU begins with, and has again after its card was away. */
  activateBestMode(): void {
    this.#activate(MODES.find(mode => this.modesSupported.includes(mode)) ?? 'none');
  }

  #activate(mode: AfuMode): void {
    this.#mode = mode;
    this.activations++;
  }

  /** The most interrupts that a context may ask for. */
  get irqsMax(): number {
    return this.#irqsMax;
  }

  /**
   * @throws CxlError EINVAL unless it is irqsMin to the adapter's number, for a guest to the AFU's own
   * C original: `irqs_max_store` (drivers/misc/cxl/sysfs.c).
   */
  set irqsMax(count: number) {
    const { irqsMin, adapter } = this;
    const most = adapter.guest ? this.#defaults.irqsMax : adapter.userIrqs;
    if (!Number.isInteger(count) || count < irqsMin || count > most) {
      throw new CxlError('EINVAL', 'irqs_max', `${String(count)}, not ${irqsMin} to ${most}`);
    }
    this.#irqsMax = count;
  }

  /**
   * Resets the AFU.
   * @throws CxlError EBUSY while any context is open or a reset is under way; EIO without link, or when the model fails
   * C original: `reset_store_afu` (drivers/misc/cxl/sysfs.c).
   */
  reset(): void {
    this.#needIdle('reset');
    if (!this.adapter.linkUp) throw new CxlError('EIO', 'reset', `${this.adapter.name} has no link`);
    if (this.#resets > 0) throw new CxlError('EBUSY', 'reset', `${this.name} is being reset`);
    this.resetHardware();
  }

  /** @internal @throws CxlError EIO when the model fails at once; when it fails later, that is reported */
  resetHardware(): void {
    let returned: void | Promise<void>;
    try {
      const { guard } = this.adapter;
      const reset = (): void | Promise<void> => this.backend.reset?.();
      returned = guard ? guard(reset, error => this.#report('reset', undefined, error)) : reset();
    } catch (error) {
      this.#report('reset', undefined, error);
      throw new CxlError('EIO', 'reset', `the AFU model ${this.backend.name} failed`, { cause: error });
    }
    if (!isThenable(returned)) return;
    this.#resets++;
    void Promise.resolve(returned)
      .catch((error: unknown) => this.#report('reset', undefined, error))
      .finally(() => this.#resets--);
  }

  #needIdle(operation: string): void {
    if (this.#contexts.size === 0) return;
    throw new CxlError('EBUSY', operation, `${this.#contexts.size} contexts of ${this.name} are open`);
  }

  /** The window of a context whose door has no memory for it. @internal */
  get localWindow(): WindowMemory | undefined {
    return this.#area?.window();
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
  openContext(options: OpenOptions = {}): Context {
    return this.#open(options, context => context.opened(this.#driver));
  }

  /**
   * A context that a driver makes for itself: a slave, whose `module` is the driver's and whose `open` hook is not called.
   * @throws CxlError as {@link openContext}, and ENODEV when the module is being unloaded
   */
  openKernelContext(module: DriverModule): Context {
    return this.#open({ master: false }, context => context.belongsTo(module));
  }

  #open(options: OpenOptions, prepare: (context: Context) => void): Context {
    if (this.adapter.gone) throw new CxlError('ENODEV', 'open', `${this.adapter.name} is gone`);
    if (this.#mode === 'none') throw new CxlError('ENODEV', 'open', `${this.name} has no mode`);
    if (!this.adapter.linkUp) throw new CxlError('EIO', 'open', `${this.adapter.name} has no link`);
    const pe = this.#freeProcessElement();
    const context = new Context(this, pe, options);
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

  /**
   * @internal
   * @throws CxlError EIO without link, or when the model fails; EINVAL for a guest in dedicated mode; EBUSY while the AFU
   * is reset; and what the model refuses with
   * C original: `native_attach_process` and `guest_attach_process` (drivers/misc/cxl/native.c, guest.c).
   */
  attach(context: Context): void {
    if (!this.adapter.linkUp) throw new CxlError('EIO', 'attach', `${this.adapter.name} has no link`);
    if (this.adapter.guest && this.#mode === 'dedicated_process') {
      throw new CxlError('EINVAL', 'attach', 'a guest can use an AFU in afu_directed mode only');
    }
    if (this.#resets > 0) throw new CxlError('EBUSY', 'attach', `${this.name} is being reset`);
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
    if (this.#mode === 'dedicated_process') this.#resetAfterUse();
  }

  /** A dedicated AFU is disabled by a reset. */
  #resetAfterUse(): void {
    try {
      this.resetHardware();
    } catch {
      // Reported; the next program finds it as it is.
    }
  }

  /** @internal */
  stored(context: Context): void {
    try {
      this.backend.stored?.(context);
    } catch (error) {
      this.#report('doorbell', context, error);
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

  #report(callback: string, context: Context | undefined, error: unknown): void {
    this.adapter.report(
      diagnose({ source: `AFU model ${this.backend.name}`, callback, context, problem: 'threw', error }),
    );
  }
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new RangeError(`${name} must be a whole number from ${least} to ${most}, not ${String(value)}`);
}
