import { MAX_DRIVER_EVENT_DATA } from '../abi/eventlayout.ts';
import { POLLERR, POLLIN, POLLRDNORM } from '../abi/poll.ts';
import type { Afu } from './afu.ts';
import { AtomicSection } from './atomic-section.ts';
import { ContextWindow } from './context-window.ts';
import { diagnose, type Diagnostic } from './diagnostics.ts';
import type { DriverModule } from './driver-module.ts';
import { driverOpsForm, type DriverOps, type FetchDriverOps, type PollDriverOps } from './driver-ops.ts';
import type { DriverSource } from './driver-source.ts';
import { CxlError } from './errors.ts';
import { FetchSource } from './fetch-source.ts';
import { PendingEvents, type ContextCounters, type PendingKinds } from './pending-events.ts';
import { PollSource } from './poll-source.ts';
import { watchPromise } from './promises.ts';
import { tracepoints } from './tracepoints.ts';
import type { WaitQueue } from './wait-queue.ts';
import type { ContextStatus, OpenOptions, Work } from './work.ts';

const NOTHING_PENDING: PendingKinds = { driver: 0, interrupts: [], fault: false, error: false };

/**
 * One user of an AFU: a process element, its events and those who wait for them. Everything is synchronous. A reader
 * takes events ({@link take}), copies them to where they belong and says how that ended ({@link commit} or
 * {@link putBack}); from take to commit the context is locked, which only a driver's callback can notice.
 *
 * C original: `struct cxl_context` (drivers/misc/cxl/cxl.h), drivers/misc/cxl/context.c and `afu_poll`, `afu_read`
 * of drivers/misc/cxl/file.c.
 */
export class Context {
  readonly afu: Afu;
  /** Process element id, in every event's header; the lowest that was free when the context was opened. */
  readonly pe: number;
  /** A master context sees the whole problem state area; set until the work is started. */
  master: boolean;
  /** What it sees of the AFU's problem state area. */
  readonly window: ContextWindow;
  /** The process that opened it; 0 where none did. What a driver made gets it with its descriptor. */
  openedBy: number;
  /** For whoever made the context; the core does not look at it. */
  priv: unknown = undefined;

  #status: ContextStatus = 'OPENED';
  #work: Work | undefined;
  #interrupts = 0;
  #released = false;
  readonly #events: PendingEvents = new PendingEvents(this);
  #module: DriverModule | undefined;
  /** Whose ops were registered last, after they are gone. */
  #lastOwner: DriverModule | undefined;
  /** A post after the end was reported. */
  #saidLate = false;

  /** Somebody has been told that there is nothing more to come: so it stays. */
  #drained = false;
  /** An AFU error was lost and that was reported. */
  #errorLost = false;
  readonly #section: AtomicSection = new AtomicSection(this);

  /** @internal Contexts are made by {@link Afu.openContext}. */
  constructor(afu: Afu, pe: number, options: OpenOptions) {
    this.afu = afu;
    this.pe = pe;
    this.master = options.master ?? afu.mode === 'dedicated_process';
    this.openedBy = options.pid ?? 0;
    this.window = new ContextWindow(this);
  }

  /** Who sleeps in poll or read. */
  get waiters(): WaitQueue {
    return this.#section.waiters;
  }

  /** For messages: `afu0.0 pe 3`. */
  get name(): string {
    return `${this.afu.name} pe ${this.pe}`;
  }

  get status(): ContextStatus {
    return this.#status;
  }

  /** What the context was started with; undefined before. */
  get work(): Work | undefined {
    return this.#work;
  }

  /** How many interrupts are allocated now; their numbers are 1 to this. */
  get interrupts(): number {
    return this.#interrupts;
  }

  /** The driver module that the context was opened with: the one whose ops its driver sets. */
  get module(): DriverModule | undefined {
    return this.#module;
  }

  /** The driver ops that are registered now. */
  get driverOps(): DriverOps | undefined {
    return this.#events.source?.ops;
  }

  get counters(): Readonly<ContextCounters> {
    return this.#events.counters;
  }

  /**
   * What can be read, by kind. Nothing is fetched for it; a driver with the pull form is asked, as poll asks it.
   * @throws CxlError EDEADLK from within a driver's callback on this context
   */
  get pending(): PendingKinds {
    if (this.#drained) return NOTHING_PENDING;
    this.#lock('pending');
    try {
      return this.#events.kinds();
    } finally {
      this.#section.leave();
    }
  }

  /** CLOSED, and somebody was told that nothing is left: read is EIO and poll POLLERR for ever. */
  get drained(): boolean {
    return this.#drained;
  }

  /** True when the last descriptor is gone: nothing may be asked of the context any more. */
  get released(): boolean {
    return this.#released;
  }

  // ---- what a reader sees ------------------------------------------------------------------------------------------

  /**
   * The mask poll(2) reports: POLLIN|POLLRDNORM while an event is pending, also when CLOSED; POLLERR when CLOSED with
   * nothing left, and while the link is down (read is EIO then); else 0.
   * @throws CxlError EDEADLK from within a driver's callback on this context
   */
  poll(): number {
    if (this.#drained || !this.afu.adapter.linkUp) return POLLERR;
    this.#lock('poll');
    let pending: boolean;
    try {
      ({ pending } = this.#events);
    } finally {
      this.#section.leave();
    }
    if (pending) return POLLIN | POLLRDNORM;
    return this.#noteDrained() ? POLLERR : 0;
  }

  /**
   * Writes the next event into `bytes` at `offset`, or as many whole ones as `room` holds up to `most`, by default the
   * AFU's `eventsPerRead`, and returns their size in bytes. 0 means that nothing is pending; anything else must be followed
   * by {@link commit} or {@link putBack} in the same tick.
   * @param room at least 4096 bytes, which every event fits whose driver did not ask for more
   * @throws CxlError EMSGSIZE when the next event is larger than `room`, and stays; EDEADLK from within a driver's
   * callback on this context
   */
  take(bytes: Uint8Array, offset: number, room: number, most: number = this.afu.eventsPerRead): number {
    if (this.#drained) return 0;
    this.#lock('read');
    let size: number;
    try {
      size = this.#events.take(bytes, offset, room, most);
    } catch (error) {
      this.putBack(bytes);
      throw error;
    }
    return size > 0 ? size : this.#tookNothing(size, room);
  }

  #tookNothing(size: number, room: number): 0 {
    this.#section.leave();
    if (size < 0) throw new CxlError('EMSGSIZE', 'read', `the next event of ${this.name} is larger than ${room} bytes`);
    this.#noteDrained();
    return 0;
  }

  /** What {@link take} gave has reached its reader: it leaves the context. */
  commit(): void {
    this.#events.commit();
    this.#section.open();
    this.#events.source?.commit();
    this.#section.leave();
  }

  /**
   * What {@link take} gave did not reach its reader: it is what is read next, or with `copyFault: 'drop'` lost. `bytes`
   * must still hold it.
   */
  putBack(bytes: Uint8Array): void {
    if (this.afu.copyFault === 'keep') {
      this.#events.putBack(bytes);
      this.#section.wakeAll();
    } else {
      this.#events.drop();
      this.#section.open();
      this.#events.source?.drop();
    }
    this.#section.leave();
  }

  // ---- what an AFU raises ------------------------------------------------------------------------------------------

  /**
   * Raises AFU interrupt `irq`; does nothing when the context is CLOSED.
   * @throws CxlError EINVAL when `irq` is not one of the context's, 1 to {@link interrupts}
   * C original: `cxl_irq_afu` (drivers/misc/cxl/irq.c).
   */
  raiseInterrupt(irq: number): void {
    const given = irq >= 1 && irq <= this.#interrupts && (irq | 0) === irq;
    if (!given || this.#status === 'CLOSED' || this.#section.locked) return this.#raiseOtherwise(irq, given);
    this.#events.raiseInterrupt(irq);
    // Also when it coalesces, as the kernel does: edge-triggered epoll counts wake-ups.
    this.#section.wakeAll();
  }

  #raiseOtherwise(irq: number, given: boolean): void {
    if (this.#status === 'CLOSED') return;
    if (!given) {
      throw new CxlError('EINVAL', 'interrupt', `${this.name} has interrupts 1 to ${this.#interrupts}, not ${irq}`);
    }
    this.#section.afterwards(() => this.raiseInterrupt(irq));
  }

  /**
   * Reports a data storage fault: an effective address that could not be translated, and the DSISR that says why.
   * A newer fault replaces an unread one. C original: `cxl_ack_ae` (drivers/misc/cxl/fault.c).
   */
  raiseFault(address: bigint, dsisr: bigint): void {
    if (this.#status === 'CLOSED') return;
    if (this.#section.locked) return this.#section.afterwards(() => this.raiseFault(address, dsisr));
    this.#events.raiseFault(address, dsisr);
    this.wake();
  }

  /**
   * Reports an AFU error; while one is unread, later ones are counted, and the first of them is reported.
   * C original: `native_irq_err` (drivers/misc/cxl/native.c).
   */
  raiseAfuError(error: bigint): void {
    if (this.#status === 'CLOSED') return;
    if (this.#section.locked) return this.#section.afterwards(() => this.raiseAfuError(error));
    const news = this.#events.raiseError(error);
    if (news) this.wake();
    else if (!this.#errorLost) {
      const problem = `AFU error 0x${error.toString(16)} is lost: an earlier one is unread`;
      this.#say(`AFU model ${this.afu.backend.name}`, 'error', problem);
    }
    this.#errorLost = !news;
  }

  /** Wakes all who wait; inside the atomic section, as soon as it ends. */
  wake(): void {
    this.#section.wakeAll();
  }

  /**
   * A driver event that no driver's ops gave, for whoever plays the driver's part: `data` is copied, and read before what
   * the driver has.
   * @throws CxlError EINVAL when it is longer than the largest event that a reader can get
   */
  raiseDriverEvent(data: Uint8Array): void {
    const most = Math.max(MAX_DRIVER_EVENT_DATA, this.driverOps?.maxDataSize ?? 0);
    if (data.length > most) throw new CxlError('EINVAL', 'event', `${data.length} bytes, not up to ${most}`);
    if (this.#status === 'CLOSED') return;
    const copy = data.slice();
    this.#section.afterwards(() => {
      this.#events.adopt(copy);
      this.wake();
    });
  }

  // ---- the AFU driver ----------------------------------------------------------------------------------------------

  /** @internal The context was opened on an AFU that has this driver. @throws whatever the driver's open throws */
  opened(module: DriverModule | undefined): void {
    if (module?.state !== 'live') return;
    this.belongsTo(module);
    try {
      const returned: unknown = module.driver.open?.(this, module);
      watchPromise(returned, error => this.#hookFailed(module, 'open', 'rejected', error));
    } catch (error) {
      // It never had the context, so it need not release it.
      this.#module = undefined;
      module.put(this);
      throw error;
    }
  }

  /** @internal @throws CxlError ENODEV when the module is being unloaded */
  belongsTo(module: DriverModule): void {
    if (!module.tryGet(this)) throw new CxlError('ENODEV', 'open', `driver ${module.name} is being unloaded`);
    this.#module = module;
  }

  /**
   * Registers the callbacks that deliver a driver's own events for this context, and takes a reference to their owner.
   * What was announced before is forgotten; events that the former ops hold are given back to them with -ECANCELED.
   * @throws CxlError EINVAL, with a diagnostic, when a callback or the owner is missing, the two forms are mixed or a
   * callback is async; ENODEV when the owner is being unloaded. Nothing has changed then
   * C original: `cxl_set_driver_ops` (drivers/misc/cxl/api.c), which warns and registers all the same.
   */
  setDriverOps(ops: DriverOps): void {
    const checked = driverOpsForm(ops);
    if ('problem' in checked) {
      const name = (ops as DriverOps | null | undefined)?.owner?.name ?? this.#module?.name ?? 'unknown';
      this.#say(`driver ${name}`, 'setDriverOps', checked.problem);
      throw new CxlError('EINVAL', 'setDriverOps', checked.problem);
    }
    if (this.#released) throw new CxlError('EBADF', 'setDriverOps', `${this.name} is closed`);
    this.#lock('setDriverOps');
    if (!ops.owner.tryGet(this)) {
      this.#section.leave();
      throw new CxlError('ENODEV', 'setDriverOps', `driver ${ops.owner.name} is being unloaded`);
    }
    const form = { poll: PollSource, fetch: FetchSource }[checked.form];
    const former = this.#events.replaceSource(new form(this, ops as PollDriverOps & FetchDriverOps));
    this.#section.open();
    this.#letGo(former);
    this.#section.wakeAll();
    this.#section.leave();
  }

  /** @internal An event of the driver's was fetched, or filled in by it. */
  fetched(dataSize: number): void {
    this.#events.counters.raised++;
    if (tracepoints.fetched.active) this.#publishFetched(dataSize);
  }

  #publishFetched(dataSize: number): void {
    this.afterUnlock(() => tracepoints.fetched.publish({ context: this, dataSize }));
  }

  #letGo(source: DriverSource | null): void {
    if (source === null) return;
    this.#events.counters.dropped += source.close();
    this.#lastOwner = source.owner;
    source.owner.put(this);
  }

  /**
   * The driver has `count` more events (fetch form), or asks to be asked again (0, either form): wakes all who wait.
   * Ignored before ops are set. C original: `cxl_context_events_pending` (drivers/misc/cxl/api.c).
   */
  driverEventsPending(count: number): void {
    if (!Number.isInteger(count) || count < 0) throw notACount(count);
    if (this.#released) return this.#postedLate();
    const { source } = this.#events;
    if (source === null || this.#drained || !source.announce(count)) return;
    if (tracepoints.announced.active) this.#publishAnnounced(count);
    this.#section.wakeAll();
  }

  // What holds a closure is not written into the hot path: it would make room for it there each time.
  #publishAnnounced(count: number): void {
    this.afterUnlock(() => tracepoints.announced.publish({ context: this, count }));
  }

  #postedLate(): void {
    const owner = this.#lastOwner ?? this.#module;
    if (!owner || this.#saidLate) return;
    this.#saidLate = true;
    const problem = 'posted to a context that is closed; nobody will read it';
    this.#say(`driver ${owner.name}`, 'contextEventsPending', problem);
  }

  // ---- life --------------------------------------------------------------------------------------------------------

  /**
   * Allocates the interrupts and hands the process element to the AFU; on any error the context stays OPENED and may
   * be started again. C original: `afu_ioctl_start_work` from interrupt allocation on (drivers/misc/cxl/file.c).
   * @throws CxlError EIO when it is not OPENED, ENOSPC when the adapter has not that many interrupts left, EBUSY while
   * the adapter is being reset, and whatever errno the AFU's attach gives; `work.memory` is closed then
   */
  start(work: Work): void {
    try {
      this.#start(work);
    } catch (error) {
      work.memory?.close();
      throw error;
    }
  }

  #start(work: Work): void {
    const { adapter } = this.afu;
    if (this.#section.locked) throw this.#deadlock('start');
    if (this.#status !== 'OPENED') throw new CxlError('EIO', 'start', `${this.name} is ${this.#status}`);
    adapter.allocateInterrupts(work.interrupts);
    this.#interrupts = work.interrupts;
    this.#events.allocate(work.interrupts);
    this.#work = work;
    try {
      if (adapter.contextsLocked) throw new CxlError('EBUSY', 'start', `${adapter.name} is being reset`);
      this.window.begin();
      this.afu.attach(this);
    } catch (error) {
      this.window.end(work.mmioErrorsAllOnes);
      this.#work = undefined;
      this.#events.allocate(0);
      this.#freeInterrupts();
      throw error;
    }
    if (this.status !== 'OPENED') {
      // Detached while it was being attached: the AFU learns it now, since it could not before.
      this.afu.detach(this);
      this.window.end(work.mmioErrorsAllOnes);
      throw new CxlError('EIO', 'start', `${this.name} was detached meanwhile`);
    }
    this.#status = 'STARTED';
    if (tracepoints.contextStart.active) tracepoints.contextStart.publish({ context: this });
  }

  /**
   * Takes the process element from the AFU: the context is CLOSED, and everybody who waits learns it. What is pending
   * can still be read. Does nothing when it is CLOSED already. C original: `cxl_context_detach` and
   * `cxl_context_detach_all` (drivers/misc/cxl/context.c); unlike there, readers of a context that was never started
   * are woken too.
   */
  detach(): void {
    if (this.#section.locked) return this.#section.afterwards(() => this.detach());
    if (this.#status === 'CLOSED') return;
    const wasStarted = this.#status === 'STARTED';
    this.#status = 'CLOSED';
    if (tracepoints.contextDetach.active) tracepoints.contextDetach.publish({ context: this });
    try {
      if (wasStarted) this.afu.detach(this);
    } finally {
      if (wasStarted) this.#workOver();
      this.#freeInterrupts();
      this.wake();
    }
  }

  /** What the AFU worked with is let go of. */
  #workOver(): void {
    this.window.end(this.#work?.mmioErrorsAllOnes ?? false);
    this.#work?.memory?.close();
  }

  /** The last user is gone: detaches, lets the driver go and frees the process element. Idempotent. */
  release(): void {
    if (this.#section.locked) return this.#section.afterwards(() => this.release());
    if (this.#released) return;
    try {
      this.detach();
    } finally {
      this.#finish();
    }
  }

  #finish(): void {
    this.#released = true;
    this.#letGo(this.#events.replaceSource(null));
    this.#events.close();
    this.afu.contextReleased(this);
    if (tracepoints.contextClose.active) tracepoints.contextClose.publish({ context: this });
    this.#releaseModule();
  }

  /** The last that the driver hears of the context; from here on nothing of it is called. */
  #releaseModule(): void {
    const module = this.#module;
    if (module === undefined) return;
    try {
      const returned: unknown = module.driver.release?.(this);
      watchPromise(returned, error => this.#hookFailed(module, 'release', 'rejected', error));
    } catch (error) {
      this.#hookFailed(module, 'release', 'threw', error);
    }
    module.put(this);
  }

  #hookFailed(module: DriverModule, callback: string, problem: string, error: unknown): void {
    this.#say(`driver ${module.name}`, callback, problem, error);
  }

  #say(source: string, callback: string, problem: string, error?: unknown): void {
    const facts = { source, callback, context: this, problem };
    this.report(diagnose(error === undefined ? facts : { ...facts, error }));
  }

  /** Hands a diagnostic to the adapter's sink, which may well ask the context: so not inside the atomic section. */
  report(diagnostic: Diagnostic): void {
    this.afterUnlock(() => this.afu.adapter.report(diagnostic));
  }

  /** @internal */
  waiterFailed(error: unknown): void {
    this.#say('a waiter', 'wake', 'threw', error);
  }

  /** @internal True inside the atomic section. */
  get locked(): boolean {
    return this.#section.locked;
  }

  /** @internal Runs `action` as soon as the atomic section has ended, at once when there is none. */
  afterUnlock(action: () => void): void {
    this.#section.afterwards(action);
  }

  #freeInterrupts(): void {
    this.afu.adapter.freeInterrupts(this.#interrupts);
    this.#interrupts = 0;
  }

  #lock(operation: string): void {
    if (this.#section.locked) throw this.#deadlock(operation);
    this.#section.enter();
  }

  #deadlock(operation: string): CxlError {
    return this.#events.source?.reentered(operation) ?? new CxlError('EDEADLK', operation, this.name);
  }

  /** CLOSED with nothing left, as somebody is about to be told: nothing can come any more (C5). */
  #noteDrained(): boolean {
    this.#drained = this.#status === 'CLOSED';
    return this.#drained;
  }
}

function notACount(count: number): CxlError {
  return new CxlError('EINVAL', 'contextEventsPending', `a count of events, not ${String(count)}`);
}
