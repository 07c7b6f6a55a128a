/**
 * The counterpart of peers/inprocess.c: one context in this process; a round is raise (or post), poll, read.
 *
 *     node --expose-gc dist/bench/inprocess.js KIND [--batches N] [--rounds N] [--mixed]
 *
 * Prints one line of JSON: nanoseconds per round of each batch, and how many bytes a round allocates. `--mixed` first runs
 * every other kind in this process too, so that the engine knows more than one shape of driver at each place.
 */
import { parseArgs } from 'node:util';
import { GCProfiler } from 'node:v8';

import { POLLIN, POLLRDNORM } from '../src/abi/index.ts';
import { Adapter, DriverModule, type Context, type DriverEvent } from '../src/core/index.ts';
import { contextEventsPending, EventQueue, setDriverOps } from '../src/driver/index.ts';
import { openAfu, type CxlFile } from '../src/file/index.ts';
import { PAYLOAD_SIZE, payloadMaker } from './payload.ts';

const INTERRUPTS = 64;
const RING_SLOTS = 16;
const HEADER_SIZE = 8;
const READY = POLLIN | POLLRDNORM;
const owner = new DriverModule({ name: 'bench' });

/** Makes the event of round number `round`. */
type Cause = (round: number) => void;

interface Kind {
  readonly eventSize: number;
  prepare(context: Context): Cause;
}

function interrupt(context: Context): Cause {
  return round => context.raiseInterrupt(1 + (round % INTERRUPTS));
}

function pullForm(context: Context): Cause {
  const payload = payloadMaker();
  const slots = Array.from({ length: RING_SLOTS }, () => new Uint8Array(PAYLOAD_SIZE));
  let head = 0;
  let tail = 0;
  setDriverOps(context, {
    owner,
    eventPending: () => tail !== head,
    deliverEvent(_context, buffer, offset) {
      buffer.set(slots[tail++ % RING_SLOTS]!, offset);
      return PAYLOAD_SIZE;
    },
  });
  return round => {
    slots[head++ % RING_SLOTS]!.set(payload(round));
    contextEventsPending(context, 0);
  };
}

function fetchForm(context: Context): Cause {
  const payload = payloadMaker();
  const slots: DriverEvent[] = Array.from({ length: RING_SLOTS }, () => ({
    data: new Uint8Array(PAYLOAD_SIZE),
    dataSize: PAYLOAD_SIZE,
  }));
  let head = 0;
  let fetched = 0;
  let done = 0;
  setDriverOps(context, {
    owner,
    fetchEvent: () => (fetched === head ? null : slots[fetched++ % RING_SLOTS]!),
    eventDelivered: () => void done++,
  });
  return round => {
    if (head - done === RING_SLOTS) throw new Error('the ring is full');
    slots[head++ % RING_SLOTS]!.data.set(payload(round));
    contextEventsPending(context, 1);
  };
}

function eventQueue(context: Context): Cause {
  const payload = payloadMaker();
  const queue = new EventQueue(context, { capacity: RING_SLOTS });
  return round => {
    if (!queue.post(payload(round))) throw new Error('the queue is full');
  };
}

const kinds: Readonly<Record<string, Kind>> = {
  interrupt: { eventSize: HEADER_SIZE + 8, prepare: interrupt },
  pull: { eventSize: HEADER_SIZE + PAYLOAD_SIZE, prepare: pullForm },
  fetch: { eventSize: HEADER_SIZE + PAYLOAD_SIZE, prepare: fetchForm },
  queue: { eventSize: HEADER_SIZE + PAYLOAD_SIZE, prepare: eventQueue },
};

const buffer = new Uint8Array(4096);

function runRounds(file: CxlFile, eventSize: number, cause: Cause, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    cause(i);
    if (file.poll() !== READY || file.readSync(buffer) !== eventSize) throw new Error(`round ${i} brought no event`);
  }
}

/** Bytes that one round leaves on the heap: measured over rounds during which nothing was collected. */
function bytesPerRound(run: (rounds: number) => void): number {
  const rounds = 50_000;
  for (let attempt = 0; attempt < 5; attempt++) {
    globalThis.gc!();
    const profiler = new GCProfiler();
    profiler.start();
    const before = process.memoryUsage().heapUsed;
    run(rounds);
    const bytes = (process.memoryUsage().heapUsed - before) / rounds;
    // What the two questions themselves allocate is less than a tenth of a byte per round.
    if (profiler.stop().statistics.length === 0) return Math.max(0, Math.round(bytes * 10) / 10);
  }
  throw new Error('the heap was collected while its growth was measured');
}

/** One file, started, with `kind`'s events; returns what runs rounds on it. */
function open(kind: Kind): (rounds: number) => void {
  const backend = { name: 'bench', attachProcess() {}, detachProcess() {} };
  const [afu] = new Adapter({ afus: [{ backend, driver: owner }] }).afus;
  const file = openAfu(afu!);
  file.startWork({ numInterrupts: INTERRUPTS });
  const cause = kind.prepare(file.context);
  return rounds => runRounds(file, kind.eventSize, cause, rounds);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    batches: { type: 'string', default: '15' },
    rounds: { type: 'string', default: '1000000' },
    mixed: { type: 'boolean', default: false },
  },
});
const [name = ''] = positionals;
const kind = kinds[name];
if (!kind) throw new Error(`usage: inprocess ${Object.keys(kinds).join('|')} [--batches N] [--rounds N] [--mixed]`);
const rounds = Number(values.rounds);
if (values.mixed) for (const other of Object.values(kinds)) open(other)(rounds);
const run = open(kind);
run(rounds);
const ns = Array.from({ length: Number(values.batches) }, () => {
  const began = performance.now();
  run(rounds);
  return ((performance.now() - began) * 1e6) / rounds;
});
process.stdout.write(`${JSON.stringify({ kind: name, mixed: values.mixed, ns, bytes: bytesPerRound(run) })}\n`);
