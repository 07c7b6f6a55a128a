/* C's integer types, as the fields of a struct: what fits them, how they are read and written, what C calls them. */

type Value = number | bigint;

interface IntegerType {
  /** Bytes, which is also its alignment. */
  readonly size: number;
  /** The name in <stdint.h>. */
  readonly c: string;
  readonly low: Value;
  readonly high: Value;
  readonly get: (view: DataView, offset: number, little: boolean) => Value;
  readonly set: (view: DataView, offset: number, value: Value, little: boolean) => void;
}

/** By the kernel's names without their underscores: `__u16` is `u16`. */
export const fieldTypes = {
  u8: {
    size: 1,
    c: 'uint8_t',
    low: 0,
    high: 0xff,
    get: (view, offset) => view.getUint8(offset),
    set: (view, offset, value) => view.setUint8(offset, Number(value)),
  },
  s8: {
    size: 1,
    c: 'int8_t',
    low: -0x80,
    high: 0x7f,
    get: (view, offset) => view.getInt8(offset),
    set: (view, offset, value) => view.setInt8(offset, Number(value)),
  },
  u16: {
    size: 2,
    c: 'uint16_t',
    low: 0,
    high: 0xffff,
    get: (view, offset, little) => view.getUint16(offset, little),
    set: (view, offset, value, little) => view.setUint16(offset, Number(value), little),
  },
  s16: {
    size: 2,
    c: 'int16_t',
    low: -0x8000,
    high: 0x7fff,
    get: (view, offset, little) => view.getInt16(offset, little),
    set: (view, offset, value, little) => view.setInt16(offset, Number(value), little),
  },
  u32: {
    size: 4,
    c: 'uint32_t',
    low: 0,
    high: 0xffff_ffff,
    get: (view, offset, little) => view.getUint32(offset, little),
    set: (view, offset, value, little) => view.setUint32(offset, Number(value), little),
  },
  s32: {
    size: 4,
    c: 'int32_t',
    low: -0x8000_0000,
    high: 0x7fff_ffff,
    get: (view, offset, little) => view.getInt32(offset, little),
    set: (view, offset, value, little) => view.setInt32(offset, Number(value), little),
  },
  u64: {
    size: 8,
    c: 'uint64_t',
    low: 0n,
    high: 0xffff_ffff_ffff_ffffn,
    get: (view, offset, little) => view.getBigUint64(offset, little),
    set: (view, offset, value, little) => view.setBigUint64(offset, BigInt(value), little),
  },
  s64: {
    size: 8,
    c: 'int64_t',
    low: -0x8000_0000_0000_0000n,
    high: 0x7fff_ffff_ffff_ffffn,
    get: (view, offset, little) => view.getBigInt64(offset, little),
    set: (view, offset, value, little) => view.setBigInt64(offset, BigInt(value), little),
  },
} satisfies Record<string, IntegerType> as Readonly<Record<CType, IntegerType>>;

/** A C integer type. */
export type CType = 'u8' | 's8' | 'u16' | 's16' | 'u32' | 's32' | 'u64' | 's64';

/** What a field of a type is in JavaScript. */
export type CValue<T extends CType> = T extends 'u64' | 's64' ? bigint : number;

/**
 * Returns the value when it fits its type.
 * @param name how the message calls the field
 * @throws RangeError when it does not: 64 bits take a bigint, all others a whole number in their range
 */
export function checkedValue(name: string, type: CType, value: unknown): Value {
  const { low, high } = fieldTypes[type];
  const whole = typeof low === 'bigint' ? typeof value === 'bigint' : Number.isInteger(value);
  if (whole && (value as Value) >= low && (value as Value) <= high) return value as Value;
  throw new RangeError(`${name} is ${String(value)}, which is not a ${type} (${low} to ${high})`);
}
