import { WaitQueue } from './wait-queue.ts';

/** The context, as its section knows it. */
interface SectionOwner {
  /** A waiter failed: not the fault of whoever raised the event. */
  waiterFailed(error: unknown): void;
}

/**
 * A context's lock and its wait queue. Everything is synchronous, so the lock is never waited for: whoever finds it
 * taken runs inside a driver's callback. What must not happen in there happens when the section ends, first come first
 * served, and waking comes last.
 *
 * C original: the `lock` of `struct cxl_context`, with interrupts off.
 */
export class AtomicSection {
  readonly waiters: WaitQueue = new WaitQueue();
  readonly #owner: SectionOwner;
  #locked = false;
  #wake = false;
  #later: (() => void)[] | null = null;

  constructor(owner: SectionOwner) {
    this.#owner = owner;
  }

  get locked(): boolean {
    return this.#locked;
  }

  enter(): void {
    this.#locked = true;
  }

  /** Ends the section for those who wait for its end; {@link leave} must follow. */
  open(): void {
    this.#locked = false;
  }

  leave(): void {
    this.#locked = false;
    if (this.#later !== null || this.#wake) this.#catchUp();
  }

  #catchUp(): void {
    while (this.#later !== null) {
      const actions = this.#later;
      this.#later = null;
      for (const action of actions) action();
    }
    if (this.#wake) {
      this.#wake = false;
      this.wakeAll();
    }
  }

  /** Runs `action` as soon as the section has ended, at once when there is none. */
  afterwards(action: () => void): void {
    if (this.#locked) (this.#later ??= []).push(action);
    else action();
  }

  /** Wakes all who wait, when the section has ended. */
  wakeAll(): void {
    if (this.#locked) this.#wake = true;
    else if (!this.waiters.empty) this.#wakeNow();
  }

  #wakeNow(): void {
    try {
      this.waiters.wakeAll();
    } catch (error) {
      this.#owner.waiterFailed(error);
    }
  }
}
