import { hostOrder } from '../abi/index.ts';
import type { ContextWindow, CxlError } from '../core/index.ts';

/** One register of a window. */
export interface Register {
  /** Bytes from the window's start, a multiple of `width`. */
  readonly offset: number;
  /** Bytes: 4 or 8. */
  readonly width: 4 | 8;
  /** Byte order; default `host`. Many CAPI accelerators are `big`, whatever the host is. */
  readonly order?: 'big' | 'little' | 'host' | undefined;
  /** A store by a program is undone: at once when it was a system call, within the doorbell period through a mapping. */
  readonly readOnly?: boolean | undefined;
  /**
   * A store by a program is handed to the model, and the register returns to its reset value, or to what the model stored
   * last. A store of just that value goes unnoticed.
   */
  readonly doorbell?: boolean | undefined;
  /** The value that it has when work is attached; default 0n. */
  readonly reset?: bigint | undefined;
}

/** The registers of a window, by name. */
export type Registers = Readonly<Record<string, Register>>;

/** Windows consist of these. */
export const PAGE = 4096;

/** Bytes that a window with these registers needs: whole pages. */
export function windowSize(registers: Registers): number {
  const end = Math.max(0, ...Object.values(registers).map(({ offset, width }) => offset + width));
  return Math.ceil(end / PAGE) * PAGE;
}

const orders: ReadonlySet<unknown> = new Set(['big', 'little', 'host', undefined]);

/**
 * Checks declared registers.
 * @param size bytes of the window that they must fit
 * @throws RangeError for a width, offset, order or reset value that cannot be, for registers that overlap, and for one that
 * is beyond the window
 */
export function checkRegisters(model: string, registers: Registers, size: number = Infinity): void {
  let last = { name: '', end: 0 };
  for (const [name, register] of Object.entries(registers).toSorted(([, a], [, b]) => a.offset - b.offset)) {
    const { offset, width, order, reset = 0n } = register;
    const end = offset + width;
    const where = `register ${name} of AFU model ${model}`;
    if (width !== 4 && width !== 8) throw new RangeError(`${where} is ${String(width)} bytes wide, not 4 or 8`);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset % width !== 0) {
      throw new RangeError(`${where} is at ${String(offset)}, which is not a multiple of its width ${width}`);
    }
    if (!orders.has(order)) throw new RangeError(`${where} has the order ${order}, not big, little or host`);
    if (typeof reset !== 'bigint' || BigInt.asUintN(width * 8, reset) !== reset) {
      throw new RangeError(`${where} cannot hold ${String(reset)}: a bigint of ${width} bytes, 0n upwards`);
    }
    if (register.readOnly && register.doorbell) throw new RangeError(`${where} cannot be readOnly and a doorbell`);
    if (offset < last.end) throw new RangeError(`${where} overlaps register ${last.name}`);
    if (end > size) throw new RangeError(`${where} ends at ${end}, beyond the ${size} bytes of the window`);
    last = { name, end };
  }
}

/** A register and where it is found in memory. */
interface Cell {
  readonly name: string;
  readonly register: Register;
  /** Whether the bytes are in the other order than the host's. */
  readonly swapped: boolean;
  /** In the host's order, as it stands in memory. */
  readonly reset: bigint;
  /** What the model stored last, or `reset`, as it stands in memory. */
  value: bigint;
  /** The same as the words of 32 bits that it consists of, in the order of their addresses. */
  readonly halves: Int32Array;
}

/** Whose registers they are. */
interface Owner {
  /** The error for an access after detach, which is said once. */
  notAttached(what: string): CxlError;
}

const LATE = 'touched registers after detach';

const scratch = new DataView(new ArrayBuffer(8));

function swap(value: bigint, width: 4 | 8): bigint {
  scratch.setBigUint64(0, value);
  return width === 8 ? scratch.getBigUint64(0, true) : BigInt(scratch.getUint32(4, true));
}

function cellOf(name: string, register: Register): Cell {
  const { order = 'host', width, reset = 0n } = register;
  const swapped = order !== 'host' && order !== hostOrder;
  const stands = swapped ? swap(reset, width) : reset;
  const cell = { name, register, swapped, reset: stands, value: stands, halves: new Int32Array(2) };
  stand(cell, stands);
  return cell;
}

/** @param value as it stands in memory */
function stand(cell: Cell, value: bigint): void {
  cell.value = value;
  if (cell.register.width === 4) {
    cell.halves[0] = Number(value);
    return;
  }
  scratch.setBigUint64(0, value, hostOrder === 'little');
  for (const half of [0, 1]) cell.halves[half] = scratch.getInt32(4 * half, hostOrder === 'little');
}

/**
 * The registers of one process element's window, as its model sees them. Every load and store is of the whole register at
 * once, as towards a program that has the window mapped.
 */
export class RegisterFile<Name extends string = string> {
  readonly #owner: Owner;
  readonly #window: ContextWindow;
  /** @internal */
  readonly declared: Registers;
  readonly #cells: ReadonlyMap<string, Cell>;
  readonly #doorbells: readonly Cell[];
  readonly #readOnly: readonly Cell[];
  #bytes: Uint8Array | undefined;
  #words: Int32Array = new Int32Array(0);
  #doubles: BigInt64Array = new BigInt64Array(0);

  /**
   * @internal
   * @param peer of another process element that sees the very same window, and so the same registers
   */
  constructor(owner: Owner, window: ContextWindow, registers: Registers, peer?: RegisterFile) {
    this.#owner = owner;
    this.#window = window;
    this.declared = registers;
    this.#cells = peer ? peer.#cells : new Map(Object.entries(registers).map(each => [each[0], cellOf(...each)]));
    const cells = [...this.#cells.values()];
    this.#doorbells = cells.filter(({ register }) => register.doorbell);
    this.#readOnly = cells.filter(({ register }) => register.readOnly);
  }

  /**
   * What the register holds: an unsigned number of its width.
   * @throws RangeError for an unknown register; CxlError EIO after detach, which is the model's misuse
   */
  read(name: Name): bigint {
    const cell = this.#cell(name);
    const value = this.#load(cell);
    return cell.swapped ? swap(value, cell.register.width) : value;
  }

  /** @param value is cut to the register's width @throws as {@link read}; RangeError also for a fraction */
  write(name: Name, value: bigint | number): void {
    const cell = this.#cell(name);
    const { width } = cell.register;
    const cut = BigInt.asUintN(width * 8, BigInt(value));
    stand(cell, cell.swapped ? swap(cut, width) : cut);
    this.#store(cell, cell.value);
  }

  /**
   * A copy of `length` bytes from `offset` of the window, registers or not.
   * @throws RangeError beyond the window; CxlError EIO after detach, which is the model's misuse
   */
  copyOut(offset: number, length: number): Uint8Array {
    return this.#part(offset, length).slice();
  }

  /** Puts bytes into the window at `offset`. @throws as {@link copyOut} */
  copyIn(offset: number, bytes: Uint8Array): void {
    this.#part(offset, bytes.length).set(bytes);
  }

  /** @internal Whether a program's stores must be looked for. */
  get watched(): boolean {
    return this.#doorbells.length > 0 || this.#readOnly.length > 0;
  }

  /** @internal Every register has its reset value. */
  reset(): void {
    if (!this.#attached()) return;
    for (const cell of this.#cells.values()) {
      stand(cell, cell.reset);
      this.#store(cell, cell.reset);
    }
  }

  /** @internal Undoes stores to read-only registers, and hands out what was stored to doorbells. */
  scan(rung: (name: string, value: bigint) => void): void {
    if (!this.#attached()) return;
    for (const cell of this.#readOnly) if (this.#differs(cell)) this.#store(cell, cell.value);
    for (const cell of this.#doorbells) {
      // Looked at before it is taken: an exchange would claim the cache line from the program each time.
      if (!this.#attached() || !this.#differs(cell)) continue;
      const value = this.#exchange(cell, cell.value);
      rung(cell.name, cell.swapped ? swap(value, cell.register.width) : value);
    }
  }

  #cell(name: string): Cell {
    const cell = this.#cells.get(name);
    if (!cell) throw new RangeError(`no register ${name} among: ${[...this.#cells.keys()].join(', ') || 'none'}`);
    if (!this.#attached()) throw this.#owner.notAttached(LATE);
    return cell;
  }

  #part(offset: number, length: number): Uint8Array {
    const { bytes } = this.#window;
    const { size } = this.#window.place;
    if (!bytes && size > 0) throw this.#owner.notAttached(LATE);
    if (bytes && offset >= 0 && length >= 0 && offset + length <= size) return bytes.subarray(offset, offset + length);
    throw new RangeError(`${length} bytes at ${offset} are beyond the ${size} bytes of the window`);
  }

  /** The window's memory may be unmapped after detach, so it is asked for each time. */
  #attached(): boolean {
    const { bytes } = this.#window;
    if (bytes === this.#bytes) return bytes !== undefined;
    this.#bytes = bytes;
    const { buffer, byteOffset, length } = bytes ?? new Uint8Array(0);
    // Not by shifts, here and below: a window may have 2^32 bytes.
    this.#words = new Int32Array(buffer, byteOffset, length / 4);
    this.#doubles = new BigInt64Array(buffer, byteOffset, length / 8);
    return bytes !== undefined;
  }

  /** Whether something else stands in memory than the model stored; a look without a bigint, for there are many. */
  #differs({ register: { offset, width }, halves }: Cell): boolean {
    const at = offset / 4;
    return this.#words[at] !== halves[0] || (width === 8 && this.#words[at + 1] !== halves[1]);
  }

  #load({ register: { offset, width } }: Cell): bigint {
    return width === 8
      ? BigInt.asUintN(64, Atomics.load(this.#doubles, offset / 8))
      : BigInt(Atomics.load(this.#words, offset / 4) >>> 0);
  }

  #store({ register: { offset, width } }: Cell, value: bigint): void {
    if (width === 8) Atomics.store(this.#doubles, offset / 8, value);
    else Atomics.store(this.#words, offset / 4, Number(value) | 0);
  }

  #exchange({ register: { offset, width } }: Cell, value: bigint): bigint {
    return width === 8
      ? BigInt.asUintN(64, Atomics.exchange(this.#doubles, offset / 8, value))
      : BigInt(Atomics.exchange(this.#words, offset / 4, Number(value) | 0) >>> 0);
  }
}
