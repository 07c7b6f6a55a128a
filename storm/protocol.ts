// What the storm and its server say to each other over the server's IPC channel, and what both know of the events.
import type { ContextCounters } from '../src/core/index.ts';

/** One context: the place of its AFU, 0 or 1, and its process element. */
export interface Target {
  readonly afu: number;
  readonly pe: number;
}

/** Something raised on a context; a fault's and an error's value is how many there were before, plus one. */
export type Raised = 'interrupt' | 'fault' | 'error';

export type Order =
  /** Driver events, numbered on; `spread`: one in each turn of the server's loop, instead of all in one. */
  | { readonly do: 'post'; readonly to: Target; readonly count: number; readonly spread: boolean }
  | { readonly do: 'raise'; readonly to: Target; readonly what: Raised; readonly irq: number }
  | { readonly do: 'detach'; readonly to: Target }
  /** For its state, after a garbage collection if that is wanted. */
  | { readonly do: 'ask'; readonly number: number; readonly collect: boolean };

/** How often something was raised, and when last: CLOCK_MONOTONIC in nanoseconds. */
export interface Source {
  readonly count: number;
  readonly last: string;
}

export interface ContextState extends Target {
  /** Driver events posted so far, numbered from 1. */
  readonly posted: number;
  /** By `interrupt 3`, `fault`, `error`. */
  readonly raised: Readonly<Record<string, Source>>;
  readonly pending: boolean;
  readonly counters: ContextCounters;
}

export interface State {
  readonly number: number;
  /** Posts that are still being spread. */
  readonly busy: number;
  readonly contexts: readonly ContextState[];
  /** What the server had to complain about. */
  readonly complaints: readonly string[];
  /** Bytes in use. */
  readonly heap: number;
}

/** AFUs by place: how many events a read may give. */
export const eventsPerRead: readonly number[] = [1, 8];

export const INTERRUPTS = 6;

/** Payload of a driver event: its number, and bytes that follow from it, as storm/client.c checks. */
export function payloadOf(sequence: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(8 + (sequence % 41)).map((_, index) => sequence + index * 7);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(sequence), littleEndian);
  return bytes;
}
