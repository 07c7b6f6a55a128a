import type { Adapter, LinkState } from './adapter.ts';
import type { Context } from './context.ts';
import type { Diagnostic } from './diagnostics.ts';
import type { DriverModule } from './driver-module.ts';

/** Where a tracepoint's messages go; Node's `diagnostics_channel` channels have this shape. */
export interface TraceChannel {
  readonly hasSubscribers: boolean;
  publish(message: unknown): void;
}

const silent: TraceChannel = { hasSubscribers: false, publish() {} };

/** One place that can be watched. Ask {@link active} first: a message that nobody wants is not made. */
export class Tracepoint<Message> {
  /** The channel's name, which does not change between versions. */
  readonly name: string;
  /** @internal */
  channel: TraceChannel = silent;

  constructor(name: string) {
    this.name = name;
  }

  get active(): boolean {
    return this.channel.hasSubscribers;
  }

  publish(message: Message): void {
    this.channel.publish(message);
  }
}

/** What an event is, in a message. */
export type EventKind = 'interrupt' | 'fault' | 'error' | 'driver';

export interface ContextMessage {
  readonly context: Context;
}

export interface EventMessage extends ContextMessage {
  readonly kind: EventKind;
  /** The interrupt's number; undefined for other events. */
  readonly irq?: number | undefined;
}

export interface AdapterMessage {
  readonly adapter: Adapter;
  readonly link: LinkState;
}

export interface ModuleMessage extends ContextMessage {
  readonly module: DriverModule;
}

/**
 * Everything that can be watched. The kernel's own tracepoints (system `cxl`) have no counterpart for reads and driver
 * events; these have.
 */
export const tracepoints: {
  readonly contextOpen: Tracepoint<ContextMessage>;
  readonly contextStart: Tracepoint<ContextMessage>;
  readonly contextDetach: Tracepoint<ContextMessage>;
  readonly contextClose: Tracepoint<ContextMessage>;
  /** An AFU raised an event; `coalesced`: its like was still unread. */
  readonly raised: Tracepoint<EventMessage & { readonly coalesced: boolean }>;
  /** A driver posted: `count` events more in the fetch form. */
  readonly announced: Tracepoint<ContextMessage & { readonly count: number }>;
  /** An event was fetched from a driver, or filled in by it. */
  readonly fetched: Tracepoint<ContextMessage & { readonly dataSize: number }>;
  readonly delivered: Tracepoint<EventMessage>;
  /** The copy to the reader failed; the event is kept, or dropped with `copyFault: 'drop'`. */
  readonly copyFailed: Tracepoint<EventMessage & { readonly kept: boolean }>;
  readonly moduleGet: Tracepoint<ModuleMessage>;
  readonly modulePut: Tracepoint<ModuleMessage>;
  /** The link to a card went or came back. */
  readonly adapterLink: Tracepoint<AdapterMessage>;
  readonly diagnostic: Tracepoint<Diagnostic>;
} = {
  contextOpen: new Tracepoint('afukit:context:open'),
  contextStart: new Tracepoint('afukit:context:start'),
  contextDetach: new Tracepoint('afukit:context:detach'),
  contextClose: new Tracepoint('afukit:context:close'),
  raised: new Tracepoint('afukit:event:raised'),
  announced: new Tracepoint('afukit:event:announced'),
  fetched: new Tracepoint('afukit:event:fetched'),
  delivered: new Tracepoint('afukit:event:delivered'),
  copyFailed: new Tracepoint('afukit:event:copy-failed'),
  moduleGet: new Tracepoint('afukit:module:get'),
  modulePut: new Tracepoint('afukit:module:put'),
  adapterLink: new Tracepoint('afukit:adapter:link'),
  diagnostic: new Tracepoint('afukit:diagnostic'),
};

/** Connects every tracepoint to a channel, by its name; in Node: `connectTracepoints(diagnostics_channel.channel)`. */
export function connectTracepoints(channelFor: (name: string) => TraceChannel): void {
  for (const tracepoint of Object.values(tracepoints)) tracepoint.channel = channelFor(tracepoint.name);
}
