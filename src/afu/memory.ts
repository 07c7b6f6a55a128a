import { CxlPslDsisr, hostOrder } from '../abi/index.ts';
import { CxlError, type AccessFailure, type MemoryPiece, type ProgramMemory } from '../core/index.ts';

const { CXL_PSL_DSISR_An_DM, CXL_PSL_DSISR_An_M, CXL_PSL_DSISR_An_P, CXL_PSL_DSISR_An_S } = CxlPslDsisr;

const hostIsLittle = hostOrder === 'little';

/** An access to an effective address that cannot be made. The program has been told: a data storage event is pending. */
export class AddressError extends Error {
  override readonly name = 'AddressError';
  /** The first byte that could not be accessed. */
  readonly address: bigint;
  /** The PSL8 register that the program gets. */
  readonly dsisr: bigint;
  /** True when the AFU wanted to store. */
  readonly store: boolean;
  readonly reason: AccessFailure;

  constructor(address: bigint, store: boolean, reason: AccessFailure) {
    super(`cannot ${store ? 'store to' : 'load from'} 0x${address.toString(16)}: ${reason}`);
    this.address = address;
    this.store = store;
    this.reason = reason;
    const why = reason === 'protected' ? CXL_PSL_DSISR_An_P : CXL_PSL_DSISR_An_M;
    this.dsisr = CXL_PSL_DSISR_An_DM | why | (store ? CXL_PSL_DSISR_An_S : 0n);
  }
}

/** What a process element's memory asks of it. */
interface Owner {
  readonly attached: boolean;
  fault(address: bigint, dsisr: bigint): void;
  /** The model did what it must not; said once. */
  misused(what: string): void;
}

/**
 * The memory of the program that started the work, as the accelerator sees it: by the program's own addresses, within its
 * own page protections. Every access is made at once. One that cannot be made raises a data storage event on the context
 * and throws an {@link AddressError}; what came before the bad byte has been transferred.
 */
export class EffectiveMemory {
  readonly #owner: Owner;
  readonly #memory: ProgramMemory | undefined;

  /** @internal */
  constructor(owner: Owner, memory: ProgramMemory | undefined) {
    this.#owner = owner;
    this.#memory = memory;
  }

  /** A copy of `length` bytes from `address`. @throws AddressError */
  read(address: bigint, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.readv([{ address, bytes }]);
    return bytes;
  }

  /** Fills `bytes` from `address`, without a copy in between. @throws AddressError */
  readInto(address: bigint, bytes: Uint8Array): void {
    this.readv([{ address, bytes }]);
  }

  /** Stores `bytes` at `address`. @throws AddressError */
  write(address: bigint, bytes: Uint8Array): void {
    this.writev([{ address, bytes }]);
  }

  /** Fills several pieces, in order. @throws AddressError */
  readv(pieces: readonly MemoryPiece[]): void {
    this.#transfer(pieces, false);
  }

  /** Stores several pieces, in order. @throws AddressError */
  writev(pieces: readonly MemoryPiece[]): void {
    this.#transfer(pieces, true);
  }

  /**
   * Replaces the word at `address` by `desired` if it is `expected`, atomically towards the program, and returns what it
   * was; in the host's byte order.
   * @param width 4 or 8 bytes, of which `address` is a multiple
   * @throws AddressError; CxlError EOPNOTSUPP when the program has not mapped that memory shared; EINVAL
   */
  compareExchange(address: bigint, width: 4 | 8, expected: bigint, desired: bigint): bigint {
    if (address % BigInt(width) !== 0n) throw new CxlError('EINVAL', 'compareExchange', `0x${address.toString(16)}`);
    const memory = this.#attached();
    const reason = memory ? memory.failure(address, true) : 'gone';
    if (!memory || reason) throw this.#fault(address, true, reason ?? 'gone');
    const was = memory.compareExchange(address, width, expected, desired);
    if (was !== undefined) return was;
    throw new CxlError('EOPNOTSUPP', 'compareExchange', `0x${address.toString(16)} is not in memory mapped shared`);
  }

  #transfer(pieces: readonly MemoryPiece[], store: boolean): void {
    const memory = this.#attached();
    let left = memory ? (store ? memory.write(pieces) : memory.read(pieces)) : 0;
    for (const { address, bytes } of pieces) {
      if (left >= bytes.length) {
        left -= bytes.length;
        continue;
      }
      const bad = BigInt.asUintN(64, address + BigInt(left));
      throw this.#fault(bad, store, memory?.failure(bad, store) ?? (memory ? 'unmapped' : 'gone'));
    }
  }

  #attached(): ProgramMemory | undefined {
    if (this.#owner.attached) return this.#memory;
    this.#owner.misused('touched memory after detach');
    throw new CxlError('EIO', 'memory', 'the process element is not attached');
  }

  #fault(address: bigint, store: boolean, reason: AccessFailure): AddressError {
    const error = new AddressError(address, store, reason);
    if (reason === 'forbidden')
      this.#owner.misused(this.#memory?.problem ?? 'may not access the memory of its program');
    this.#owner.fault(address, error.dsisr);
    return error;
  }
}

/**
 * A typed array as a program's memory, for work that is started inside this process.
 * @param base the effective address of its first byte
 */
export function localMemory(bytes: Uint8Array, base: bigint): ProgramMemory {
  const end = base + BigInt(bytes.length);
  const copy = (pieces: readonly MemoryPiece[], one: (piece: Uint8Array, ours: Uint8Array) => void): number => {
    let copied = 0;
    for (const piece of pieces) {
      const inside = piece.address >= base && piece.address <= end;
      const at = inside ? Number(piece.address - base) : bytes.length;
      const ours = bytes.subarray(at, at + piece.bytes.length);
      one(piece.bytes.subarray(0, ours.length), ours);
      copied += ours.length;
      if (ours.length < piece.bytes.length) break;
    }
    return copied;
  };
  return {
    read: pieces => copy(pieces, (piece, ours) => piece.set(ours)),
    write: pieces => copy(pieces, (piece, ours) => ours.set(piece)),
    failure: address => (address >= base && address < end ? undefined : 'unmapped'),
    compareExchange(address, width, expected, desired) {
      if (address < base || address + BigInt(width) > end) return undefined;
      const view = new DataView(bytes.buffer, bytes.byteOffset + Number(address - base), width);
      const word = width === 8 ? view.getBigUint64(0, hostIsLittle) : BigInt(view.getUint32(0, hostIsLittle));
      if (word !== expected) return word;
      if (width === 8) view.setBigUint64(0, desired, hostIsLittle);
      else view.setUint32(0, Number(desired), hostIsLittle);
      return word;
    },
    close() {},
  };
}
