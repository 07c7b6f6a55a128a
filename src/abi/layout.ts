import { type ByteOrder, hostOrder } from './byteorder.ts';

/** A C integer type of the uapi headers: `__u16` is `'u16'`. */
export type FieldType = 'u16' | 's16' | 'u32' | 's32' | 'u64';

/** Where a field is in its struct, and what it is. */
export interface Field {
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly type: FieldType;
}

/** A struct as data: its fields by name (the C name in camelCase), in the order of their offsets. */
export type Layout = Readonly<Record<string, Field>>;

/** The object a struct decodes to: 64-bit fields are bigint, all others number. */
export type StructOf<L extends Layout> = { [F in keyof L]: L[F]['type'] extends 'u64' ? bigint : number };

/** Turns the bytes of one struct into an object and back. */
export interface Codec<T> {
  /** Bytes of the struct. */
  readonly size: number;
  /**
   * Reads the struct at `offset`.
   *
   * @throws RangeError if `bytes` ends before the struct does.
   */
  decode(bytes: Uint8Array, offset?: number, order?: ByteOrder): T;
  /**
   * Writes the whole struct at `offset`, fields that `value` lacks as 0, and returns its size.
   *
   * @throws RangeError if `bytes` ends before the struct does, or a field's value does not fit its type. Then no byte
   *   has been written.
   */
  encode(value: T extends object ? Partial<T> : T, bytes: Uint8Array, offset?: number, order?: ByteOrder): number;
}

/** A codec that was made from a layout, which it shows. */
export interface StructCodec<L extends Layout> extends Codec<StructOf<L>> {
  readonly layout: L;
}

const limits = {
  u16: [0, 0xffff],
  s16: [-0x8000, 0x7fff],
  u32: [0, 0xffffffff],
  s32: [-0x80000000, 0x7fffffff],
  u64: [0n, 0xffff_ffff_ffff_ffffn],
} as const;

function viewAt(name: string, size: number, bytes: Uint8Array, offset: number): DataView {
  if (!Number.isInteger(offset) || offset < 0 || offset + size > bytes.length) {
    throw new RangeError(`${name} needs ${size} bytes at offset ${offset}, the buffer has ${bytes.length}`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset + offset, size);
}

function readField(view: DataView, { offset, type }: Field, little: boolean): number | bigint {
  switch (type) {
    case 'u16':
      return view.getUint16(offset, little);
    case 's16':
      return view.getInt16(offset, little);
    case 'u32':
      return view.getUint32(offset, little);
    case 's32':
      return view.getInt32(offset, little);
    default:
      return view.getBigUint64(offset, little);
  }
}

function checkedValue(name: string, type: FieldType, value: number | bigint): number | bigint {
  const [low, high] = limits[type];
  const whole = type === 'u64' ? typeof value === 'bigint' : Number.isInteger(value);
  if (!whole || value < low || value > high) {
    throw new RangeError(`${name} is ${String(value)}, which is not a ${type} (${low} to ${high})`);
  }
  return value;
}

function writeField(view: DataView, { offset, type }: Field, value: number | bigint, little: boolean): void {
  switch (type) {
    case 'u16':
      return view.setUint16(offset, Number(value), little);
    case 's16':
      return view.setInt16(offset, Number(value), little);
    case 'u32':
      return view.setUint32(offset, Number(value), little);
    case 's32':
      return view.setInt32(offset, Number(value), little);
    default:
      return view.setBigUint64(offset, BigInt(value), little);
  }
}

/**
 * Makes the codec of a struct.
 *
 * @param name how error messages call it, such as `struct cxl_afu_id`.
 * @param size bytes of the whole struct, as C's sizeof says.
 */
export function structCodec<L extends Layout>(name: string, size: number, layout: L): StructCodec<L> {
  const fields = Object.entries<Field>(layout);
  return {
    size,
    layout,
    decode(bytes: Uint8Array, offset: number = 0, order: ByteOrder = hostOrder): StructOf<L> {
      const view = viewAt(name, size, bytes, offset);
      const little = order === 'little';
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- fromEntries forgets which key has which value
      return Object.fromEntries(fields.map(([key, field]) => [key, readField(view, field, little)])) as StructOf<L>;
    },
    encode(value: Partial<StructOf<L>>, bytes: Uint8Array, offset: number = 0, order: ByteOrder = hostOrder): number {
      const view = viewAt(name, size, bytes, offset);
      const little = order === 'little';
      const given = value as Readonly<Record<string, number | bigint | undefined>>;
      const checked = fields.map(([key, field]) => {
        const zero = field.type === 'u64' ? 0n : 0;
        return [field, checkedValue(`${name} ${key}`, field.type, given[key] ?? zero)] as const;
      });
      for (const [field, fieldValue] of checked) writeField(view, field, fieldValue, little);
      return size;
    },
  };
}
