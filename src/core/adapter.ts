import { Afu } from './afu.ts';
import type { AfuOptions } from './afu-options.ts';
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
  /** Catches what an AFU model's timers and the like throw; default: nobody, and the process ends as JavaScript has it. */
  readonly guard?: Guard | undefined;
  /** What the card says of itself in sysfs; default: {@link defaultCard}. */
  readonly description?: Partial<CardDescription> | undefined;
  /**
   * As a guest of PowerVM sees the card, default false: it has a device file for images, and some attributes are missing.
   * C original: `guest_ops` (drivers/misc/cxl/guest.c).
   */
  readonly guest?: boolean | undefined;
}

/** What a card says of itself: attributes in sysfs. */
export interface CardDescription {
  /** `major.minor` */
  readonly caiaVersion: string;
  readonly pslRevision: number;
  readonly baseImage: number;
  /** The image that runs when the card appears for the first time. */
  readonly imageLoaded: CardImage;
  readonly pslTimebaseSynced: boolean;
  readonly tunneledOpsSupported: boolean;
}
export type CardImage = 'user' | 'factory';

const defaultCard: CardDescription = {
  caiaVersion: '1.0',
  pslRevision: 1,
  baseImage: 1,
  imageLoaded: 'user',
  pslTimebaseSynced: true,
  tunneledOpsSupported: false,
};

/** `up`; `down`: no access, but it may come back; `failed`: taken away for good, or until {@link Adapter.probe}. */
export type LinkState = 'up' | 'down' | 'failed';

/** Runs `work`, and hands what it throws later, in its timers for example, to `failed`. */
export type Guard = <T>(work: () => T, failed: (error: unknown) => void) => T;

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
  readonly guard: Guard | undefined;
  readonly description: CardDescription;
  readonly guest: boolean;
  /** How often the card appeared: each time its directories in sysfs are new ones. */
  appearances = 1;
  /** Which image is loaded when the card is reset; `none`: the one that runs stays. Default: the one that runs. */
  loadImageOnPerst: CardImage | 'none';
  /** Whether that is the image that runs: then a reset would not change the card, and is refused. */
  perstReloadsSameImage = false;
  readonly #report: DiagnosticSink;
  #link: LinkState = 'up';
  #imageLoaded: CardImage;
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
    this.guard = options.guard;
    this.description = { ...defaultCard, ...options.description };
    this.guest = options.guest ?? false;
    this.#imageLoaded = this.description.imageLoaded;
    this.loadImageOnPerst = this.#imageLoaded;
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
    return this.#link === 'up';
  }

  /** True after {@link fail}: the card has left the machine, with its device files and its place in sysfs. */
  get gone(): boolean {
    return this.#link === 'failed';
  }

  get link(): LinkState {
    return this.#link;
  }

  /** The image that runs now: a reset may have loaded the other one. */
  get imageLoaded(): CardImage {
    return this.#imageLoaded;
  }

  /** AFU interrupts that no context has. */
  get freeIrqs(): number {
    return this.#freeIrqs;
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
    if (this.linkUp) this.#setLink('down');
    this.#detachAll();
  }

  /**
   * The link is back: new contexts can be opened in the AFU's best mode, those that were open can be drained.
   * @throws CxlError ENODEV when the card has failed for good
   */
  restoreLink(): void {
    if (this.gone) throw new CxlError('ENODEV', 'link', `${this.name} has failed`);
    this.probe();
  }

  /** The card fails for good, as after too many EEH events: its device files vanish, open ones drain and then fail. */
  fail(): void {
    this.#setLink('failed');
    this.#detachAll();
  }

  /** The card is found, as at the start of the machine: every AFU is in its best mode. Does nothing while it is up. */
  probe(): void {
    if (this.#link === 'up') return;
    const wasGone = this.gone;
    this.#setLink('up');
    if (wasGone) this.#appear();
    else for (const afu of this.afus) afu.activateBestMode();
  }

  #setLink(link: LinkState): void {
    if (this.#link === link) return;
    this.#link = link;
    if (tracepoints.adapterLink.active) tracepoints.adapterLink.publish({ adapter: this, link });
  }

  /**
   * Resets the card: it leaves and comes back with the image that {@link loadImageOnPerst} says, its AFUs reset and in
   * their best modes, and with nothing left of what was set through sysfs.
   * @param force also while contexts are started: they are detached
   * @throws CxlError EBUSY while a context is started; EINVAL when the reset would not change the image; EIO without
   * link, or when a model fails
   * C original: `reset_adapter_store` (drivers/misc/cxl/sysfs.c), `cxl_pci_reset` (drivers/misc/cxl/pci.c).
   */
  reset(force = false): void {
    if (!force && this.afus.some(afu => afu.count('STARTED') > 0)) {
      throw new CxlError('EBUSY', 'reset', `work is attached to ${this.name}`);
    }
    if (this.perstReloadsSameImage) throw new CxlError('EINVAL', 'reset', 'perst_reloads_same_image is set');
    if (!this.linkUp) throw new CxlError('EIO', 'reset', `${this.name} has no link`);
    this.contextsLocked = true;
    try {
      for (const afu of this.afus) afu.detachAll();
      for (const afu of this.afus) afu.resetHardware();
      if (this.loadImageOnPerst !== 'none') this.#imageLoaded = this.loadImageOnPerst;
    } finally {
      this.contextsLocked = false;
      this.#appear();
    }
  }

  /** The card is there anew. C original: `cxl_pci_init_adapter` (drivers/misc/cxl/pci.c). */
  #appear(): void {
    this.appearances++;
    this.loadImageOnPerst = this.#imageLoaded;
    this.perstReloadsSameImage = false;
    for (const afu of this.afus) afu.appear();
  }

  #detachAll(): void {
    for (const afu of this.afus) afu.detachAll();
    for (const afu of this.afus) for (const context of afu.contexts.values()) context.wake();
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
