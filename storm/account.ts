// What the readers of one context wrote down, held against what was raised on it.
import { What, isEvent, type Entry } from './log.ts';
import type { ContextState } from './protocol.ts';

export interface Ledger {
  readonly pe: number;
  readonly entries: readonly Entry[];
  /** What the server knew at the end; undefined when it was killed. */
  readonly state: ContextState | undefined;
  /** Driver events that the server was told to post. */
  readonly ordered: number;
  /** Processes that were killed. */
  readonly killed: ReadonlySet<number>;
  /** How many events the killed may have taken with them. */
  readonly mayMiss: number;
  /** Errnos that a reader may end with; 0 when it leaves by itself. */
  readonly endings: readonly number[];
}

export interface Audit {
  /** Events that readers got. */
  readonly delivered: number;
  /** Events that no reader has. */
  readonly missed: number;
  /** Readers, by thread. */
  readonly threads: number;
  /** What is wrong, one line each. */
  readonly problems: readonly string[];
}

const by = <T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> => {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
};

const reader = ({ pid, tid }: Entry): string => `process ${pid} thread ${tid}`;

/** A few of many, for people. */
const some = (values: readonly number[]): string =>
  values.length > 8 ? `${values.slice(0, 8).join(', ')} ... (${values.length})` : values.join(', ');

/** What comes with a number of its own may come once only, and to each reader in order. */
function numbered(entries: readonly Entry[], name: string): string[] {
  const problems: string[] = [];
  for (const [value, [first, ...more]] of by(entries, entry => String(entry.value))) {
    for (const again of more) problems.push(`${name} ${value} was repeated: ${reader(first!)}, then ${reader(again)}`);
  }
  for (const [who, got] of by(entries, reader)) {
    const late = got.findIndex(({ value }, index) => index > 0 && value < got[index - 1]!.value);
    if (late > 0) problems.push(`${name} ${got[late]!.value} came after ${got[late - 1]!.value} to ${who}`);
  }
  return problems;
}

/** Numbers from 1 to `last` that nobody has. */
function missing(entries: readonly Entry[], last: number): number[] {
  const seen = new Set(entries.map(({ value }) => value));
  return Array.from({ length: last }, (_, index) => index + 1).filter(number => !seen.has(number));
}

/** Interrupts, faults and errors coalesce: but after the last that was raised one was read. */
function coalescing(name: string, got: readonly Entry[], state: ContextState): { missed: number; problems: string[] } {
  const source = state.raised[name];
  const problems: string[] = [];
  if (got.length > (source?.count ?? 0)) {
    problems.push(`${name} was read ${got.length} times and raised ${source?.count ?? 0} times`);
  }
  const lastRead = got.reduce((latest, { ns }) => (ns > latest ? ns : latest), 0n);
  return { missed: source && lastRead < BigInt(source.last) ? 1 : 0, problems };
}

/** Whether every reader ended, and how. */
function endings({ entries, killed, endings: allowed }: Ledger): string[] {
  const problems: string[] = [];
  for (const [who, life] of by(entries, reader)) {
    const end = life.find(({ what }) => what === What.ended);
    if (end && !allowed.includes(end.value)) problems.push(`${who} ended with errno ${end.value}`);
    if (!end && !killed.has(life[0]!.pid)) problems.push(`${who} did not end`);
  }
  return problems;
}

export function audit(ledger: Ledger): Audit {
  const { pe, entries, state, ordered, mayMiss } = ledger;
  const events = entries.filter(isEvent);
  const of = (what: number): Entry[] => events.filter(entry => entry.what === what);
  const problems = [
    ...entries.filter(({ what }) => what === What.trouble).map(each => `${reader(each)}: errno ${each.value}`),
    ...events.filter(event => event.pe !== pe).map(event => `an event of process element ${event.pe} came to ${pe}`),
    ...numbered(of(What.driver), 'driver event'),
    ...numbered(of(What.fault), 'fault'),
    ...numbered(of(What.error), 'error'),
    ...endings(ledger),
  ];

  const driver = of(What.driver);
  const newest = driver.reduce((last, { value }) => Math.max(last, value), 0);
  const posted = state?.posted ?? ordered;
  if (newest > posted) problems.push(`driver event ${newest} was never posted`);
  // A server that was killed takes along what it had; what came before that is there.
  const gaps = missing(driver, state ? posted : newest);
  let missed = gaps.length;
  if (state) {
    const sources: (readonly [string, Entry[]])[] = [
      ['fault', of(What.fault)],
      ['error', of(What.error)],
      ...[...new Set([...Object.keys(state.raised), ...of(What.interrupt).map(({ value }) => `interrupt ${value}`)])]
        .filter(name => name.startsWith('interrupt'))
        .map(name => [name, of(What.interrupt).filter(({ value }) => name === `interrupt ${value}`)] as const),
    ];
    for (const [name, got] of sources) {
      const found = coalescing(name, got, state);
      missed += found.missed;
      problems.push(...found.problems);
      if (found.missed > 0 && mayMiss === 0) problems.push(`${name} was not read since it was raised last`);
    }
    problems.push(...counted(state, events.length, mayMiss));
  }
  if (missed > mayMiss) {
    problems.push(`${missed} events are missed, of which the killed may have ${mayMiss}: driver events ${some(gaps)}`);
  }
  // What the server gave and nobody wrote down, whatever it was.
  if (state) missed = Math.max(missed, state.counters.delivered - events.length);
  const threads = entries.filter(({ what }) => what === What.born).length;
  return { delivered: events.length, missed, threads, problems };
}

/** The server's own book has to agree. */
function counted({ counters, pending }: ContextState, read: number, mayMiss: number): string[] {
  const { raised, coalesced, delivered, dropped } = counters;
  const problems: string[] = [];
  if (pending) problems.push('something is still pending');
  if (dropped > 0) problems.push(`the server dropped ${dropped} events`);
  if (raised !== coalesced + delivered + dropped)
    problems.push(`the counters do not add up: ${JSON.stringify(counters)}`);
  if (delivered < read || delivered > read + mayMiss) {
    problems.push(`the server delivered ${delivered} events, ${read} were read, and the killed may have ${mayMiss}`);
  }
  return problems;
}
