// Events as single numbers: what the specification reasons about, and what a reader's bytes are taken apart into.
import { hostOrder } from '../abi/index.ts';

/** An event: its kind in the upper bits, below them the interrupt's number, the fault's address, the error's code or the serial number of a driver's event. */
export type Label = number;

export const Kind = { interrupt: 1, fault: 2, error: 3, driver: 4, injected: 5 } as const;
export type Kind = (typeof Kind)[keyof typeof Kind];

const KIND = 20;
/** In a driver event's label: its payload is larger than what a reader of 4096 bytes holds. */
export const LARGE = 0x1_0000;

export const SMALL_DATA = 4;
export const LARGE_DATA = 6000;

export function label(kind: Kind, value: number): Label {
  return (kind << KIND) | value;
}

export function kindOf(event: Label): Kind {
  return (event >>> KIND) as Kind;
}

export function valueOf(event: Label): number {
  return event & ((1 << KIND) - 1);
}

const names = ['?', 'interrupt', 'fault', 'AFU error', 'driver event', 'injected event'] as const;

/** As a reader sees it: an injected event is a driver's. */
export function onTheWire(event: Label): Label {
  return kindOf(event) === Kind.injected ? label(Kind.driver, valueOf(event)) : event;
}

export function labelText(event: Label): string {
  return `${names[kindOf(event)] ?? '?'} ${valueOf(event) & ~LARGE}${(event & LARGE) === 0 ? '' : ' (large)'}`;
}

export function labelsText(events: readonly Label[]): string {
  return events.length === 0 ? 'nothing' : events.map(labelText).join(', ');
}

/** Bytes of the whole event. */
export function sizeOf(event: Label): number {
  switch (kindOf(event)) {
    case Kind.interrupt:
      return 16;
    case Kind.fault:
      return 40;
    case Kind.error:
      return 24;
    default:
      return 8 + ((event & LARGE) === 0 ? SMALL_DATA : LARGE_DATA);
  }
}

/** A driver event's payload: its label's value in the first four bytes, and in the last four again. */
export function payloadOf(value: number): Uint8Array {
  const bytes = new Uint8Array((value & LARGE) === 0 ? SMALL_DATA : LARGE_DATA);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, value, little);
  view.setUint32(bytes.length - 4, value, little);
  return bytes;
}

const little = hostOrder === 'little';

/**
 * Takes apart what a read gave; undefined when it is not a row of whole events as cxl's user API lays them out.
 * @param pe the process element that each header must name
 */
export function labelsOf(bytes: Uint8Array, offset: number, size: number, pe: number): Label[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, size);
  const events: Label[] = [];
  let at = 0;
  while (at < size) {
    if (size - at < 8) return undefined;
    const length = view.getUint16(at + 2, little);
    if (length > size - at || view.getUint16(at + 4, little) !== pe) return undefined;
    const event = labelAt(view, at, length);
    if (event === undefined || sizeOf(event) !== length) return undefined;
    events.push(event);
    at += length;
  }
  return events;
}

function labelAt(view: DataView, at: number, length: number): Label | undefined {
  const kind = view.getUint16(at, little);
  if (kind === Kind.interrupt) return label(kind, view.getUint16(at + 10, little));
  if (kind === Kind.fault && length >= 40) return label(kind, Number(view.getBigUint64(at + 16, little)));
  if (kind === Kind.error && length >= 24) return label(kind, Number(view.getBigUint64(at + 16, little)));
  if (kind !== Kind.driver || length < 12) return undefined;
  const value = view.getUint32(at + 8, little);
  return value === view.getUint32(at + length - 4, little) ? label(kind, value) : undefined;
}
