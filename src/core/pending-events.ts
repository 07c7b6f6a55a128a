import { EVENT_HEADER_SIZE, putDriverHeader } from '../abi/events.ts';
import type { Context } from './context.ts';
import { TOO_LARGE, type DriverSource } from './driver-source.ts';
import { AFU_ERROR, DRIVER_EVENT, FAULT, GenericEvents, NO_EVENT, ORPHAN, type Token } from './generic-events.ts';
import { tracepoints, type EventMessage } from './tracepoints.ts';

/**
 * What has happened on a context. At any time `raised` is the sum of `coalesced`, `delivered`, `dropped` and what is
 * pending.
 */
export interface ContextCounters {
  /** Events that the AFU raised, and that were fetched from the driver or delivered by it. */
  raised: number;
  /** Interrupts and AFU errors that found their like unread, and faults that were replaced by a newer one. */
  coalesced: number;
  /** Events that reached a reader. */
  delivered: number;
  /** Times that an event was kept because its copy to a reader failed. */
  kept: number;
  /** Events that no reader will get: cancelled, unread at the last close, or lost with `copyFault: 'drop'`. */
  dropped: number;
}

/** What a context's readers have not got yet, by kind. */
export interface PendingKinds {
  /**
   * Driver events: those in the core's hands and those that the driver announced. In the pull form only the driver knows
   * how many it has, and any number of them counts as 1.
   */
  readonly driver: number;
  /** Numbers of AFU interrupts, lowest first. */
  readonly interrupts: readonly number[];
  readonly fault: boolean;
  readonly error: boolean;
}

/**
 * What is pending on a context: its AFU's events and its driver's, in one order, and those among them that are in a
 * reader's hands. Whoever calls holds the context's lock.
 *
 * C original: the middle of `afu_read` (drivers/misc/cxl/file.c).
 */
export class PendingEvents {
  readonly counters: ContextCounters = { raised: 0, coalesced: 0, delivered: 0, kept: 0, dropped: 0 };
  /** Where the driver's events come from; null while it has set no ops. */
  source: DriverSource | null = null;
  readonly #context: Context;
  readonly #generic = new GenericEvents();
  /** Given to a reader that has not said yet whether they arrived. */
  readonly #taken: Token[] = [];
  #takenCount = 0;
  /** Given to a reader that they did not reach: these come first, in the order they had (C4). */
  #kept: Token[] = [];
  /** The bytes of the orphans that are kept, and of those that a reader has. */
  #orphans: Uint8Array[] = [];
  #takenOrphans: Uint8Array[] = [];

  constructor(context: Context) {
    this.#context = context;
  }

  /** The only place that decides whether something is pending (M5). C original: `ctx_event_pending`. */
  get pending(): boolean {
    return this.#kept.length > 0 || this.#generic.pending || (this.source !== null && this.source.pending());
  }

  /** What is pending, without fetching anything. */
  kinds(): PendingKinds {
    const { fault, error } = this.#generic;
    const driver = this.#orphans.length + (this.source?.waiting() ?? 0);
    return { driver, interrupts: this.#generic.interrupts(), fault, error };
  }

  /** Makes room for the interrupts 1 to `count`, none of them pending. */
  allocate(count: number): void {
    this.counters.dropped += this.#generic.allocate(count);
    this.#kept = this.#kept.filter(token => token <= 0);
  }

  raiseInterrupt(irq: number): void {
    this.#raised(irq, this.#generic.raiseInterrupt(irq));
  }

  raiseFault(address: bigint, dsisr: bigint): void {
    this.#raised(FAULT, this.#generic.raiseFault(BigInt.asUintN(64, address), BigInt.asUintN(64, dsisr)));
  }

  /** False when an earlier error is unread: this one is lost. */
  raiseError(code: bigint): boolean {
    return this.#raised(AFU_ERROR, this.#generic.raiseError(BigInt.asUintN(64, code)));
  }

  /** Writes up to `most` whole events; returns their size, 0 when nothing is pending, or {@link TOO_LARGE}. */
  take(bytes: Uint8Array, offset: number, room: number, most: number): number {
    const size = this.#takeOne(bytes, offset, room);
    return most > 1 && size > 0 ? size + this.#takeMore(bytes, offset + size, room - size, most) : size;
  }

  #takeMore(bytes: Uint8Array, offset: number, room: number, most: number): number {
    let size = 0;
    while (this.#takenCount < most) {
      const next = this.#takeOne(bytes, offset + size, room - size);
      if (next <= 0) break;
      size += next;
    }
    return size;
  }

  /** They have reached their reader. The driver is told by the source's `commit`, when the lock is released. */
  commit(): void {
    this.counters.delivered += this.#takenCount;
    if (tracepoints.delivered.active) this.#publishDelivered();
    this.#takenCount = 0;
    if (this.#takenOrphans.length > 0) this.#takenOrphans = [];
  }

  #publishDelivered(): void {
    const taken = this.#takenTokens();
    this.#context.afterUnlock(() => {
      for (const token of taken) tracepoints.delivered.publish(this.#message(token));
    });
  }

  /** They did not reach their reader, and are what is read next. */
  putBack(bytes: Uint8Array): void {
    const taken = this.#failed(true);
    for (const token of taken) if (token > DRIVER_EVENT) this.#generic.putBack(token);
    this.source?.putBack(bytes);
    this.#orphans.unshift(...this.#takenOrphans.splice(0));
    this.#kept = [...taken, ...this.#kept];
    this.counters.kept += taken.length;
  }

  /** They did not reach their reader and are lost. The driver is told by the source's `drop`. */
  drop(): void {
    this.counters.dropped += this.#failed(false).length;
    this.#takenOrphans = [];
  }

  /**
   * Puts another source in place, and returns the former. Events that its driver had given away stay, as orphans; what
   * the driver still has to be told of, it is told when the source is closed.
   */
  replaceSource(source: DriverSource | null): DriverSource | null {
    const former = this.source;
    this.source = source;
    const given = former?.handOver() ?? [];
    const orphans = this.#orphans.splice(0);
    const kept = this.#kept.splice(0);
    for (const token of kept) {
      // Of the driver events that were put back, the pull form's are orphans now, each in its place; the fetch form's are
      // its driver's again.
      const orphan = token === DRIVER_EVENT ? given.shift() : token === ORPHAN ? orphans.shift() : undefined;
      if (orphan) this.#keepOrphan(orphan);
      else if (token !== DRIVER_EVENT) this.#kept.push(token);
    }
    for (const orphan of given) this.#keepOrphan(orphan);
    return former;
  }

  #keepOrphan(orphan: Uint8Array): void {
    this.#orphans.push(orphan);
    this.#kept.push(ORPHAN);
  }

  /** A driver event that comes from no source: read before what the source has. */
  adopt(data: Uint8Array): void {
    const bytes = new Uint8Array(EVENT_HEADER_SIZE + data.length);
    putDriverHeader(bytes, 0, this.#context.pe, data.length);
    bytes.set(data, EVENT_HEADER_SIZE);
    this.#keepOrphan(bytes);
    this.#raised(DRIVER_EVENT, true);
  }

  /** Forgets everything: nobody will read it. */
  close(): void {
    this.counters.dropped += this.#orphans.splice(0).length + this.#generic.clear();
    this.#kept = [];
  }

  #takeOne(bytes: Uint8Array, offset: number, room: number): number {
    if (this.#kept.length > 0) return this.#takeKept(bytes, offset, room);
    const size = this.source === null ? 0 : this.source.take(bytes, offset, room);
    if (size === 0) return this.#takeGeneric(bytes, offset, room);
    // Pending but too large: nothing of lower priority may overtake it.
    if (size > 0) this.#taken[this.#takenCount++] = DRIVER_EVENT;
    return size;
  }

  #takeKept(bytes: Uint8Array, offset: number, room: number): number {
    const size = this.#takeToken(this.#kept[0]!, bytes, offset, room);
    if (size > 0) this.#kept.shift();
    return size;
  }

  #takeGeneric(bytes: Uint8Array, offset: number, room: number): number {
    const token = this.#generic.next();
    return token === NO_EVENT ? 0 : this.#takeToken(token, bytes, offset, room);
  }

  #takeToken(token: Token, bytes: Uint8Array, offset: number, room: number): number {
    const size = this.#write(token, bytes, offset, room);
    if (size > 0) this.#taken[this.#takenCount++] = token;
    return size;
  }

  #write(token: Token, bytes: Uint8Array, offset: number, room: number): number {
    if (token === DRIVER_EVENT) return this.source!.take(bytes, offset, room);
    if (token === ORPHAN) return this.#writeOrphan(bytes, offset, room);
    return this.#generic.take(token, this.#context.pe, bytes, offset, room) || TOO_LARGE;
  }

  #writeOrphan(bytes: Uint8Array, offset: number, room: number): number {
    const orphan = this.#orphans[0]!;
    if (orphan.length > room) return TOO_LARGE;
    bytes.set(orphan, offset);
    this.#takenOrphans.push(orphan);
    this.#orphans.shift();
    return orphan.length;
  }

  #raised(token: Token, news: boolean): boolean {
    this.counters.raised++;
    if (!news) this.counters.coalesced++;
    if (tracepoints.raised.active) this.#publishRaised(token, news);
    return news;
  }

  #publishRaised(token: Token, news: boolean): void {
    tracepoints.raised.publish({ ...this.#message(token), coalesced: !news });
  }

  /** What was taken and is no longer with the reader. */
  #failed(kept: boolean): Token[] {
    const taken = this.#takenTokens();
    this.#takenCount = 0;
    if (tracepoints.copyFailed.active) {
      this.#context.afterUnlock(() => {
        for (const token of taken) tracepoints.copyFailed.publish({ ...this.#message(token), kept });
      });
    }
    return taken;
  }

  #takenTokens(): Token[] {
    return this.#taken.slice(0, this.#takenCount);
  }

  #message(token: Token): EventMessage {
    const context = this.#context;
    if (token > 0) return { context, kind: 'interrupt', irq: token };
    return { context, kind: token === FAULT ? 'fault' : token === AFU_ERROR ? 'error' : 'driver' };
  }
}
