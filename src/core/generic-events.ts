import {
  AFU_ERROR_EVENT_SIZE,
  AFU_INTERRUPT_EVENT_SIZE,
  DATA_STORAGE_EVENT_SIZE,
  putAfuError,
  putAfuInterrupt,
  putDataStorage,
} from '../abi/events.ts';

/** Which event a reader was given: an interrupt's number (1 upwards) or one of the constants below. */
export type Token = number;
export const NO_EVENT: Token = 0;
export const FAULT: Token = -1;
export const AFU_ERROR: Token = -2;
/** The next event of the context's AFU driver; not kept here, but part of the same order. */
export const DRIVER_EVENT: Token = -3;
/** A driver event whose driver no longer has to do with the context; only its bytes are left. */
export const ORPHAN: Token = -4;

const noInterrupts = new Uint32Array(0);

/**
 * The events that every AFU has: interrupts, one data storage fault, one AFU error. They coalesce as the hardware's do
 * (C3): an interrupt number at most once while unread, the newest fault wins, the first AFU error wins.
 *
 * C original: `pending_irq`, `irq_bitmap`, `pending_fault`, `fault_addr`, `fault_dsisr`, `pending_afu_err` and `afu_err`
 * of `struct cxl_context` (drivers/misc/cxl/cxl.h).
 */
export class GenericEvents {
  #interrupts: Uint32Array = noInterrupts;
  #pendingInterrupts = 0;
  #fault = false;
  #faultAddress = 0n;
  #faultStatus = 0n;
  #error = false;
  #errorCode = 0n;

  get pending(): boolean {
    return this.#pendingInterrupts !== 0 || this.#fault || this.#error;
  }

  /** Makes room for the interrupts 1 to `count`, none of them pending; returns how many were. */
  allocate(count: number): number {
    const forgotten = this.#pendingInterrupts;
    this.#pendingInterrupts = 0;
    this.#interrupts = count === 0 ? noInterrupts : new Uint32Array((count + 31) >>> 5);
    return forgotten;
  }

  /** Forgets everything; returns how many events were pending. */
  clear(): number {
    const forgotten = this.allocate(0) + Number(this.#fault) + Number(this.#error);
    this.#fault = false;
    this.#error = false;
    return forgotten;
  }

  /** Returns whether the interrupt is newly pending; `irq` must be one of those allocated. */
  raiseInterrupt(irq: number): boolean {
    const word = (irq - 1) >>> 5;
    const bit = 1 << ((irq - 1) & 31);
    const before = this.#interrupts[word]!;
    if ((before & bit) !== 0) return false;
    this.#interrupts[word] = before | bit;
    this.#pendingInterrupts++;
    return true;
  }

  /** Returns whether no earlier fault was unread; if one was, this one has replaced it. */
  raiseFault(address: bigint, status: bigint): boolean {
    const first = !this.#fault;
    this.#fault = true;
    this.#faultAddress = address;
    this.#faultStatus = status;
    return first;
  }

  /** Returns false when an earlier error is still unread: that one stays. */
  raiseError(code: bigint): boolean {
    if (this.#error) return false;
    this.#error = true;
    this.#errorCode = code;
    return true;
  }

  get fault(): boolean {
    return this.#fault;
  }

  get error(): boolean {
    return this.#error;
  }

  /** The numbers of the interrupts that are pending, lowest first. */
  interrupts(): number[] {
    const pending: number[] = [];
    if (this.#pendingInterrupts === 0) return pending;
    for (const [word, bits] of this.#interrupts.entries()) {
      for (let left = bits; left !== 0; left &= left - 1) {
        pending.push((word << 5) + 32 - Math.clz32(left & -left));
      }
    }
    return pending;
  }

  /** The event that is read next among these: lowest interrupt, then the fault, then the error. */
  next(): Token {
    if (this.#pendingInterrupts !== 0) return this.#lowestInterrupt();
    if (this.#fault) return FAULT;
    return this.#error ? AFU_ERROR : NO_EVENT;
  }

  /** Writes the event's bytes and takes it out; returns its size, or 0 when `room` is too small and nothing happened. */
  take(token: Token, pe: number, bytes: Uint8Array, offset: number, room: number): number {
    if (token > 0) {
      if (room < AFU_INTERRUPT_EVENT_SIZE) return 0;
      this.#interrupts[(token - 1) >>> 5]! &= ~(1 << ((token - 1) & 31));
      this.#pendingInterrupts--;
      return putAfuInterrupt(bytes, offset, pe, token);
    }
    if (token === FAULT) {
      if (room < DATA_STORAGE_EVENT_SIZE) return 0;
      this.#fault = false;
      return putDataStorage(bytes, offset, pe, this.#faultAddress, this.#faultStatus);
    }
    if (room < AFU_ERROR_EVENT_SIZE) return 0;
    this.#error = false;
    return putAfuError(bytes, offset, pe, this.#errorCode);
  }

  /** Undoes {@link take}: nothing was raised in between, since that waits for the lock. */
  putBack(token: Token): void {
    if (token > 0) {
      this.#interrupts[(token - 1) >>> 5]! |= 1 << ((token - 1) & 31);
      this.#pendingInterrupts++;
    } else if (token === FAULT) this.#fault = true;
    else this.#error = true;
  }

  #lowestInterrupt(): number {
    const words = this.#interrupts;
    let index = 0;
    while (words[index] === 0) index++;
    const word = words[index]!;
    return (index << 5) + 32 - Math.clz32(word & -word);
  }
}
