import { Afu, type AfuOptions } from './afu.ts';
import { diagnosticLog, type Diagnostic, type DiagnosticSink } from './diagnostics.ts';
import { CxlError } from './errors.ts';
import { tracepoints } from './tracepoints.ts';

/** An adapter has 13 minors: one of its own and three for each slice. */
export const MAX_SLICES = 4;
/** As many adapters as the region of 256 minors holds. */
export const MAX_ADAPTERS = 19;
/** Interrupt sources of a POWER8 adapter, of which it keeps one and two for each slice. */
const ADAPTER_INTERRUPTS = 2040;

export interface AdapterOptions {
  /** Card number, 0 to 18; default 0. */
  readonly card?: number | undefined;
  /** The slices, 1 to 4. */
  readonly afus: readonly AfuOptions[];
  /** Where a driver's or a model's misbehaviour is reported; default: the console. */
  readonly onDiagnostic?: DiagnosticSink | undefined;
  /** Milliseconds that a driver's callback may take before that is reported; default 1. */
  readonly callbackBudgetMs?: number | undefined;
  /** Finds what a callback began asynchronously, as CONFIG_DEBUG_ATOMIC_SLEEP would; default: nobody looks. */
  readonly sections?: SectionDebug | undefined;
}

/** Looks at what happens inside atomic sections. */
export interface SectionDebug {
  enter(): void;
  /** What was begun since `enter`, by kind, such as `PROMISE` or `Timeout`. */
  leave(): readonly string[];
}

/** One CAPI card and its AFUs. C original: `struct cxl` (drivers/misc/cxl/cxl.h). */
export class Adapter {
  readonly card: number;
  readonly afus: readonly Afu[];
  /** AFU interrupts that all contexts share. */
  readonly userIrqs: number;
  /** True while a reset is under way: no context can be started. */
  contextsLocked = false;
  readonly callbackBudgetMs: number;
  readonly sections: SectionDebug | undefined;
  readonly #report: DiagnosticSink;
  #linkUp = true;
  #freeIrqs: number;

  /** @throws RangeError when a number is out of its range */
  constructor(options: AdapterOptions) {
    const { card = 0, afus } = options;
    if (!Number.isInteger(card) || card < 0 || card >= MAX_ADAPTERS) {
      throw new RangeError(`card must be a whole number from 0 to ${MAX_ADAPTERS - 1}, not ${String(card)}`);
    }
    if (afus.length < 1 || afus.length > MAX_SLICES) {
      throw new RangeError(`an adapter has 1 to ${MAX_SLICES} AFUs, not ${afus.length}`);
    }
    this.card = card;
    this.#report = options.onDiagnostic ?? (diagnostic => console.warn(diagnosticLog(diagnostic)));
    this.callbackBudgetMs = options.callbackBudgetMs ?? 1;
    this.sections = options.sections;
    this.userIrqs = ADAPTER_INTERRUPTS - 1 - 2 * afus.length;
    this.#freeIrqs = this.userIrqs;
    this.afus = afus.map((afu, slice) => new Afu(this, slice, afu));
  }

  /** `card<N>` */
  get name(): string {
    return `card${this.card}`;
  }

  /** False after {@link loseLink}: open, ioctl and read are EIO then, whatever is queued. */
  get linkUp(): boolean {
    return this.#linkUp;
  }

  /** Hands a diagnostic to whoever listens. */
  report(diagnostic: Diagnostic): void {
    if (tracepoints.diagnostic.active) tracepoints.diagnostic.publish(diagnostic);
    try {
      this.#report(diagnostic);
    } catch (error) {
      // Whoever listens must not disturb what is being reported on.
      console.error('afukit: a diagnostic could not be reported', diagnostic, error);
    }
  }

  /**
   * The PCI link to the card is gone: every context is CLOSED and everybody who waits learns it. Unlike in the kernel,
   * sleepers are woken at once and poll says POLLERR, since read is EIO.
   */
  loseLink(): void {
    this.#linkUp = false;
    for (const afu of this.afus) afu.detachAll();
    for (const afu of this.afus) for (const context of afu.contexts.values()) context.wake();
  }

  /** The link is back: new contexts can be opened, those that were open can be drained. */
  restoreLink(): void {
    this.#linkUp = true;
  }

  /** @internal @throws CxlError ENOSPC */
  allocateInterrupts(count: number): void {
    if (count > this.#freeIrqs) {
      throw new CxlError('ENOSPC', 'start', `${count} interrupts wanted, ${this.#freeIrqs} of ${this.name} are free`);
    }
    this.#freeIrqs -= count;
  }

  /** @internal */
  freeInterrupts(count: number): void {
    this.#freeIrqs += count;
  }
}
