import { thrownText } from './errors.ts';
import { MAX_LARGE_EVENT_DATA } from '../abi/events.ts';
import type { Afu } from './afu.ts';
import type { Context } from './context.ts';
import { DriverModule } from './driver-module.ts';
import type { ProgramMemory } from './program-memory.ts';

const formNames: readonly DriverOpsForm[] = ['poll', 'fetch'];

/** Whether a function is declared async: it returns a promise whatever it does. */
export function isAsync(callback: unknown): boolean {
  return typeof callback === 'function' && callback.constructor.name === 'AsyncFunction';
}

/** What both forms have beside their callbacks. */
interface DriverOpsBase {
  /** The module that the callbacks belong to; it cannot unload while a context holds them. C: `struct module *owner`. */
  readonly owner: DriverModule;
  /**
   * The largest payload in bytes, 0 to {@link MAX_LARGE_EVENT_DATA}; default 4088, which every reader's buffer holds. With
   * more, a reader whose buffer is too small for the next event gets EMSGSIZE and the event stays.
   */
  readonly maxDataSize?: number | undefined;
}

/**
 * The pull form: the core asks, the driver answers and fills the reader's own buffer.
 *
 * Both callbacks run in the context's atomic section: they must return at once, not sleep, not read or poll the same
 * context. Level-triggered: the driver says what is pending now and calls `contextEventsPending(context, 0)` whenever
 * that has become true, which wakes whoever waits.
 *
 * C original: `event_pending` and `deliver_event` of `struct cxl_afu_driver_ops`, patch series v1 to v3, 2015/16.
 */
export interface PollDriverOps extends DriverOpsBase {
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
  /** Bytes of `data` that are the payload, 0 to the ops' `maxDataSize`. */
  readonly dataSize: number;
  readonly data: Uint8Array;
}

/**
 * The fetch form, as Linux 4.8 merged it: the driver announces how many events it has (`contextEventsPending`), the core
 * fetches them one by one and gives each back when the reader has it.
 *
 * C original: `fetch_event` and `event_delivered` of `struct cxl_afu_driver_ops` (include/misc/cxl.h).
 */
export interface FetchDriverOps extends DriverOpsBase {
  /** The next event; null when there is none though one was announced. Runs in the atomic section. */
  fetchEvent(context: Context): DriverEvent | null;
  /**
   * Called exactly once for each fetch that returned, in order, outside the atomic section: it may sleep. `result` is 0 when the event reached its
   * reader, -EINVAL when it was null or too large, -ECANCELED when the context is gone or the ops were replaced, -EFAULT
   * when the copy failed and the AFU has `copyFault: 'drop'`.
   */
  eventDelivered(context: Context, event: DriverEvent | null, result: number): void;
}

export type DriverOps = PollDriverOps | FetchDriverOps;

/** The form in which a driver delivers its events. */
export type DriverOpsForm = 'poll' | 'fetch';
/** The callbacks of both forms. */
export type DriverCallback = 'eventPending' | 'deliverEvent' | 'fetchEvent' | 'eventDelivered';

const forms: Readonly<Record<DriverOpsForm, readonly DriverCallback[]>> = {
  poll: ['eventPending', 'deliverEvent'],
  fetch: ['fetchEvent', 'eventDelivered'],
};

/** The form of `ops`, or why they cannot be registered; checked once so that no path has to check again (M3). */
export function driverOpsForm(ops: unknown): { readonly form: DriverOpsForm } | { readonly problem: string } {
  try {
    return checkedForm(ops);
  } catch (error) {
    return { problem: `driver ops cannot be looked at: ${thrownText(error)}` };
  }
}

function checkedForm(ops: unknown): { readonly form: DriverOpsForm } | { readonly problem: string } {
  if (typeof ops !== 'object' || ops === null) return { problem: 'driver ops must be an object with two callbacks' };
  const given = ops as Record<string, unknown>;
  const begun = formNames.filter(form => forms[form].some(name => given[name] !== undefined));
  const [form, other] = begun;
  if (!form) return { problem: 'driver ops need eventPending and deliverEvent, or fetchEvent and eventDelivered' };
  if (other)
    return { problem: 'driver ops mix the two forms: eventPending/deliverEvent and fetchEvent/eventDelivered' };
  for (const name of forms[form]) {
    if (typeof given[name] !== 'function') return { problem: `driver ops need a function ${name}` };
    if (isAsync(given[name])) return { problem: `${name} must not be async: nobody waits for it` };
  }
  if (!(given['owner'] instanceof DriverModule))
    return { problem: 'driver ops need an owner, the DriverModule they belong to' };
  const { maxDataSize = 0 } = given;
  const fits = Number.isInteger(maxDataSize) && Number(maxDataSize) >= 0 && Number(maxDataSize) <= MAX_LARGE_EVENT_DATA;
  if (fits) return { form };
  return {
    problem: `maxDataSize must be a whole number from 0 to ${MAX_LARGE_EVENT_DATA}, not ${String(maxDataSize)}`,
  };
}

/** A file through which a person or a script talks to a driver: `debug/cxl/afuC.S/NAME` of the mount. */
export interface ControlFile {
  /** The file's content; absent: it cannot be read. */
  read?(): string;
  /**
   * What one write(2) wrote, 1 to 32768 bytes, valid during the call only; throw, or reject with, a CxlError to refuse
   * it with that errno. Absent: it cannot be written.
   */
  write?(bytes: Uint8Array): void | Promise<void>;
}

/** A device file of a driver's own, through which it hands out contexts as cxlflash does. */
export interface DriverNode {
  /**
   * One open(2) by `opener`: the context that the descriptor belongs to, made by `devContextInit`; its last close releases it. Throw
   * a CxlError to refuse with its errno. C original: what surrounds `cxl_get_fd` (drivers/misc/cxl/api.c).
   */
  open(opener: Opener): Context;
}

/** Who opens a device file. */
export interface Opener {
  /** Its process, as the server sees it; 0 when it is not visible there. */
  readonly pid: number;
  /** The flags of open(2). */
  readonly flags: number;
  /** Takes hold of its memory, for work that is started on its behalf; absent where there is no process. */
  readonly memory?: (() => ProgramMemory | undefined) | undefined;
}

/** An AFU driver as its AFU knows it: it is told of each context, and sets its ops on those that it serves. */
export interface AfuDriver {
  readonly name: string;
  /** A context was opened; `setDriverOps` is called here, or later, or never. `module` is the owner to give. */
  open?(context: Context, module: DriverModule): void;
  /** The context is gone: drop what is queued for it. */
  release?(context: Context): void;
  /** The driver is unloaded: nothing of it is called after this. */
  exit?(): void;
  /** Device files of its own, by name, in `dev/` of the mount; asked whenever somebody looks. */
  nodes?(afu: Afu, module: DriverModule): Readonly<Record<string, DriverNode>>;
  /** Its control files, by name; asked whenever somebody looks. */
  controls?(afu: Afu): Readonly<Record<string, ControlFile>>;
}
