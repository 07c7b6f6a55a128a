/**
 * What a TypeScript program would take today to hand 32 bytes from a producer to a reader, measured as inprocess.ts
 * measures ours: a round raises one event, asks whether one is pending, and takes it into the reader's buffer.
 *
 *     node --expose-gc dist/bench/usual.js KIND [--batches N] [--rounds N]
 *
 * The producer uses its memory again, so what is handed over is a copy of it, as EventQueue.post makes one. Prints one
 * line of JSON: nanoseconds per round of each batch.
 */
import { EventEmitter } from 'node:events';
import { Readable } from 'node:stream';
import { ReadableStream, type ReadableStreamDefaultController } from 'node:stream/web';
import { parseArgs } from 'node:util';

import { Subject } from 'rxjs';

import { PAYLOAD_SIZE, payloadMaker } from './payload.ts';

/** Rounds on one way of handing over, which check that each brought its event. */
type Rounds = (rounds: number) => void | Promise<void>;

const buffer = new Uint8Array(4096);
const payload = payloadMaker();

function take(event: Uint8Array | undefined): void {
  if (event?.length !== PAYLOAD_SIZE) throw new Error('a round brought no event');
  buffer.set(event, 0);
}

function pending(yes: boolean): void {
  if (!yes) throw new Error('nothing is pending');
}

/** A listener or an observer that keeps what it is given until somebody asks. */
function kept(subscribe: (keep: (event: Uint8Array) => void) => (event: Uint8Array) => void): Rounds {
  const queue: Uint8Array[] = [];
  const send = subscribe(event => void queue.push(event));
  return rounds => {
    for (let i = 0; i < rounds; i++) {
      send(payload(i).slice());
      pending(queue.length > 0);
      take(queue.shift());
    }
  };
}

function emitter(): Rounds {
  return kept(keep => {
    const events = new EventEmitter();
    events.on('event', keep);
    return event => void events.emit('event', event);
  });
}

function rxjs(): Rounds {
  return kept(keep => {
    const subject = new Subject<Uint8Array>();
    subject.subscribe(keep);
    return event => subject.next(event);
  });
}

function webStream(): Rounds {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({ start: given => void (controller = given) }, { highWaterMark: 64 });
  const reader = stream.getReader();
  return async rounds => {
    for (let i = 0; i < rounds; i++) {
      controller.enqueue(payload(i).slice());
      pending(controller.desiredSize! < 64);
      take((await reader.read()).value);
    }
  };
}

function nodeStream(): Rounds {
  const stream = new Readable({ objectMode: true, highWaterMark: 64, read() {} });
  return rounds => {
    for (let i = 0; i < rounds; i++) {
      stream.push(payload(i).slice());
      pending(stream.readableLength > 0);
      take(stream.read() as Uint8Array | undefined);
    }
  };
}

const kinds: Readonly<Record<string, () => Rounds>> = { emitter, rxjs, web: webStream, node: nodeStream };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batches: { type: 'string', default: '15' }, rounds: { type: 'string', default: '100000' } },
});
const prepare = kinds[positionals[0] ?? ''];
if (!prepare) throw new Error(`usage: usual ${Object.keys(kinds).join('|')} [--batches N] [--rounds N]`);
const rounds = Number(values.rounds);
const run = prepare();
await run(rounds);
const ns: number[] = [];
for (let batch = 0; batch < Number(values.batches); batch++) {
  const began = performance.now();
  await run(rounds);
  ns.push(((performance.now() - began) * 1e6) / rounds);
}
process.stdout.write(`${JSON.stringify({ kind: positionals[0], ns })}\n`);
