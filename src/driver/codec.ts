import { checkedValue, fieldTypes as types, type CType as FieldType, type CValue as FieldValue } from '../abi/field.ts';
import { hostOrder, type ByteOrder } from '../abi/index.ts';
import { CxlError, type Context } from '../core/index.ts';
import { EventQueue, type EventQueueOptions } from './event-queue.ts';

export type { FieldType };

/** An event's fields by name, in the order in which they lie in memory. */
export type Fields = Readonly<Record<string, FieldType>>;
/** Events by name. */
export type EventFields = Readonly<Record<string, Fields>>;

/** What an event is sent with. */
export type ValuesOf<F extends Fields> = { readonly [K in keyof F]: FieldValue<F[K]> };
/** What an event decodes to: its name and its fields. */
export type DecodedOf<E extends EventFields> =
  | { [N in keyof E & string]: { readonly name: N } & ValuesOf<E[N]> }[keyof E & string]
  | { readonly name: 'dropped'; readonly count: number };

interface Placed {
  readonly name: string;
  readonly type: FieldType;
  readonly offset: number;
}

interface Shape {
  readonly name: string;
  readonly tag: number;
  readonly fields: readonly Placed[];
  readonly size: number;
}

/** In front of the fields: the event's tag, u16, then zeros up to the alignment of any field. */
const TAG_SIZE = 8;
/** The event with which a full queue says how many it forgot. */
const DROPPED = 'dropped';

/** A queue of typed events. */
export interface TypedQueue<E extends EventFields> {
  readonly queue: EventQueue;
  /** As {@link EventQueue.post}. @throws RangeError when a value does not fit its field */
  post<N extends keyof E & string>(name: N, values: ValuesOf<E[N]>): boolean;
}

/**
 * A driver's events, declared once: what the driver posts, what a client decodes, and the C header between them.
 *
 * Layout of a payload: tag u16 (0 dropped; 1 upwards in the order of declaration), zeros up to byte 8, then the fields
 * in their order, each at a multiple of its size, as a C compiler lays them out; the whole a multiple of 8; host byte
 * order.
 */
export class EventCodec<E extends EventFields> {
  readonly #shapes: readonly Shape[];
  readonly #byName: ReadonlyMap<string, Shape>;
  readonly #scratch: Uint8Array;

  /** @throws CxlError EINVAL for a name that cannot be a C name, or means something already, and for an unknown type */
  constructor(events: E) {
    const all: [string, Fields][] = [[DROPPED, { count: 'u32' }], ...Object.entries(events)];
    if (Object.hasOwn(events, DROPPED)) throw refused(`${DROPPED} is what a queue says when it forgets events`);
    checkNames(
      'event',
      all.map(([name]) => name),
    );
    for (const [, fields] of all) {
      checkNames('field', ['name', 'tag', 'reserved', ...Object.keys(fields)]);
      for (const [field, type] of Object.entries(fields)) {
        if (!Object.hasOwn(types, type)) throw refused(`${field}: ${type} is none of ${Object.keys(types).join(', ')}`);
      }
    }
    this.#shapes = all.map(([name, fields], tag) => shape(name, tag, fields));
    this.#byName = new Map(this.#shapes.map(each => [each.name, each]));
    this.#scratch = new Uint8Array(Math.max(...this.#shapes.map(({ size }) => size)));
  }

  /** An event's payload. @throws RangeError when a value does not fit its field */
  encode<N extends keyof E & string>(name: N, values: ValuesOf<E[N]>): Uint8Array {
    return this.#encode(name, values).slice();
  }

  /**
   * Decodes the payload of a driver event.
   * @param order byte order of the machine that made it
   * @throws RangeError for an unknown tag or too few bytes, saying which
   */
  decode(payload: Uint8Array, order: ByteOrder = hostOrder): DecodedOf<E> {
    if (payload.length < TAG_SIZE) throw new RangeError(`a payload of ${payload.length} bytes has no tag`);
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
    const little = order === 'little';
    const tag = view.getUint16(0, little);
    const found = this.#shapes[tag];
    if (!found) throw new RangeError(`no event has tag ${tag}`);
    if (payload.length < found.size)
      throw new RangeError(`${found.name} needs ${found.size} bytes, not ${payload.length}`);
    const values = found.fields.map(field => [field.name, types[field.type].get(view, field.offset, little)]);
    return { name: found.name, ...Object.fromEntries(values) } as DecodedOf<E>;
  }

  /** Makes a queue of these events on `context`; when `dropOldest`, a full queue forgets its oldest and says so. */
  queue(
    context: Context,
    options: Omit<EventQueueOptions, 'dropped' | 'maxDataSize'> & { readonly dropOldest?: boolean | undefined } = {},
  ): TypedQueue<E> {
    const { dropOldest = false, ...rest } = options;
    const dropped = dropOldest ? (count: number): Uint8Array => this.#encode(DROPPED, { count }) : undefined;
    const queue = new EventQueue(context, { ...rest, dropped });
    return { queue, post: (name, values) => queue.post(this.#encode(name, values)) };
  }

  /** The payloads as C structures, for clients: `struct <prefix>_<event>` and `<PREFIX>_<EVENT>` for the tags. */
  cHeader(prefix: string): string {
    const guard = `${upper(prefix)}_EVENTS_H`;
    const lines = [`#ifndef ${guard}`, `#define ${guard}`, '', '#include <stdint.h>', ''];
    for (const { name, tag } of this.#shapes) lines.push(`#define ${upper(prefix)}_${upper(name)} ${tag}`);
    for (const { name, fields } of this.#shapes) {
      lines.push('', `struct ${prefix}_${lower(name)} {`, '\tuint16_t tag;', '\tuint16_t reserved[3];');
      for (const field of fields) lines.push(`\t${types[field.type].c} ${lower(field.name)};`);
      lines.push('} __attribute__((aligned(8)));');
    }
    return [...lines, '', '#endif', ''].join('\n');
  }

  /** Into memory that the next call uses again. */
  #encode(name: string, values: Readonly<Record<string, number | bigint>>): Uint8Array {
    const found = this.#byName.get(name);
    if (!found) throw new RangeError(`no event is called ${name}`);
    const bytes = this.#scratch.subarray(0, found.size);
    bytes.fill(0);
    const view = new DataView(bytes.buffer, 0, found.size);
    const little = hostOrder === 'little';
    view.setUint16(0, found.tag, little);
    for (const { name: field, type, offset } of found.fields) {
      types[type].set(view, offset, checkedValue(`${name}.${field}`, type, values[field]), little);
    }
    return bytes;
  }
}

/** Declares a driver's events: `defineEvents({ linkReset: { port: 'u8' } })`. */
export function defineEvents<const E extends EventFields>(events: E): EventCodec<E> {
  return new EventCodec(events);
}

function shape(name: string, tag: number, fields: Fields): Shape {
  let end = TAG_SIZE;
  const placed = Object.entries(fields).map(([field, type]) => {
    const { size } = types[type];
    const offset = Math.ceil(end / size) * size;
    end = offset + size;
    return { name: field, type, offset };
  });
  return { name, tag, fields: placed, size: Math.ceil(end / 8) * 8 };
}

/** Each must be an identifier here and, converted, one of C's that no other has. */
function checkNames(kind: string, names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (!/^[a-z][A-Za-z0-9]*$/.test(name))
      throw refused(`${kind} "${name}": begin with a small letter, letters and digits only`);
    if (keywords.has(lower(name))) throw refused(`${kind} "${name}" is a word of C's own`);
    if (seen.has(lower(name))) throw refused(`${kind} "${name}" is there already`);
    seen.add(lower(name));
  }
}

const keywords: ReadonlySet<string> = new Set(
  `auto break case char const continue default do double else enum extern float for goto if inline int long register
  restrict return short signed sizeof static struct switch typedef union unsigned void volatile while`.split(/\s+/),
);

function refused(problem: string): CxlError {
  return new CxlError('EINVAL', 'defineEvents', problem);
}

const lower = (name: string): string => name.replaceAll(/[A-Z]/g, letter => `_${letter.toLowerCase()}`);
const upper = (name: string): string => lower(name).toUpperCase();
