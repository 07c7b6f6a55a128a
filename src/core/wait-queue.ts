/**
 * One sleeper on a {@link WaitQueue}. Subclass it and implement `wake`; the links are the queue's.
 * C original: `struct wait_queue_entry` (include/linux/wait.h).
 */
export abstract class Waiter {
  /** @internal */
  previous: Waiter | null = null;
  /** @internal */
  next: Waiter | null = null;

  /** Called once for each time the waiter is queued: it has left the queue and queues itself again if it must. */
  abstract wake(): void;

  get queued(): boolean {
    return this.next !== null;
  }

  /** Leaves whatever queue it is on; nothing happens when it is on none. */
  leave(): void {
    if (this.next === null || this.previous === null) return;
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = null;
    this.next = null;
  }
}

class Ring extends Waiter {
  constructor() {
    super();
    this.clear();
  }

  clear(): void {
    this.previous = this;
    this.next = this;
  }

  override wake(): void {}
}

/**
 * Who sleeps on a context. Waking is always of all, first queued first: an event that one reader takes must not hide
 * from the others that there was one (C2). C original: `wait_queue_head_t wq` of `struct cxl_context`
 * (drivers/misc/cxl/cxl.h), `wake_up_all`.
 */
export class WaitQueue {
  readonly #ring: Ring = new Ring();

  get empty(): boolean {
    return this.#ring.next === this.#ring;
  }

  /** Queues a waiter last; one that is queued already stays where it is. */
  add(waiter: Waiter): void {
    if (waiter.queued) return;
    const last = this.#ring.previous!;
    waiter.previous = last;
    waiter.next = this.#ring;
    last.next = waiter;
    this.#ring.previous = waiter;
  }

  /** Wakes all that are queued now; those that queue themselves again meanwhile wait for the next call. */
  wakeAll(): void {
    const ring = this.#ring;
    if (ring.next === ring) return;
    const woken = new Ring();
    woken.next = ring.next;
    woken.previous = ring.previous;
    woken.next!.previous = woken;
    woken.previous!.next = woken;
    ring.clear();
    let failure: { error: unknown } | undefined;
    for (let waiter = woken.next!; waiter !== woken; waiter = woken.next!) {
      waiter.leave();
      try {
        waiter.wake();
      } catch (error) {
        // One waiter's failure must not leave the others asleep.
        failure ??= { error };
      }
    }
    if (failure) throw failure.error;
  }
}
