// One round of a storm: contexts are opened, readers are started, events and whatever the kind has in store come over
// them, everything is read, and the books are compared.
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

import { audit } from './account.ts';
import { whereabouts } from './autopsy.ts';
import { StormFailure } from './failure.ts';
import { addFigures, noFigures, type Figures } from './figures.ts';
import type { Holder, Reader } from './holder.ts';
import { modes, type ActionName, type Kind } from './kinds.ts';
import { readLog, What, type Entry } from './log.ts';
import { eventsPerRead, INTERRUPTS, type ContextState, type Raised, type State } from './protocol.ts';
import { Random } from './random.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

/** Events that a step waits for may have been lost with a killed reader, or have coalesced. */
const STEP_MS = 15;
const MOST_READERS = 5;
/** Far above what a server of a few contexts needs, far below what a leak would come to. */
const MOST_MEMORY = 400 * 2 ** 20;

const { errno } = constants;
const DETACHED = [0, errno.EIO];
const SERVER_GONE = [0, errno.ENOTCONN, errno.ECONNABORTED, errno.ENODEV];

export class Round {
  readonly #stage: Stage;
  readonly #kind: Kind;
  readonly #random: Random;
  readonly #holders: Holder[] = [];
  readonly #ordered = new Map<Holder, number>();
  readonly #figures: Figures = noFigures();
  /** What was done last, for the report of a failure. */
  readonly #trail: string[] = [];
  /** What may be done while the server is stopped. */
  readonly #weights: readonly ActionName[];

  constructor(stage: Stage, kind: Kind, seed: number) {
    this.#stage = stage;
    this.#kind = kind;
    this.#random = new Random(seed);
    this.#weights = (Object.entries(kind.actions) as [ActionName, number][]).flatMap(([name, weight]) =>
      Array.from({ length: weight }, () => name),
    );
  }

  /** @throws StormFailure with all there is to know */
  async run(): Promise<Figures> {
    try {
      await this.#open();
      const steps = this.#random.between(15, 40);
      for (let step = 0; step < steps; step++) await this.#step();
      if (this.#kind.crashes) await this.#crash();
      else await this.#quieten();
      for (const holder of this.#holders) this.#stage.forget(holder);
      this.#figures.rounds = 1;
      return this.#figures;
    } catch (error) {
      throw this.#explained(error);
    }
  }

  async #open(): Promise<void> {
    const contexts = this.#random.between(1, 3);
    for (let i = 0; i < contexts; i++) {
      const holder = await this.#stage.open(this.#random.below(eventsPerRead.length));
      this.#holders.push(holder);
      this.#ordered.set(holder, 0);
      for (let left = this.#random.between(1, 3); left > 0; left--) await this.#spawn(holder);
    }
  }

  async #spawn(holder: Holder): Promise<void> {
    const mode = this.#random.pick(this.#kind.modes ?? modes);
    const threads = this.#random.between(1, 3);
    const flags = this.#random.pick(this.#kind.flags);
    this.#note(`${name(holder)}: a reader by ${mode}, ${threads} threads, flags "${flags}"`);
    holder.start({ mode, threads, flags, seed: this.#random.below(2 ** 31) });
    await holder.settled();
    this.#figures.readers++;
  }

  /** Events, some of which are read, and then something happens in the middle of the rest. */
  async #step(): Promise<void> {
    const holder = this.#random.pick(this.#holders);
    const before = holder.entries;
    const count = this.#random.between(1, 40);
    const spread = this.#random.once(2);
    this.#note(`${name(holder)}: ${count} driver events${spread ? ', spread' : ''}`);
    this.#stage.order({ do: 'post', to: holder.target, count, spread });
    this.#ordered.set(holder, this.#ordered.get(holder)! + count);
    this.#figures.sent += count;
    for (let left = this.#random.below(4); left > 0; left--) this.#raise(holder);
    await this.#read(holder, before + this.#random.below(count + 1));
    await this.#act(this.#random.pick(this.#weights), this.#random.pick(this.#holders));
  }

  #raise(holder: Holder): void {
    const what = this.#random.pick<Raised>(['interrupt', 'interrupt', 'interrupt', 'fault', 'error']);
    const irq = this.#random.between(1, INTERRUPTS);
    this.#note(`${name(holder)}: ${what}${what === 'interrupt' ? ` ${irq}` : ''}`);
    this.#stage.order({ do: 'raise', to: holder.target, what, irq });
    this.#figures.sent++;
  }

  /** Until the log has so many entries; a while without any is enough. */
  async #read(holder: Holder, entries: number): Promise<void> {
    let seen = holder.entries;
    let deadline = performance.now() + STEP_MS;
    while (seen < entries && performance.now() < deadline) {
      await delay(1);
      const now = holder.entries;
      if (now !== seen) deadline = performance.now() + STEP_MS;
      seen = now;
    }
  }

  async #act(action: ActionName, holder: Holder): Promise<void> {
    this.#figures.actions++;
    await this.#actions[action](holder);
  }

  readonly #actions: Readonly<Record<ActionName, (holder: Holder) => void | Promise<void>>> = {
    nothing: () => {},
    kill: async holder => {
      // One stays, so that nothing but a missed wake-up leaves an event unread.
      if (holder.alive.length < 2) await this.#spawn(holder);
      const reader = this.#random.pick(holder.alive);
      this.#note(`${name(holder)}: SIGKILL to ${reader.pid}`);
      holder.signal(reader, 'SIGKILL');
      this.#figures.kills++;
    },
    spawn: async holder => {
      if (holder.alive.length < MOST_READERS) await this.#spawn(holder);
    },
    signal: holder => {
      const signal = this.#random.once(2) ? 'SIGUSR1' : 'SIGUSR2';
      for (const reader of holder.alive) {
        this.#note(`${name(holder)}: ${signal} to ${reader.pid}`);
        holder.signal(reader, signal);
        this.#figures.signals++;
      }
    },
    flip: holder => {
      this.#note(`${name(holder)}: O_NONBLOCK is flipped`);
      holder.flip();
      this.#figures.flips++;
    },
    stop: async holder => {
      this.#note('the server is stopped');
      this.#stage.signalServer('SIGSTOP');
      this.#figures.stops++;
      for (let left = this.#random.below(3); left > 0; left--) {
        const action = this.#random.pick(this.#weights);
        await delay(this.#random.below(10));
        // Whoever is started while nobody serves is as good as any; only stopping twice makes no sense.
        if (action !== 'stop') await this.#act(action, holder);
      }
      await delay(this.#random.below(20));
      this.#note('the server goes on');
      this.#stage.signalServer('SIGCONT');
    },
  };

  /** Nothing more is raised: what is pending has to be read by those who are there, and then they have to end. */
  async #quieten(): Promise<void> {
    const written = (): number => this.#holders.reduce((sum, { entries }) => sum + entries, 0);
    let state!: State;
    const quiet = async (): Promise<boolean> => {
      state = await this.#stage.ask();
      return state.busy === 0 && state.contexts.every(({ pending }) => !pending);
    };
    this.#note('nothing more is raised');
    await until('everything that was raised is read', quiet, written);
    this.#note('the contexts are detached');
    for (const { target } of this.#holders) this.#stage.order({ do: 'detach', to: target });
    await this.#readersEnd();
    state = await this.#stage.ask(true);
    this.#audit(state);
    await this.#close();
    await until('no context is open', async () => (await this.#stage.ask()).contexts.length === 0);
    this.#note('every context is released');
    if (state.complaints.length > 0) throw new StormFailure('the server complains', state.complaints);
    const memory = this.#stage.serverMemory;
    this.#figures.memory = memory;
    this.#figures.heap = state.heap;
    if (memory > MOST_MEMORY) throw new StormFailure(`the server uses ${Math.round(memory / 2 ** 20)} MiB`);
  }

  async #crash(): Promise<void> {
    this.#note('the server is killed');
    await this.#stage.crash();
    await this.#readersEnd();
    this.#audit(undefined);
    await this.#close();
    await this.#stage.serve();
    this.#figures.remounts++;
  }

  /** Readers, and those that they forked. */
  async #readersEnd(): Promise<void> {
    for (const holder of this.#holders) {
      await until(
        `every reader of ${name(holder)} has ended`,
        () => holder.alone,
        () => holder.entries,
      );
    }
  }

  async #close(): Promise<void> {
    for (const holder of this.#holders) await holder.quit();
  }

  #audit(state: State | undefined): void {
    for (const holder of this.#holders) {
      const { target } = holder;
      const known = state?.contexts.find(({ afu, pe }) => afu === target.afu && pe === target.pe);
      const killed = holder.readers.filter(reader => reader.killed);
      const perRead = eventsPerRead[target.afu]!;
      const { delivered, missed, threads, problems } = audit({
        pe: target.pe,
        entries: readLog(holder.log),
        state: known,
        ordered: this.#ordered.get(holder)!,
        killed: new Set(killed.map(({ pid }) => pid)),
        mayMiss: killed.reduce((sum, reader) => sum + reader.threads * perRead, 0),
        endings: state ? DETACHED : SERVER_GONE,
      });
      addFigures(this.#figures, { delivered, missed, threads, ...coalescedAndKept(known) });
      const badly = holder.readers.filter(reader => !reader.killed && reader.status !== 0);
      const all = [...problems, ...badly.map(({ pid, status }) => `process ${pid} ended with wait status ${status}`)];
      if (all.length > 0) throw new StormFailure(`${name(holder)}: ${all[0]}`, all.slice(1, 30));
    }
  }

  #note(action: string): void {
    this.#trail.push(action);
    if (this.#trail.length > 40) this.#trail.shift();
  }

  #explained(error: unknown): StormFailure {
    if (!(error instanceof Error)) return new StormFailure(String(error));
    const details = error instanceof StormFailure ? error.details : [error.stack ?? ''];
    const troubles = this.#holders.flatMap(holder =>
      entriesOf(holder)
        .filter(({ what }) => what === What.trouble)
        .map(({ pid, value }) => `reader (${modeOf(holder, pid)}) ${pid} of ${name(holder)} met errno ${value}`),
    );
    const everybody = this.#holders.flatMap(holder => [
      ...whereabouts(holder.pid, `holder of ${name(holder)},`),
      ...[...new Set([...holder.alive.map(({ pid }) => pid), ...sleepers(holder)])].flatMap(pid =>
        whereabouts(pid, `reader (${modeOf(holder, pid)}) of ${name(holder)},`),
      ),
    ]);
    const server = whereabouts(this.#stage.serverPid, 'server');
    const lines = [
      ...details,
      ...troubles,
      'what was done last:',
      ...this.#trail,
      'where everybody is:',
      ...everybody,
      ...server,
    ];
    return new StormFailure(error.message, lines);
  }
}

const name = ({ target }: Holder): string => `afu0.${target.afu} pe ${target.pe}`;

const modeOf = ({ readers }: Holder, pid: number): string =>
  readers.find((reader: Reader) => reader.pid === pid)?.mode ?? 'a fork';

/** What is written down so far. */
const entriesOf = ({ log }: Holder): Entry[] => (existsSync(log) ? readLog(log) : []);

/** Processes with a reader that has begun and not ended, and was not killed. */
function sleepers(holder: Holder): number[] {
  const killed = new Set(holder.readers.filter(reader => reader.killed).map(({ pid }) => pid));
  const entries = entriesOf(holder);
  const ended = new Set(
    entries.filter(({ what }) => what === What.ended || what === What.trouble).map(({ tid }) => tid),
  );
  return entries
    .filter(({ what, pid, tid }) => what === What.born && !killed.has(pid) && !ended.has(tid))
    .map(({ pid }) => pid);
}

function coalescedAndKept(state: ContextState | undefined): Partial<Figures> {
  return state ? { coalesced: state.counters.coalesced, kept: state.counters.kept } : {};
}
