import { CXL_READ_MIN_SIZE } from '../abi/events.ts';
import { POLLERR, POLLIN, POLLRDNORM } from '../abi/poll.ts';
import type { Afu } from './afu.ts';
import type { Diagnostic } from './diagnostics.ts';
import { driverOpsForm, type DriverOps, type FetchDriverOps, type PollDriverOps } from './driver-ops.ts';
import { FetchSource, PollSource, type DriverSource } from './driver-source.ts';
import { CxlError } from './errors.ts';
import { DRIVER_EVENT, GenericEvents, NO_EVENT, type Token } from './generic-events.ts';
import { WaitQueue } from './wait-queue.ts';

/**
 * - `OPENED`: no work yet; nothing is pending, a reader waits.
 * - `STARTED`: work was started, the AFU raises events.
 * - `CLOSED`: detached; what was pending is still read, then read is EIO and poll POLLERR, for ever (C5).
 *
 * C original: `enum cxl_context_status` (drivers/misc/cxl/cxl.h).
 */
export type ContextStatus = 'OPENED' | 'STARTED' | 'CLOSED';

/** What a context is started with: START_WORK's arguments after validation. */
export interface Work {
  /** Work element descriptor: 64 bits that mean something to the AFU alone. */
  readonly wed: bigint;
  /** Authority mask register, 0n unless asked for. */
  readonly amr: bigint;
  /** How many AFU interrupts, numbered from 1, `irqsMin` to `irqsMax` of the AFU. */
  readonly interrupts: number;
  /** After detach the problem state area reads as all-ones instead of raising SIGBUS. */
  readonly mmioErrorsAllOnes: boolean;
  /** The process whose memory the AFU works in: the one that started the work, not the one that opened. */
  readonly pid: number;
}

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
  /** Who sleeps in poll or read. */
  readonly waiters: WaitQueue = new WaitQueue();
  /** For whoever made the context; the core does not look at it. */
  priv: unknown = undefined;

  #status: ContextStatus = 'OPENED';
  #work: Work | undefined;
  #interrupts = 0;
  #released = false;
  readonly #events = new GenericEvents();
  #driver: DriverSource | null = null;
  #driverName = 'unnamed';

  /** Given to a reader that has not said yet whether they arrived. */
  readonly #taken: Token[] = [];
  #takenCount = 0;
  /** Given to a reader that they did not reach: these come first, in the order they had (C4). */
  #kept: Token[] = [];
  #locked = false;
  #wakeAtUnlock = false;
  #atUnlock: (() => void)[] | null = null;

  /** @internal Contexts are made by {@link Afu.openContext}. */
  constructor(afu: Afu, pe: number, master: boolean) {
    this.afu = afu;
    this.pe = pe;
    this.master = master;
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
    if (!this.afu.adapter.linkUp) return POLLERR;
    this.#lock('poll');
    const pending = this.#eventPending();
    this.#unlock();
    if (pending) return POLLIN | POLLRDNORM;
    return this.#status === 'CLOSED' ? POLLERR : 0;
  }

  /**
   * Writes the next event into `bytes` at `offset`, or as many whole ones as `room` holds up to `most`, by default the
   * AFU's `eventsPerRead`, and returns their size in bytes. 0 means that nothing is pending; anything else must be followed
   * by {@link commit} or {@link putBack} in the same tick.
   * @param room at least {@link CXL_READ_MIN_SIZE} bytes, which every single event fits
   * @throws CxlError EDEADLK from within a driver's callback on this context
   */
  take(bytes: Uint8Array, offset: number, room: number, most: number = this.afu.eventsPerRead): number {
    this.#lock('read');
    let size = this.#takeOne(bytes, offset, room);
    if (size === 0) {
      this.#unlock();
      return 0;
    }
    while (this.#takenCount < most) {
      const next = this.#takeOne(bytes, offset + size, room - size);
      if (next === 0) break;
      size += next;
    }
    return size;
  }

  /** What {@link take} gave has reached its reader: it leaves the context. */
  commit(): void {
    this.#takenCount = 0;
    this.#locked = false;
    if (this.#driver !== null) this.#driver.commit();
    if (this.#wakeAtUnlock || this.#atUnlock !== null) this.#unlock();
  }

  /** What {@link take} gave did not reach its reader: it is what is read next. `bytes` must still hold it. */
  putBack(bytes: Uint8Array): void {
    const taken = this.#taken.slice(0, this.#takenCount);
    for (const token of taken) if (token !== DRIVER_EVENT) this.#events.putBack(token);
    if (this.#driver !== null) this.#driver.putBack(bytes);
    this.#kept = [...taken, ...this.#kept];
    this.#takenCount = 0;
    this.#wakeAtUnlock = true;
    this.#unlock();
  }

  /** The only place that decides whether something is pending (M5). C original: `ctx_event_pending`. */
  #eventPending(): boolean {
    return this.#kept.length > 0 || this.#events.pending || (this.#driver !== null && this.#driver.pending());
  }

  #takeOne(bytes: Uint8Array, offset: number, room: number): number {
    if (this.#kept.length > 0) return this.#takeKept(bytes, offset, room);
    if (this.#driver !== null) {
      const size = this.#driver.take(bytes, offset, room);
      if (size !== 0) {
        this.#taken[this.#takenCount++] = DRIVER_EVENT;
        return size;
      }
      // Pending, but with no room for it here: nothing of lower priority may overtake it.
      if (room < CXL_READ_MIN_SIZE && this.#driver.pending()) return 0;
    }
    const token = this.#events.next();
    return token === NO_EVENT ? 0 : this.#takeToken(token, bytes, offset, room);
  }

  #takeKept(bytes: Uint8Array, offset: number, room: number): number {
    const size = this.#takeToken(this.#kept[0]!, bytes, offset, room);
    if (size !== 0) this.#kept.shift();
    return size;
  }

  #takeToken(token: Token, bytes: Uint8Array, offset: number, room: number): number {
    const size =
      token === DRIVER_EVENT
        ? this.#driver!.take(bytes, offset, room)
        : this.#events.take(token, this.pe, bytes, offset, room);
    if (size !== 0) this.#taken[this.#takenCount++] = token;
    return size;
  }

  // ---- what an AFU raises ------------------------------------------------------------------------------------------

  /**
   * Raises AFU interrupt `irq`; does nothing when the context is CLOSED.
   * @throws CxlError EINVAL when `irq` is not one of the context's, 1 to {@link interrupts}
   * C original: `cxl_irq_afu` (drivers/misc/cxl/irq.c).
   */
  raiseInterrupt(irq: number): void {
    if (this.#status === 'CLOSED') return;
    if (!(irq >= 1 && irq <= this.#interrupts)) {
      throw new CxlError('EINVAL', 'interrupt', `${this.name} has interrupts 1 to ${this.#interrupts}, not ${irq}`);
    }
    if (this.#events.raiseInterrupt(irq)) this.wake();
  }

  /**
   * Reports a data storage fault: an effective address that could not be translated, and the DSISR that says why.
   * A newer fault replaces an unread one. C original: `cxl_ack_ae` (drivers/misc/cxl/fault.c).
   */
  raiseFault(address: bigint, dsisr: bigint): void {
    if (this.#status === 'CLOSED') return;
    this.#events.raiseFault(BigInt.asUintN(64, address), BigInt.asUintN(64, dsisr));
    this.wake();
  }

  /** Reports an AFU error; while one is unread, later ones are only counted. C original: `cxl_irq` (irq-native). */
  raiseAfuError(error: bigint): void {
    if (this.#status === 'CLOSED') return;
    if (this.#events.raiseError(BigInt.asUintN(64, error))) this.wake();
  }

  /** Wakes all who wait; inside the atomic section, as soon as it ends. */
  wake(): void {
    if (this.#locked) this.#wakeAtUnlock = true;
    else this.waiters.wakeAll();
  }

  // ---- the AFU driver ----------------------------------------------------------------------------------------------

  /**
   * Registers the callbacks that deliver a driver's own events for this context; what was announced before is forgotten.
   * @throws CxlError EINVAL when a callback is missing or the two forms are mixed: nothing is registered then
   * C original: `cxl_set_driver_ops` (drivers/misc/cxl/api.c), which warns and registers all the same.
   */
  setDriverOps(ops: DriverOps, driverName: string = this.#driverName): void {
    const checked = driverOpsForm(ops);
    if ('problem' in checked) {
      const { problem } = checked;
      this.report({ source: `driver ${driverName}`, callback: 'setDriverOps', context: this, problem });
      throw new CxlError('EINVAL', 'setDriverOps', checked.problem);
    }
    this.#lock('setDriverOps');
    const former = this.#driver;
    this.#driverName = driverName;
    this.#driver =
      checked.form === 'poll'
        ? new PollSource(this, driverName, ops as PollDriverOps)
        : new FetchSource(this, driverName, ops as FetchDriverOps);
    this.#kept = this.#kept.filter(token => token !== DRIVER_EVENT);
    this.#wakeAtUnlock = true;
    this.#unlock();
    former?.close();
  }

  /**
   * The driver has `count` more events (fetch form), or asks to be asked again (0, either form): wakes all who wait.
   * Ignored before ops are set. C original: `cxl_context_events_pending` (drivers/misc/cxl/api.c).
   */
  driverEventsPending(count: number): void {
    if (!Number.isInteger(count) || count < 0) {
      throw new CxlError('EINVAL', 'contextEventsPending', `a count of events, not ${String(count)}`);
    }
    if (this.#driver === null || this.#released) return;
    this.#driver.announce(count);
    this.wake();
  }

  // ---- life --------------------------------------------------------------------------------------------------------

  /**
   * Allocates the interrupts and hands the process element to the AFU; on any error the context stays OPENED and may
   * be started again. C original: `afu_ioctl_start_work` from interrupt allocation on (drivers/misc/cxl/file.c).
   * @throws CxlError EIO when it is not OPENED, ENOSPC when the adapter has not that many interrupts left, EBUSY while
   * the adapter is being reset, and whatever errno the AFU's attach gives
   */
  start(work: Work): void {
    const { adapter } = this.afu;
    if (this.#status !== 'OPENED') throw new CxlError('EIO', 'start', `${this.name} is ${this.#status}`);
    adapter.allocateInterrupts(work.interrupts);
    this.#interrupts = work.interrupts;
    this.#events.allocate(work.interrupts);
    this.#work = work;
    try {
      if (adapter.contextsLocked) throw new CxlError('EBUSY', 'start', `${adapter.name} is being reset`);
      this.afu.attach(this);
    } catch (error) {
      this.#work = undefined;
      this.#events.allocate(0);
      this.#freeInterrupts();
      throw error;
    }
    this.#status = 'STARTED';
  }

  /**
   * Takes the process element from the AFU: the context is CLOSED, and everybody who waits learns it. What is pending
   * can still be read. Does nothing when it is CLOSED already. C original: `cxl_context_detach` and
   * `cxl_context_detach_all` (drivers/misc/cxl/context.c); unlike there, readers of a context that was never started
   * are woken too.
   */
  detach(): void {
    if (this.#status === 'CLOSED') return;
    const wasStarted = this.#status === 'STARTED';
    this.#status = 'CLOSED';
    try {
      if (wasStarted) this.afu.detach(this);
    } finally {
      this.#freeInterrupts();
      this.wake();
    }
  }

  /** The last user is gone: detaches, lets the driver go and frees the process element. Idempotent. */
  release(): void {
    if (this.#locked) return this.afterUnlock(() => this.release());
    if (this.#released) return;
    try {
      this.detach();
    } finally {
      this.#released = true;
      this.#driver?.close();
      this.#driver = null;
      this.afu.contextReleased(this);
    }
  }

  /** Hands a diagnostic to the adapter's sink. */
  report(diagnostic: Diagnostic): void {
    this.afu.adapter.report(diagnostic);
  }

  /** @internal Runs `action` as soon as the atomic section has ended, at once when there is none. */
  afterUnlock(action: () => void): void {
    if (this.#locked) (this.#atUnlock ??= []).push(action);
    else action();
  }

  #freeInterrupts(): void {
    this.afu.adapter.freeInterrupts(this.#interrupts);
    this.#interrupts = 0;
  }

  #lock(operation: string): void {
    // Everything is synchronous, so whoever finds the lock taken runs inside a driver's callback.
    if (this.#locked) throw new CxlError('EDEADLK', operation, `called from a driver's callback on ${this.name}`);
    this.#locked = true;
  }

  #unlock(): void {
    this.#locked = false;
    if (this.#atUnlock !== null) {
      const actions = this.#atUnlock;
      this.#atUnlock = null;
      for (const action of actions) action();
    }
    if (this.#wakeAtUnlock) {
      this.#wakeAtUnlock = false;
      this.waiters.wakeAll();
    }
  }
}
