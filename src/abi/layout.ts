import { type ByteOrder, hostOrder } from './byteorder.ts';
import { checkedValue, fieldTypes, type CType, type CValue } from './field.ts';

/** A C integer type of the uapi headers: `__u16` is `'u16'`. */
export type FieldType = Exclude<CType, 'u8' | 's8' | 's64'>;

/** Where a field is in its struct, and what it is. */
export interface Field {
  /** Bytes from the start of the struct. */
  readonly offset: number;
  readonly type: FieldType;
}

/** A struct as data: its fields by name (the C name in camelCase), in the order of their offsets. */
export type Layout = Readonly<Record<string, Field>>;

/** The object a struct decodes to: 64-bit fields are bigint, all others number. */
export type StructOf<L extends Layout> = { [F in keyof L]: CValue<L[F]['type']> };

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

function viewAt(name: string, size: number, bytes: Uint8Array, offset: number): DataView {
  if (!Number.isInteger(offset) || offset < 0 || offset + size > bytes.length) {
    throw new RangeError(`${name} needs ${size} bytes at offset ${offset}, the buffer has ${bytes.length}`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset + offset, size);
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
      return Object.fromEntries(
        fields.map(([key, field]) => [key, fieldTypes[field.type].get(view, field.offset, little)]),
      ) as StructOf<L>;
    },
    encode(value: Partial<StructOf<L>>, bytes: Uint8Array, offset: number = 0, order: ByteOrder = hostOrder): number {
      const view = viewAt(name, size, bytes, offset);
      const little = order === 'little';
      const given = value as Readonly<Record<string, number | bigint | undefined>>;
      const checked = fields.map(([key, field]) => {
        const zero = fieldTypes[field.type].size === 8 ? 0n : 0;
        return [field, checkedValue(`${name} ${key}`, field.type, given[key] ?? zero)] as const;
      });
      for (const [{ type, offset: at }, fieldValue] of checked) fieldTypes[type].set(view, at, fieldValue, little);
      return size;
    },
  };
}
