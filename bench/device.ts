/**
 * The counterpart of peers/cxl_device.c: the same device file, served by afukit.
 *
 *     node dist/bench/device.js MOUNTPOINT [--saturate | --tick-us N [--warm-up N]] [--events-per-read N]
 *
 * The file is MOUNTPOINT/dev/cxl/afu0.0s. Its events are 16 bytes, AFU_DRIVER, whose payload is the time at which the
 * event was raised: CLOCK_MONOTONIC in nanoseconds, u64, host byte order. A context whose work element descriptor is not 0
 * is quiet: it is open and started and never has an event. Prints "ready" once mounted; SIGTERM and SIGINT unmount it and
 * end it with status 0.
 *
 * --saturate           once started, an event is always pending: each delivered one is raised again at once
 * --tick-us N          while started, an event is raised every N microseconds (a slot of one: the newest time stays).
 *                      Node's timers count milliseconds, so single ticks come up to one late; the mean period is kept
 * --warm-up N          the first N events come as with --saturate, so that the engine has compiled what it runs often
 * --events-per-read N  what one read may return; with --saturate, from 2 upwards, N events are raised together and then
 *                      fetched one by one (the pull form asks for a second event only where any event would fit)
 */
import { parseArgs } from 'node:util';

import { Adapter, MAX_PROCESS_ELEMENTS, type DriverModule } from '../src/core/index.ts';
import type { AfuBackend, Context, DriverEvent, DriverOps, FetchDriverOps, PollDriverOps } from '../src/core/index.ts';
import { contextEventsPending, defineDriver, setDriverOps } from '../src/driver/index.ts';
import { runServer, serveUntilSignal } from './served.ts';
import { Stamp } from './stamp.ts';

/** One context's events, in one of the two forms of driver ops. */
interface Source {
  readonly ops: DriverOps;
  start(): void;
  raise(): void;
}

/** How many more events are raised as soon as the one before was delivered. */
interface Saturation {
  left: number;
}

/** One event that waits, or none; the newest time stays. */
class Slot implements Source, PollDriverOps {
  readonly owner: DriverModule;
  readonly #context: Context;
  readonly #saturation: Saturation;
  readonly #stamp = new Stamp();
  #pending = false;

  constructor(context: Context, owner: DriverModule, saturation: Saturation) {
    this.owner = owner;
    this.#context = context;
    this.#saturation = saturation;
  }

  get ops(): DriverOps {
    return this;
  }

  start(): void {
    this.#raiseNext();
  }

  raise(): void {
    this.#pending = true;
    this.#stamp.now();
    contextEventsPending(this.#context, 0);
  }

  eventPending(): boolean {
    return this.#pending;
  }

  deliverEvent(_context: Context, buffer: Uint8Array, offset: number): number {
    this.#stamp.copyTo(buffer, offset);
    this.#pending = false;
    this.#raiseNext();
    return Stamp.SIZE;
  }

  #raiseNext(): void {
    if (this.#saturation.left <= 0) return;
    this.#saturation.left--;
    this.raise();
  }
}

/** `size` events raised together; when the last has reached its reader, as many again. */
class Batch implements Source, FetchDriverOps {
  readonly owner: DriverModule;
  readonly #context: Context;
  readonly #stamp = new Stamp();
  /** Each event has memory of its own, as a driver's that come from different places would. */
  readonly #events: readonly DriverEvent[];
  #fetched = 0;
  #delivered = 0;

  constructor(context: Context, owner: DriverModule, size: number) {
    this.owner = owner;
    this.#context = context;
    this.#events = Array.from({ length: size }, () => ({ data: new Uint8Array(Stamp.SIZE), dataSize: Stamp.SIZE }));
  }

  get ops(): DriverOps {
    return this;
  }

  start(): void {
    this.raise();
  }

  raise(): void {
    this.#stamp.now();
    for (const { data } of this.#events) this.#stamp.copyTo(data, 0);
    this.#fetched = 0;
    this.#delivered = 0;
    contextEventsPending(this.#context, this.#events.length);
  }

  fetchEvent(): DriverEvent | null {
    return this.#events[this.#fetched++] ?? null;
  }

  eventDelivered(_context: Context, _event: DriverEvent | null, result: number): void {
    this.#delivered++;
    if (result === 0 && this.#delivered === this.#events.length) this.raise();
  }
}

/** Calls `tick` every so often; late ones are not made up for, and the period does not drift. */
function every(periodMs: number, tick: () => void): void {
  const began = performance.now();
  let count = 0;
  const sleep = (): void => {
    setTimeout(
      () => {
        count = Math.max(count + 1, Math.floor((performance.now() - began) / periodMs));
        tick();
        sleep();
      },
      Math.max(1, began + (count + 1) * periodMs - performance.now()),
    );
  };
  sleep();
}

const usage = 'usage: device MOUNTPOINT [--saturate | --tick-us N [--warm-up N]] [--events-per-read N]';

interface Settings {
  readonly directory: string;
  readonly saturate: boolean;
  readonly tickUs: number;
  readonly warmUp: number;
  readonly eventsPerRead: number;
}

function readArguments(): Settings {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      saturate: { type: 'boolean', default: false },
      'tick-us': { type: 'string', default: '0' },
      'warm-up': { type: 'string', default: '0' },
      'events-per-read': { type: 'string', default: '1' },
    },
  });
  const [directory] = positionals;
  const { saturate } = values;
  const [tickUs, warmUp, eventsPerRead] = [values['tick-us'], values['warm-up'], values['events-per-read']].map(Number);
  if (directory === undefined || positionals.length > 1 || !(tickUs! >= 0 && warmUp! >= 0 && eventsPerRead! >= 1)) {
    throw new Error(usage);
  }
  return { directory, saturate, tickUs: tickUs!, warmUp: warmUp!, eventsPerRead: eventsPerRead! };
}

async function main(): Promise<void> {
  const { directory, saturate, tickUs, warmUp, eventsPerRead } = readArguments();
  const saturation: Saturation = { left: saturate ? Infinity : warmUp };
  const sources = new Map<Context, Source>();
  const started = new Set<Source>();
  const driver = defineDriver({
    name: 'bench',
    open(context, module) {
      const batched = saturate && eventsPerRead > 1;
      const source = batched ? new Batch(context, module, eventsPerRead) : new Slot(context, module, saturation);
      setDriverOps(context, source.ops);
      sources.set(context, source);
    },
    release: context => void sources.delete(context),
  });
  const backend: AfuBackend = {
    name: 'bench',
    usesMemory: false,
    attachProcess(context) {
      if (context.work?.wed !== 0n) return;
      const source = sources.get(context)!;
      started.add(source);
      source.start();
    },
    detachProcess: context => void started.delete(sources.get(context)!),
  };
  const numProcs = MAX_PROCESS_ELEMENTS;
  const adapter = new Adapter({ afus: [{ backend, driver, numProcs, irqsMin: 0, eventsPerRead }] });
  await serveUntilSignal(directory, adapter);
  if (tickUs > 0) {
    every(tickUs / 1000, () => {
      for (const source of started) source.raise();
    });
  }
}

await runServer('device', main);
