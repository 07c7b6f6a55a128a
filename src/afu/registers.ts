import { hostOrder } from '../abi/index.ts';
import { CxlError, type ContextWindow } from '../core/index.ts';

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
  /** A store by a program is handed to the model, and the register returns to its reset value. */
  readonly doorbell?: boolean | undefined;
  /** The value that it has when work is attached; default 0n. */
  readonly reset?: bigint | undefined;
}

/** The registers of a window, by name. */
export type Registers = Readonly<Record<string, Register>>;

const PAGE = 4096;

/** Bytes that a window with these registers needs: whole pages. */
export function windowSize(registers: Registers): number {
  const end = Math.max(0, ...Object.values(registers).map(({ offset, width }) => offset + width));
  return Math.ceil(end / PAGE) * PAGE;
}

/**
 * Checks declared registers.
 * @throws RangeError for a width, offset or reset value that cannot be, and for registers that overlap
 */
export function checkRegisters(model: string, registers: Registers): void {
  let last = { name: '', end: 0 };
  for (const [name, register] of Object.entries(registers).toSorted(([, a], [, b]) => a.offset - b.offset)) {
    const { offset, width, reset = 0n } = register;
    const where = `register ${name} of AFU model ${model}`;
    if (width !== 4 && width !== 8) throw new RangeError(`${where} is ${String(width)} bytes wide, not 4 or 8`);
    if (!Number.isSafeInteger(offset) || offset < 0 || offset % width !== 0) {
      throw new RangeError(`${where} is at ${String(offset)}, which is not a multiple of its width ${width}`);
    }
    if (BigInt.asUintN(width * 8, reset) !== reset) throw new RangeError(`${where} cannot hold ${reset}`);
    if (register.readOnly && register.doorbell) throw new RangeError(`${where} cannot be readOnly and a doorbell`);
    if (offset < last.end) throw new RangeError(`${where} overlaps register ${last.name}`);
    last = { name, end: offset + width };
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
  /** Of a read-only register: what the model stored last, as it stands in memory. */
  value: bigint;
}

const scratch = new DataView(new ArrayBuffer(8));

function swap(value: bigint, width: 4 | 8): bigint {
  scratch.setBigUint64(0, value);
  return width === 8 ? scratch.getBigUint64(0, true) : BigInt(scratch.getUint32(4, true));
}

/**
 * The registers of one process element's window, as its model sees them. Every load and store is of the whole register at
 * once, as towards a program that has the window mapped.
 */
export class RegisterFile<Name extends string = string> {
  readonly #window: ContextWindow;
  readonly #cells: ReadonlyMap<string, Cell>;
  readonly #doorbells: readonly Cell[];
  readonly #readOnly: readonly Cell[];
  #bytes: Uint8Array | undefined;
  #words: Int32Array = new Int32Array(0);
  #doubles: BigInt64Array = new BigInt64Array(0);

  /** @internal */
  constructor(window: ContextWindow, registers: Registers) {
    const cells = Object.entries(registers).map(([name, register]): Cell => {
      const { order = 'host', width, reset = 0n } = register;
      const swapped = order !== 'host' && order !== hostOrder;
      const stands = swapped ? swap(reset, width) : reset;
      return { name, register, swapped, reset: stands, value: stands };
    });
    this.#window = window;
    this.#cells = new Map(cells.map(cell => [cell.name, cell]));
    this.#doorbells = cells.filter(({ register }) => register.doorbell);
    this.#readOnly = cells.filter(({ register }) => register.readOnly);
  }

  /** What the register holds: an unsigned number of its width. @throws RangeError for an unknown register */
  read(name: Name): bigint {
    const cell = this.#cell(name);
    const value = this.#load(cell);
    return cell.swapped ? swap(value, cell.register.width) : value;
  }

  /** @param value is cut to the register's width @throws RangeError for an unknown register */
  write(name: Name, value: bigint | number): void {
    const cell = this.#cell(name);
    const { width } = cell.register;
    const cut = BigInt.asUintN(width * 8, BigInt(value));
    cell.value = cell.swapped ? swap(cut, width) : cut;
    this.#store(cell, cell.value);
  }

  /** A copy of `length` bytes from `offset` of the window, registers or not. @throws CxlError EINVAL beyond the window */
  copyOut(offset: number, length: number): Uint8Array {
    return this.#window.map(offset, length).slice();
  }

  /** Puts bytes into the window at `offset`. @throws CxlError EINVAL beyond the window */
  copyIn(offset: number, bytes: Uint8Array): void {
    this.#window.map(offset, bytes.length).set(bytes);
  }

  /** @internal Whether a program's stores must be looked for. */
  get watched(): boolean {
    return this.#doorbells.length > 0 || this.#readOnly.length > 0;
  }

  /** @internal Every register has its reset value. */
  reset(): void {
    if (!this.#attached()) return;
    for (const cell of this.#cells.values()) {
      cell.value = cell.reset;
      this.#store(cell, cell.reset);
    }
  }

  /** @internal Undoes stores to read-only registers, and hands out what was stored to doorbells. */
  scan(rung: (name: Name, value: bigint) => void): void {
    if (!this.#attached()) return;
    for (const cell of this.#readOnly) if (this.#load(cell) !== cell.value) this.#store(cell, cell.value);
    for (const cell of this.#doorbells) {
      // Looked at before it is taken: an exchange would claim the cache line from the program each time.
      if (!this.#attached() || this.#load(cell) === cell.reset) continue;
      const value = this.#exchange(cell, cell.reset);
      rung(cell.name as Name, cell.swapped ? swap(value, cell.register.width) : value);
    }
  }

  #cell(name: string): Cell {
    const cell = this.#cells.get(name);
    if (!cell) throw new RangeError(`there is no register ${name}; there are ${[...this.#cells.keys()].join(', ')}`);
    if (!this.#attached()) throw new CxlError('EIO', 'mmio', 'the process element is not attached');
    return cell;
  }

  /** The window's memory may be unmapped after detach, so it is asked for each time. */
  #attached(): boolean {
    const { bytes } = this.#window;
    if (bytes === this.#bytes) return bytes !== undefined;
    this.#bytes = bytes;
    const { buffer, byteOffset, length } = bytes ?? new Uint8Array(0);
    this.#words = new Int32Array(buffer, byteOffset, length >> 2);
    this.#doubles = new BigInt64Array(buffer, byteOffset, length >> 3);
    return bytes !== undefined;
  }

  #load({ register: { offset, width } }: Cell): bigint {
    return width === 8
      ? BigInt.asUintN(64, Atomics.load(this.#doubles, offset >> 3))
      : BigInt(Atomics.load(this.#words, offset >> 2) >>> 0);
  }

  #store({ register: { offset, width } }: Cell, value: bigint): void {
    if (width === 8) Atomics.store(this.#doubles, offset >> 3, value);
    else Atomics.store(this.#words, offset >> 2, Number(value) | 0);
  }

  #exchange({ register: { offset, width } }: Cell, value: bigint): bigint {
    return width === 8
      ? BigInt.asUintN(64, Atomics.exchange(this.#doubles, offset >> 3, value))
      : BigInt(Atomics.exchange(this.#words, offset >> 2, Number(value) | 0) >>> 0);
  }
}
