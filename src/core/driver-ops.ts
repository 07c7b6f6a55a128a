import type { Afu } from './afu.ts';
import type { Context } from './context.ts';

/**
 * The pull form: the core asks, the driver answers and fills the reader's own buffer.
 *
 * Both callbacks run in the context's atomic section: they must return at once, not sleep, not read or poll the same
 * context. Level-triggered: the driver says what is pending now and calls `contextEventsPending(context, 0)` whenever
 * that has become true, which wakes whoever waits.
 *
 * C original: `event_pending` and `deliver_event` of `struct cxl_afu_driver_ops`, patch series v1 to v3, 2015/16.
 */
export interface PollDriverOps {
  /** Whether an event of this context's can be delivered now. */
  eventPending(context: Context): boolean;
  /**
   * Writes the next event's payload into `buffer` at `offset` and forgets the event; returns the payload's length,
   * 0 to `maxSize` bytes.
   */
  deliverEvent(context: Context, buffer: Uint8Array, offset: number, maxSize: number): number;
}

/** A driver event's payload. The memory is the driver's from `fetchEvent` until `eventDelivered`. */
export interface DriverEvent {
  /** Bytes of `data` that are the payload, 0 to {@link MAX_DRIVER_EVENT_DATA}. */
  readonly dataSize: number;
  readonly data: Uint8Array;
}

/**
 * The fetch form, as Linux 4.8 merged it: the driver announces how many events it has (`contextEventsPending`), the core
 * fetches them one by one and gives each back when the reader has it.
 *
 * C original: `fetch_event` and `event_delivered` of `struct cxl_afu_driver_ops` (include/misc/cxl.h).
 */
export interface FetchDriverOps {
  /** The next event; null when there is none though one was announced. Runs in the atomic section. */
  fetchEvent(context: Context): DriverEvent | null;
  /**
   * Called exactly once for each fetch, in order, outside the atomic section. `result` is 0 when the event reached its
   * reader, -EINVAL when it was null or too large, -ECANCELED when the context is gone or the ops were replaced.
   */
  eventDelivered(context: Context, event: DriverEvent | null, result: number): void;
}

export type DriverOps = PollDriverOps | FetchDriverOps;

/** The form in which a driver delivers its events. */
export type DriverOpsForm = 'poll' | 'fetch';

const forms: Record<DriverOpsForm, readonly string[]> = {
  poll: ['eventPending', 'deliverEvent'],
  fetch: ['fetchEvent', 'eventDelivered'],
};

/** Why `ops` cannot be registered, or its form; checked once so that no path has to check again (M3). */
export function driverOpsForm(ops: unknown): { form: DriverOpsForm } | { problem: string } {
  if (typeof ops !== 'object' || ops === null) return { problem: 'driver ops must be an object with two callbacks' };
  const callbacks = ops as Record<string, unknown>;
  const started = (Object.keys(forms) as DriverOpsForm[]).filter(form =>
    forms[form].some(name => callbacks[name] !== undefined),
  );
  const [form, other] = started;
  if (!form) return { problem: 'driver ops need eventPending and deliverEvent, or fetchEvent and eventDelivered' };
  if (other)
    return { problem: 'driver ops mix the two forms; give eventPending/deliverEvent or fetchEvent/eventDelivered' };
  for (const name of forms[form]) {
    const callback = callbacks[name];
    if (typeof callback !== 'function') return { problem: `driver ops need a function ${name}` };
    if (callback.constructor.name === 'AsyncFunction')
      return { problem: `${name} must not be async: it runs in an atomic section` };
  }
  return { form };
}

/** A file through which a person or a script talks to a driver: `debug/cxl/afuC.S/NAME` of the mount. */
export interface ControlFile {
  /** The file's content; absent: it cannot be read. */
  read?(): string;
  /**
   * What one write(2) wrote, 1 to 32768 bytes, valid during the call only; throw a CxlError to refuse it with that
   * errno. Absent: it cannot be written.
   */
  write?(bytes: Uint8Array): void;
}

/** An AFU driver as its AFU knows it: it is told of each context, and sets its ops on those that it serves. */
export interface AfuDriver {
  readonly name: string;
  /** A context was opened; `setDriverOps` is called here, or later, or never. */
  open?(context: Context): void;
  /** The context is gone: drop what is queued for it. */
  release?(context: Context): void;
  /** Its control files, by name; asked once for each AFU. */
  controls?(afu: Afu): Readonly<Record<string, ControlFile>>;
}
