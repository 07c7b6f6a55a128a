import { CxlPslDsisr } from '../abi/index.ts';
import { CxlError, type AccessFailure, type MemoryPiece, type ProgramMemory } from '../core/index.ts';

const { CXL_PSL_DSISR_An_DM, CXL_PSL_DSISR_An_M, CXL_PSL_DSISR_An_P, CXL_PSL_DSISR_An_S } = CxlPslDsisr;

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
  /** The error for an access after detach, which is said once. */
  notAttached(what: string): CxlError;
}

const BYTES_IN_ALL = 2n ** 64n;

/**
 * The memory of the program that started the work, as the accelerator sees it: by the program's own addresses, within its
 * own page protections. Every access is made at once. One that cannot be made raises a data storage event on the context
 * and throws an {@link AddressError}; what came before the bad byte has been transferred.
 *
 * An address is cut to 64 bits. After the last address, 2^64 - 1, there is none: an access that goes on there is bad at 0.
 * After detach every access is a CxlError EIO, and reported as the model's misuse.
 */
export class EffectiveMemory {
  readonly #owner: Owner;
  readonly #memory: ProgramMemory | undefined;

  /** @internal */
  constructor(owner: Owner, memory: ProgramMemory | undefined) {
    this.#owner = owner;
    this.#memory = memory;
  }

  /** A copy of `length` bytes from `address`. @throws AddressError; RangeError for a length that no array can have */
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
   * @param expected and `desired` are cut to that width
   * @throws AddressError; CxlError EOPNOTSUPP when the program has not mapped that memory shared; EINVAL when `address` is
   * no multiple of `width`
   */
  compareExchange(address: bigint, width: 4 | 8, expected: bigint, desired: bigint): bigint {
    const memory = this.#attached();
    const at = BigInt.asUintN(64, address);
    const where = `0x${at.toString(16)}`;
    if (at % BigInt(width) !== 0n) throw new CxlError('EINVAL', 'compareExchange', `${where}: ${width} bytes`);
    const reason = memory ? memory.failure(at, true) : 'gone';
    if (!memory || reason) throw this.#fault(at, true, reason ?? 'gone');
    const bits = width * 8;
    const was = memory.compareExchange(at, width, BigInt.asUintN(bits, expected), BigInt.asUintN(bits, desired));
    if (was !== undefined) return was;
    throw new CxlError('EOPNOTSUPP', 'compareExchange', `${where} is not in memory mapped shared`);
  }

  #transfer(pieces: readonly MemoryPiece[], store: boolean): void {
    const memory = this.#attached();
    const possible = withinAddresses(pieces);
    let left = memory ? (store ? memory.write(possible) : memory.read(possible)) : 0;
    for (const { address, bytes } of pieces) {
      if (left >= bytes.length) {
        left -= bytes.length;
        continue;
      }
      const bad = BigInt.asUintN(64, address + BigInt(left));
      throw this.#fault(bad, store, memory ? (memory.failure(bad, store) ?? 'unmapped') : 'gone');
    }
  }

  #attached(): ProgramMemory | undefined {
    if (this.#owner.attached) return this.#memory;
    throw this.#owner.notAttached('touched memory after detach');
  }

  #fault(address: bigint, store: boolean, reason: AccessFailure): AddressError {
    const error = new AddressError(address, store, reason);
    if (reason === 'forbidden')
      this.#owner.misused(this.#memory?.problem ?? 'may not access the memory of its program');
    this.#owner.fault(address, error.dsisr);
    return error;
  }
}

function isBeyond({ address, bytes }: MemoryPiece): boolean {
  return address < 0n || address + BigInt(bytes.length) > BYTES_IN_ALL;
}

/** The pieces as a program's memory takes them: up to where the last address is passed. */
function withinAddresses(pieces: readonly MemoryPiece[]): readonly MemoryPiece[] {
  if (!pieces.some(isBeyond)) return pieces;
  const possible: MemoryPiece[] = [];
  for (const { address, bytes } of pieces) {
    const at = BigInt.asUintN(64, address);
    const room = BYTES_IN_ALL - at;
    if (BigInt(bytes.length) > room) return [...possible, { address: at, bytes: bytes.subarray(0, Number(room)) }];
    possible.push({ address: at, bytes });
  }
  return possible;
}

/**
 * A typed array as a program's memory, for work that is started inside this process. Nothing of it is let go of when the
 * work is over, so it can be used again.
 *
 * `compareExchange` needs an array that lies as its addresses do: a word at a multiple of its width in both. It is atomic
 * towards other threads if the array is over a SharedArrayBuffer.
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
      const at = bytes.byteOffset + Number(address - base);
      if (address < base || address + BigInt(width) > end || at % width !== 0) return undefined;
      if (width === 4) {
        const words = new Uint32Array(bytes.buffer, at, 1);
        return BigInt(Atomics.compareExchange(words, 0, Number(expected), Number(desired)));
      }
      return Atomics.compareExchange(new BigUint64Array(bytes.buffer, at, 1), 0, expected, desired);
    },
    close() {},
  };
}
