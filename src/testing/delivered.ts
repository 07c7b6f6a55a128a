import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { tracepoints, type Adapter, type Context, type EventKind, type EventMessage } from '../core/index.ts';

/** An event that reached its reader. */
export interface DeliveredEvent {
  readonly context: Context;
  /** `afuC.S` */
  readonly afu: string;
  /** Process element id. */
  readonly pe: number;
  readonly kind: EventKind;
  /** The interrupt's number; absent for other events. */
  readonly irq?: number;
  /** When, in milliseconds of `performance.now()`. */
  readonly at: number;
}

/** Which events are meant; what is left out may be anything. */
export interface EventPattern {
  readonly afu?: string | undefined;
  readonly pe?: number | undefined;
  readonly kind?: EventKind | undefined;
  readonly irq?: number | undefined;
}

/** Writes down what the contexts of some adapters, and no others, deliver. */
export class Recorder {
  /** All of them, oldest first. */
  readonly events: DeliveredEvent[] = [];
  /** Those that nobody took. */
  readonly #left: DeliveredEvent[] = [];
  readonly #adapters: ReadonlySet<Adapter>;

  constructor(adapters: Iterable<Adapter>) {
    this.#adapters = new Set(adapters);
    // The tracepoint is shared by everybody in this process.
    subscribe(tracepoints.delivered.name, this.#note);
  }

  /** The first that matches and that nobody took before. */
  take(pattern: EventPattern): DeliveredEvent | undefined {
    const at = this.#left.findIndex(event => matches(event, pattern));
    return at < 0 ? undefined : this.#left.splice(at, 1)[0];
  }

  close(): void {
    unsubscribe(tracepoints.delivered.name, this.#note);
  }

  readonly #note = (message: unknown): void => {
    const { context, kind, irq } = message as EventMessage;
    const { afu, pe } = context;
    if (!this.#adapters.has(afu.adapter)) return;
    const event = { context, afu: afu.name, pe, kind, ...(irq === undefined ? {} : { irq }), at: performance.now() };
    this.events.push(event);
    this.#left.push(event);
  };
}

function matches(event: DeliveredEvent, pattern: EventPattern): boolean {
  return (['afu', 'pe', 'kind', 'irq'] as const).every(
    field => pattern[field] === undefined || pattern[field] === event[field],
  );
}

/** For messages: `interrupt 3 to afu0.0 pe 0`. */
export function eventText({ afu, pe, kind, irq }: EventPattern): string {
  const what = kind === undefined ? 'any event' : kind === 'driver' ? 'driver event' : kind;
  const where = [afu ?? '', pe === undefined ? '' : `pe ${pe}`].filter(part => part !== '').join(' ');
  return `${what}${irq === undefined ? '' : ` ${irq}`}${where === '' ? '' : ` to ${where}`}`;
}
