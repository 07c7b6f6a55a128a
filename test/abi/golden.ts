import type { ByteOrder, Layout, StructOf } from '../../src/abi/index.ts';
import * as fc from 'fast-check';

/**
 * One field of a golden struct: its bytes in hex as a little-endian machine has them, then what it is.
 * A payload is bytes in the order they are in, on any machine.
 */
export type GoldenRow = readonly [hex: string, comment: string, kind?: 'payload'];

/** The bytes of a golden struct. One row is one field, so the other byte order is each row reversed. */
export function golden(rows: readonly GoldenRow[], order: ByteOrder): Uint8Array {
  return Uint8Array.from(
    rows.flatMap(([hex, , kind]) => {
      const bytes = hex.split(' ').map(digits => Number.parseInt(digits, 16));
      return order === 'big' && kind !== 'payload' ? bytes.toReversed() : bytes;
    }),
  );
}

export const orders: readonly ByteOrder[] = ['little', 'big'];

const fieldArbitrary = {
  u16: fc.integer({ min: 0, max: 0xffff }),
  s16: fc.integer({ min: -0x8000, max: 0x7fff }),
  u32: fc.integer({ min: 0, max: 0xffffffff }),
  s32: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  u64: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
} as const;

/** Any object that a struct of this layout can hold. */
export function structArbitrary<L extends Layout>(layout: L): fc.Arbitrary<StructOf<L>> {
  const record = Object.entries(layout).map(([name, { type }]) => [name, fieldArbitrary[type]] as const);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fromEntries forgets which key has which value
  return fc.record(Object.fromEntries(record)) as unknown as fc.Arbitrary<StructOf<L>>;
}

/** What a buffer holds around the bytes under test; no encoder may touch it. */
export const FILL = 0xa5;

/** A buffer of `before + size + 8` bytes of FILL. */
export function filled(before: number, size: number): Uint8Array {
  return new Uint8Array(before + size + 8).fill(FILL);
}

/** True if every byte outside `[start, start + size)` still is FILL. */
export function untouchedAround(bytes: Uint8Array, start: number, size: number): boolean {
  return bytes.every((byte, at) => byte === FILL || (at >= start && at < start + size));
}
