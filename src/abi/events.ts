import { type ByteOrder, hostOrder } from './byteorder.ts';
import {
  AFU_ERROR_EVENT_SIZE,
  AFU_INTERRUPT_EVENT_SIZE,
  CXL_EVENT_AFU_DRIVER,
  CXL_EVENT_AFU_ERROR,
  CXL_EVENT_AFU_INTERRUPT,
  CXL_EVENT_DATA_STORAGE,
  CXL_EVENT_RESERVED,
  CxlEventType,
  DATA_STORAGE_EVENT_SIZE,
  EVENT_HEADER_SIZE,
} from './eventlayout.ts';
import { keysOf } from './tables.ts';

export * from './eventlayout.ts';
export * from './putevent.ts';

/** What every event has. */
interface EventBase {
  /** Bytes of the whole event, header included. */
  readonly size: number;
  /** The context's internal process element, 0 to 65535. */
  readonly processElement: number;
}

/** CXL_EVENT_AFU_INTERRUPT, struct cxl_event_afu_interrupt. */
export interface AfuInterruptEvent extends EventBase {
  readonly type: 'afu-interrupt';
  /** No flag is defined: 0. */
  readonly flags: number;
  /** The AFU interrupt's number, from 1. */
  readonly irq: number;
}

/** CXL_EVENT_DATA_STORAGE, struct cxl_event_data_storage: the AFU's access could not be translated. */
export interface DataStorageEvent extends EventBase {
  readonly type: 'data-storage';
  /** No flag is defined: 0. */
  readonly flags: number;
  /** The effective address, exact (C: `addr`). */
  readonly address: bigint;
  /** The raw DSISR register; `dsisrNames` reads it. */
  readonly dsisr: bigint;
}

/** CXL_EVENT_AFU_ERROR, struct cxl_event_afu_error. */
export interface AfuErrorEvent extends EventBase {
  readonly type: 'afu-error';
  /** No flag is defined: 0. */
  readonly flags: number;
  /** The AFU's error register. */
  readonly error: bigint;
}

/** CXL_EVENT_AFU_DRIVER: an event of the AFU's driver. */
export interface AfuDriverEvent extends EventBase {
  readonly type: 'afu-driver';
  /** The driver's payload, 0 to 4088 bytes: a copy, so the event outlives the buffer it was read into. */
  readonly data: Uint8Array;
}

/** CXL_EVENT_RESERVED, type 0, which no cxl driver delivers. */
export interface ReservedEvent extends EventBase {
  readonly type: 'reserved';
  /** The whole event, header included: a copy. */
  readonly bytes: Uint8Array;
}

/** An event of a type that this version does not know. */
export interface UnknownEvent extends EventBase {
  readonly type: 'unknown';
  /** The header's type, 5 to 65535. */
  readonly typeNumber: number;
  /** The whole event, header included: a copy. */
  readonly bytes: Uint8Array;
}

/** One decoded event of read(), struct cxl_event; told apart by `type`. */
export type CxlEvent =
  | AfuInterruptEvent
  | DataStorageEvent
  | AfuErrorEvent
  | AfuDriverEvent
  | ReservedEvent
  | UnknownEvent;

const typeNames: ReadonlyMap<number, keyof typeof CxlEventType> = new Map(
  keysOf(CxlEventType).map(name => [CxlEventType[name], name]),
);

/** The kernel's name of an event type: 1 is `'CXL_EVENT_AFU_INTERRUPT'`; undefined if there is none. */
export function eventTypeName(type: number): keyof typeof CxlEventType | undefined {
  return typeNames.get(type);
}

/* A slice of a Node Buffer would share its memory, so copy by constructor. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

function checkExtent(bytes: Uint8Array, offset: number, length: number): void {
  if (!Number.isInteger(length) || length < 0 || length > bytes.length) {
    throw new RangeError(`${length} bytes of events in a buffer of ${bytes.length}`);
  }
  if (!Number.isInteger(offset) || offset < 0 || offset > length) {
    throw new RangeError(`event at offset ${offset} of ${length} bytes`);
  }
}

function checkSize(name: string, offset: number, size: number, needed: number): void {
  if (size < needed) {
    throw new RangeError(`${name} at offset ${offset} says it has ${size} bytes, it needs ${needed}`);
  }
}

/**
 * Decodes the event at `offset`.
 *
 * An event that is longer than this version's layout decodes by what is known of it; `size` tells where the next starts.
 *
 * @param bytes the buffer that was read into.
 * @param offset where the event starts.
 * @param order byte order of the machine that made the event.
 * @param length how many bytes of the buffer are valid, counted from its start: what read() returned.
 * @throws RangeError, saying where and what, if the bytes end inside the event or the header's size is too small.
 */
export function decodeEvent(
  bytes: Uint8Array,
  offset: number = 0,
  order: ByteOrder = hostOrder,
  length: number = bytes.length,
): CxlEvent {
  checkExtent(bytes, offset, length);
  const available = length - offset;
  if (available < EVENT_HEADER_SIZE) {
    throw new RangeError(`event header at offset ${offset} needs ${EVENT_HEADER_SIZE} bytes, ${available} are left`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, available);
  const little = order === 'little';
  const typeNumber = view.getUint16(0, little);
  const size = view.getUint16(2, little);
  const processElement = view.getUint16(4, little);
  const name = typeNames.get(typeNumber) ?? `event of type ${typeNumber}`;
  checkSize(name, offset, size, EVENT_HEADER_SIZE);
  if (size > available) {
    throw new RangeError(`${name} at offset ${offset} says it has ${size} bytes, ${available} are left`);
  }
  switch (typeNumber) {
    case CXL_EVENT_AFU_INTERRUPT:
      checkSize(name, offset, size, AFU_INTERRUPT_EVENT_SIZE);
      return {
        type: 'afu-interrupt',
        size,
        processElement,
        flags: view.getUint16(8, little),
        irq: view.getUint16(10, little),
      };
    case CXL_EVENT_DATA_STORAGE:
      checkSize(name, offset, size, DATA_STORAGE_EVENT_SIZE);
      return {
        type: 'data-storage',
        size,
        processElement,
        flags: view.getUint16(8, little),
        address: view.getBigUint64(16, little),
        dsisr: view.getBigUint64(24, little),
      };
    case CXL_EVENT_AFU_ERROR:
      checkSize(name, offset, size, AFU_ERROR_EVENT_SIZE);
      return {
        type: 'afu-error',
        size,
        processElement,
        flags: view.getUint16(8, little),
        error: view.getBigUint64(16, little),
      };
    case CXL_EVENT_AFU_DRIVER:
      return {
        type: 'afu-driver',
        size,
        processElement,
        data: copyOf(bytes, offset + EVENT_HEADER_SIZE, offset + size),
      };
    case CXL_EVENT_RESERVED:
      return { type: 'reserved', size, processElement, bytes: copyOf(bytes, offset, offset + size) };
    default:
      return { type: 'unknown', size, processElement, typeNumber, bytes: copyOf(bytes, offset, offset + size) };
  }
}

/**
 * Decodes the events that one read() gave, one after the other; none if `length` is 0.
 *
 * @param bytes the buffer that was read into.
 * @param length how many of its bytes are valid: what read() returned.
 * @param order byte order of the machine that made the events.
 * @throws RangeError as {@link decodeEvent} does, if `length` does not end with a whole event.
 */
export function decodeEvents(
  bytes: Uint8Array,
  length: number = bytes.length,
  order: ByteOrder = hostOrder,
): CxlEvent[] {
  checkExtent(bytes, 0, length);
  const events: CxlEvent[] = [];
  let offset = 0;
  while (offset < length) {
    const event = decodeEvent(bytes, offset, order, length);
    events.push(event);
    offset += event.size;
  }
  return events;
}
