import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { CxlEvent } from '../../src/abi/index.ts';
import {
  EventQueue,
  contextEventsPending,
  type Context,
  type EventQueueOptions,
  type FetchDriverOps,
} from '../../src/driver/index.ts';
import { asleep, codeOf, drain, failedRead, owner, read, READY, startedRig } from '../core/rig.ts';

/** A queue whose owner is not the module that the context was opened with, as there is none. */
const queueOn = (context: Context, options: EventQueueOptions = {}): EventQueue =>
  new EventQueue(context, { owner: owner('queue'), ...options });

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

const payloads = (events: readonly CxlEvent[]): string[] =>
  events.map(event => (event.type === 'afu-driver' ? event.data.join() : event.type));

describe('EventQueue', () => {
  it('gives what was posted, in order, and wakes for each', () => {
    const { context } = startedRig();
    const queue = queueOn(context);
    for (const value of [3, 1, 2]) {
      const sleeper = asleep(context);
      assert.equal(queue.post(bytes(value)), true);
      assert.equal(sleeper.wakes, 1);
    }
    assert.equal(queue.length, 3);
    assert.deepEqual(drain(context), ['driver 3', 'driver 1', 'driver 2']);
    assert.equal(queue.length, 0);
  });

  it('copies: the memory of a poster is its own again at once', () => {
    const { context } = startedRig();
    const queue = queueOn(context);
    const payload = bytes(1, 2);
    queue.post(payload);
    payload.fill(9);
    queue.post(payload);
    assert.deepEqual(drain(context), ['driver 1,2', 'driver 9,9']);
  });

  it('full: post is false, queues nothing and wakes nobody; a place is free when the reader has its event', () => {
    const { context } = startedRig();
    const queue = queueOn(context, { capacity: 2 });
    assert.deepEqual([queue.post(bytes(1)), queue.post(bytes(2))], [true, true]);
    const sleeper = asleep(context);
    assert.equal(queue.post(bytes(3)), false);
    assert.equal(sleeper.wakes, 0);
    // poll fetches the first event, a failed read holds it: neither frees its place.
    context.poll();
    failedRead(context);
    assert.equal(queue.post(bytes(3)), false);
    assert.equal(queue.length, 2);
    read(context);
    assert.equal(queue.post(bytes(4)), true);
    assert.deepEqual(drain(context), ['driver 2', 'driver 4']);
  });

  it('a capacity of 64 unless asked otherwise', () => {
    const { context } = startedRig();
    const queue = queueOn(context);
    assert.equal(queue.capacity, 64);
    for (let i = 0; i < 64; i++) assert.equal(queue.post(bytes(i)), true);
    assert.equal(queue.post(bytes(0)), false);
  });

  for (const capacity of [0, -1, 1.5, Number.NaN, Infinity]) {
    it(`a capacity of ${capacity} is a RangeError and sets no ops`, () => {
      const { context } = startedRig();
      assert.throws(() => queueOn(context, { capacity }), RangeError);
      const sleeper = asleep(context);
      contextEventsPending(context, 1);
      assert.equal(sleeper.wakes, 0);
    });
  }

  it('0 to 4088 bytes fit, one more is EMSGSIZE, queues nothing and takes no place', () => {
    const { context } = startedRig();
    const queue = queueOn(context, { capacity: 2 });
    assert.equal(
      codeOf(() => queue.post(new Uint8Array(4089))),
      'EMSGSIZE',
    );
    assert.equal(queue.length, 0);
    assert.equal(queue.post(new Uint8Array(4088)), true);
    assert.equal(queue.post(new Uint8Array(0)), true);
    assert.deepEqual([read(context)[0]!.size, read(context)[0]!.size], [4096, 8]);
  });

  it('EMSGSIZE comes before full, so that the poster learns what it can never post', () => {
    const { context } = startedRig();
    const queue = queueOn(context, { capacity: 1 });
    queue.post(bytes(1));
    assert.equal(
      codeOf(() => queue.post(new Uint8Array(4089))),
      'EMSGSIZE',
    );
  });

  it('uses the memory of a slot again, and replaces it only for a larger payload', () => {
    const { context } = startedRig();
    const seen = new Set<Uint8Array>();
    const queue = queueOn(context, { capacity: 2 });
    const ops = context.driverOps as { -readonly [K in keyof FetchDriverOps]: FetchDriverOps[K] };
    const fetch = ops.fetchEvent.bind(ops);
    ops.fetchEvent = asked => {
      const event = fetch(asked);
      if (event) seen.add(event.data);
      return event;
    };
    for (let i = 0; i < 20; i++) {
      for (let k = 0; k < 2; k++) queue.post(bytes(...Array.from({ length: i % 33 }, () => i)));
      for (let k = 0; k < 2; k++) assert.equal(read(context).length, 1);
    }
    assert.equal(seen.size, 2);
    queue.post(new Uint8Array(33));
    drain(context);
    assert.equal(seen.size, 3);
  });

  it('a shorter event in the memory of a longer one is as long as it is', () => {
    const { context } = startedRig();
    const queue = queueOn(context, { capacity: 1 });
    queue.post(bytes(1, 2, 3, 4));
    drain(context);
    queue.post(bytes(5));
    assert.deepEqual(drain(context), ['driver 5']);
  });

  it('queues of several contexts do not mix', () => {
    const { afu } = startedRig();
    const queues = [0, 1, 2].map(() => queueOn(afu.openContext()));
    queues.forEach((queue, i) => {
      queue.post(bytes(i));
      queue.post(bytes(i + 10));
    });
    queues[1]!.context.release();
    assert.deepEqual(
      [0, 2].map(i => drain(queues[i]!.context)),
      [
        ['driver 0', 'driver 10'],
        ['driver 2', 'driver 12'],
      ],
    );
  });

  it('posting to a context that is gone is said once and harms nothing', () => {
    const { context, diagnostics } = startedRig();
    const queue = queueOn(context, { capacity: 2 });
    queue.post(bytes(1));
    context.release();
    for (let i = 0; i < 5; i++) assert.equal(queue.post(bytes(2)), false);
    assert.deepEqual(
      diagnostics.map(({ problem }) => problem),
      ['posted to a context that is closed; nobody will read it'],
    );
  });

  it('posting to a queue whose ops were replaced asks nothing of the new ones', () => {
    const { context, diagnostics } = startedRig();
    const former = queueOn(context);
    const queue = queueOn(context);
    former.post(bytes(1));
    assert.equal(context.poll(), 0);
    assert.deepEqual(diagnostics, []);
    queue.post(bytes(2));
    assert.deepEqual(drain(context), ['driver 2']);
  });

  it('events posted from a reader that they wake arrive, too', () => {
    const { context } = startedRig();
    const queue = queueOn(context);
    const got: string[] = [];
    asleep(context, () => {
      got.push(...drain(context));
      queue.post(bytes(2));
    });
    queue.post(bytes(1));
    assert.equal(context.poll(), READY);
    assert.deepEqual([...got, ...drain(context)], ['driver 1', 'driver 2']);
  });

  it('any mixture of posts, reads, failed reads and batches: a list with a limit', () => {
    const step = fc.constantFrom('post', 'post', 'read', 'failedRead', 'poll');
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 4 }),
        fc.constantFrom(1, 3),
        (steps, capacity, eventsPerRead) => {
          const { context } = startedRig({ eventsPerRead });
          const queue = queueOn(context, { capacity });
          let model: string[] = [];
          let serial = 0;
          for (const name of steps) {
            if (name === 'post') {
              const fits = model.length < capacity;
              assert.equal(queue.post(bytes(++serial)), fits);
              if (fits) model.push(String(serial));
            } else if (name === 'poll') assert.equal(context.poll() === READY, model.length > 0);
            else {
              assert.deepEqual(
                payloads(name === 'read' ? read(context) : failedRead(context)),
                model.slice(0, eventsPerRead),
              );
              if (name === 'read') model = model.slice(eventsPerRead);
            }
            assert.equal(queue.length, model.length);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
