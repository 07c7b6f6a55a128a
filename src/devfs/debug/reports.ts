// What `debug/cxl/events` says of each tracepoint.
import { channel } from 'node:diagnostics_channel';

import {
  diagnosticText,
  tracepoints,
  type Adapter,
  type Context,
  type EventKind,
  type LinkState,
  type Tracepoint,
} from '../../core/index.ts';
import { commandOf } from '../process.ts';

type Tracepoints = typeof tracepoints;
type MessageOf<K extends keyof Tracepoints> = Tracepoints[K] extends Tracepoint<infer M> ? M : never;

export type ReportedEvent =
  | 'open'
  | 'start'
  | 'detach'
  | 'close'
  | 'raised'
  | 'announced'
  | 'fetched'
  | 'delivered'
  | 'copy-failed'
  | 'module-get'
  | 'module-put'
  | 'link'
  | 'diagnostic';

/** One line of `debug/cxl/events`; which fields there are depends on `event`. */
export interface Report {
  /** Seconds since the server's start, with microseconds. */
  readonly time: number;
  readonly event: ReportedEvent;
  readonly card?: string;
  readonly link?: LinkState;
  readonly afu?: string;
  readonly pe?: number;
  readonly kind?: EventKind;
  /** Of an interrupt. */
  readonly irq?: number;
  readonly coalesced?: boolean;
  readonly kept?: boolean;
  /** Events that a driver announced. */
  readonly count?: number;
  readonly dataSize?: number;
  readonly module?: string;
  /** A diagnostic's one line. */
  readonly problem?: string;
  /** The process that opened the context, and its command. */
  readonly pid?: number | null;
  readonly command?: string | null;
}
type Facts = Omit<Report, 'time' | 'event'>;

/** Each tracepoint's name in a line, and what is said beside the context. */
const said: { readonly [K in keyof Tracepoints]: readonly [ReportedEvent, (message: MessageOf<K>) => Facts] } = {
  contextOpen: ['open', () => ({})],
  contextStart: ['start', () => ({})],
  contextDetach: ['detach', () => ({})],
  contextClose: ['close', () => ({})],
  raised: ['raised', ({ kind, irq, coalesced }) => ({ ...which(kind, irq), coalesced })],
  announced: ['announced', ({ count }) => ({ count })],
  fetched: ['fetched', ({ dataSize }) => ({ dataSize })],
  delivered: ['delivered', ({ kind, irq }) => which(kind, irq)],
  copyFailed: ['copy-failed', ({ kind, irq, kept }) => ({ ...which(kind, irq), kept })],
  moduleGet: ['module-get', ({ module }) => ({ module: module.name })],
  modulePut: ['module-put', ({ module }) => ({ module: module.name })],
  adapterLink: ['link', ({ adapter, link }) => ({ card: adapter.name, link })],
  diagnostic: ['diagnostic', diagnostic => ({ problem: diagnosticText(diagnostic) })],
};

function which(kind: EventKind, irq: number | undefined): Facts {
  return irq === undefined ? { kind } : { kind, irq };
}

/**
 * Hands what happens on these adapters to `receive`, and a diagnostic that belongs to no context as well.
 * @returns how to end that; until then the tracepoints are active
 */
export function subscribe(adapters: readonly Adapter[], receive: (report: Report) => void): () => void {
  const commands = new WeakMap<Context, string | null>();
  const where = (context: Context): Facts => {
    const pid = context.openedBy || null;
    let command = commands.get(context);
    if (command === undefined) commands.set(context, (command = commandOf(context.openedBy)));
    return { afu: context.afu.name, pe: context.pe, pid, command };
  };
  const ends = Object.entries(said).map(([name, [event, factsOf]]) => {
    const listener = (message: unknown): void => {
      const { context, adapter } = message as { readonly context?: Context; readonly adapter?: Adapter };
      const source = context?.afu.adapter ?? adapter;
      if (source && !adapters.includes(source)) return;
      const time = Math.round(performance.now() * 1000) / 1_000_000;
      const facts = (factsOf as (message: unknown) => Facts)(message);
      receive({ time, event, ...(context && where(context)), ...facts });
    };
    const from = channel(tracepoints[name as keyof Tracepoints].name);
    from.subscribe(listener);
    return () => from.unsubscribe(listener);
  });
  return () => {
    for (const end of ends) end();
  };
}
