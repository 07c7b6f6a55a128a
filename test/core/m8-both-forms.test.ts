import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { CopyFault, DriverEvent } from '../../src/core/index.ts';
import {
  codeOf,
  blamed,
  drain,
  failedRead,
  FAILED,
  FetchDriver,
  owner,
  PullDriver,
  read,
  READY,
  startedRig,
} from './rig.ts';

type Step = 'post' | 'large' | 'lie' | 'null' | 'poll' | 'read' | 'fail' | 'replace' | 'detach' | 'release';
const step: fc.Arbitrary<Step> = fc.constantFrom(
  'post',
  'post',
  'post',
  'large',
  'lie',
  'null',
  'poll',
  'read',
  'read',
  'fail',
  'fail',
  'replace',
  'detach',
  'release',
);

describe('M8, C4, point 4: exactly one eventDelivered for each fetch that returned, in order', () => {
  for (const copyFault of ['keep', 'drop'] as CopyFault[]) {
    for (const eventsPerRead of [1, 3]) {
      it(`copyFault ${copyFault}, ${eventsPerRead} per read: under any reads, failures, lies, replacements and closes`, () => {
        fc.assert(
          fc.property(fc.array(step, { maxLength: 40, size: 'max' }), steps => {
            const { context } = startedRig({ copyFault, eventsPerRead });
            const fetched: unknown[] = [];
            const returned: unknown[] = [];
            const results: number[] = [];
            const queue: unknown[] = [];
            let serial = 0;
            const set = (): void => {
              const mine: unknown[] = [];
              context.setDriverOps({
                owner: owner(),
                fetchEvent() {
                  const event = queue.length > 0 ? queue.shift() : null;
                  mine.push(event);
                  fetched.push(event);
                  return event as DriverEvent;
                },
                eventDelivered(_context, event, result) {
                  // In order, among those that this registration fetched; what was no event comes back as null.
                  const next = mine.shift();
                  assert.equal(event, (next as DriverEvent | null)?.data === undefined ? null : next);
                  returned.push(next);
                  results.push(result);
                },
              });
            };
            const post = (event: unknown): void => {
              queue.push(event);
              if (!context.released) context.driverEventsPending(1);
            };
            set();
            let delivered = 0;
            let dropped = 0;
            for (const step of steps) {
              if (step === 'post') post({ dataSize: 1, data: Uint8Array.of(++serial & 255) });
              else if (step === 'large') post({ dataSize: 5000, data: new Uint8Array(5000) });
              else if (step === 'lie') post({ dataSize: 4, data: new Uint8Array(3) });
              else if (step === 'null') post(null);
              else if (step === 'release') context.release();
              else if (step === 'detach') context.detach();
              else if (context.released) continue;
              else if (step === 'replace') {
                queue.length = 0;
                set();
              } else if (step === 'poll') context.poll();
              else if (step === 'read') delivered += read(context).length;
              else if (copyFault === 'drop') dropped += failedRead(context).length;
              else failedRead(context);
              // Nothing is told twice, and a fetch that is held is one that a reader may still get.
              assert.ok(returned.length <= fetched.length);
            }
            context.release();
            assert.equal(returned.length, fetched.length);
            assert.equal(results.filter(result => result === 0).length, delivered);
            assert.equal(results.filter(result => result === -14).length, dropped);
            assert.ok(results.every(result => [0, -14, -22, -125].includes(result)));
          }),
          { numRuns: 400 },
        );
      });
    }
  }
});

describe("M8, point 4: copyFault 'drop' is the kernel's behaviour", () => {
  it('fetch form: -EFAULT, consumed, counted; the next read gives the next event', () => {
    const { context } = startedRig({ copyFault: 'drop' });
    const driver = new FetchDriver(context);
    for (const byte of [1, 2]) driver.post(byte);
    assert.equal(failedRead(context).length, 1);
    assert.deepEqual(driver.returned, ['1:-14']);
    assert.deepEqual(drain(context), ['driver 2']);
    assert.deepEqual(driver.returned, ['1:-14', '2:0']);
    assert.deepEqual(context.counters, { raised: 2, coalesced: 0, delivered: 1, kept: 0, dropped: 1 });
  });

  it('pull form and generic events: consumed and counted, a batch as a whole', () => {
    const { context } = startedRig({ copyFault: 'drop', eventsPerRead: 10 });
    new PullDriver(context).post(1);
    context.raiseInterrupt(2);
    context.raiseFault(1n, 1n);
    context.raiseAfuError(1n);
    assert.equal(failedRead(context).length, 4);
    assert.equal(context.poll(), 0);
    assert.deepEqual(drain(context), []);
    assert.deepEqual(context.counters, { raised: 4, coalesced: 0, delivered: 0, kept: 0, dropped: 4 });
  });

  it('a batch: one -EFAULT each, in order, outside the atomic section', () => {
    const { context, diagnostics } = startedRig({ copyFault: 'drop', eventsPerRead: 3 });
    const driver = new FetchDriver(context);
    const results: string[] = [];
    driver.eventDelivered = (_context, event, result) => {
      results.push(`${event!.data.join()}:${result}`);
      context.poll();
    };
    for (const byte of [1, 2, 3, 4]) driver.post(byte);
    failedRead(context);
    assert.deepEqual(results, ['1:-14', '2:-14', '3:-14']);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(drain(context), ['driver 4']);
  });

  it('a context that is released while the copy fails: each event is told once and counted once', () => {
    const { context } = startedRig({ copyFault: 'drop' });
    const driver = new FetchDriver(context);
    driver.post(1);
    const bytes = new Uint8Array(4096);
    context.take(bytes, 0, 4096);
    context.release();
    context.putBack(bytes);
    assert.deepEqual(driver.returned, ['1:-14']);
    assert.equal(context.counters.dropped, 1);
  });

  it('an AFU that keeps is the default; there a failed copy fetches nothing new until it is delivered', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    for (const byte of [1, 2, 3]) driver.post(byte);
    for (let i = 0; i < 4; i++) {
      assert.equal(failedRead(context).length, 1);
      assert.equal(context.poll(), READY);
    }
    assert.equal(driver.fetched, 1);
    assert.equal(context.counters.kept, 4);
  });
});

describe('M8, point 4: over-announcement', () => {
  for (const surplus of [1, 2, 1000]) {
    it(`of ${surplus}: the events there are, one diagnostic, the surplus cancelled, nothing of the AFU's waits`, () => {
      const { context, diagnostics } = startedRig({ eventsPerRead: 10 });
      const driver = new FetchDriver(context);
      driver.post(1);
      context.driverEventsPending(surplus);
      context.raiseInterrupt(1);
      context.raiseFault(2n, 2n);
      context.raiseAfuError(3n);
      assert.deepEqual(drain(context), ['driver 1', 'irq 1', 'fault 2/2', 'error 3']);
      assert.deepEqual(blamed(diagnostics), ['driver fetch fetchEvent']);
      assert.match(diagnostics[0]!.problem, new RegExp(`${surplus} more`));
      assert.equal(driver.fetched, 2);
      assert.deepEqual(driver.returned.toSorted(), ['1:0', 'null:-22']);
      driver.post(2);
      assert.deepEqual(drain(context), ['driver 2'], 'what is posted later is not swallowed by the surplus');
      assert.equal(diagnostics.length, 1);
    });
  }

  it('pull form: the count means nothing, and saying yes without having one is one diagnostic', () => {
    const { context, diagnostics } = startedRig();
    let said = true;
    context.setDriverOps({ owner: owner('liar'), eventPending: () => said, deliverEvent: () => undefined as never });
    context.driverEventsPending(1000);
    context.raiseInterrupt(1);
    assert.deepEqual(drain(context), ['irq 1']);
    assert.equal(context.poll(), 0);
    assert.deepEqual(blamed(diagnostics), ['driver liar deliverEvent']);
    said = false;
  });
});

describe('M8, point 4: both forms to the end', () => {
  it('a zero payload is an event of 8 bytes, in either form, also many of them and as the last', () => {
    for (const form of [FetchDriver, PullDriver]) {
      const { context } = startedRig({ eventsPerRead: 3 });
      const driver = new form(context);
      for (let i = 0; i < 4; i++) driver.post();
      const bytes = new Uint8Array(4096);
      assert.equal(context.take(bytes, 0, 4096), 24);
      context.putBack(bytes);
      assert.equal(context.take(bytes, 0, 4096), 24);
      context.commit();
      context.detach();
      assert.deepEqual(drain(context), ['driver ']);
      assert.equal(context.poll(), FAILED);
    }
  });

  it('a driver of either form is never asked after the context is destroyed, nor once it is drained', () => {
    for (const form of ['poll', 'fetch'] as const) {
      const { context } = startedRig();
      let calls = 0;
      const poll = { owner: owner(), eventPending: () => ++calls < 0, deliverEvent: () => ++calls };
      const fetch = {
        owner: owner(),
        fetchEvent: () => {
          calls++;
          return null;
        },
        eventDelivered: () => void calls++,
      };
      context.setDriverOps(form === 'poll' ? poll : fetch);
      context.detach();
      assert.equal(context.poll(), FAILED);
      const before = calls;
      context.driverEventsPending(3);
      for (let i = 0; i < 3; i++) {
        assert.equal(context.poll(), FAILED);
        assert.deepEqual(read(context), []);
      }
      context.release();
      context.driverEventsPending(3);
      codeOf(() => context.poll());
      assert.equal(calls, before);
    }
  });
});
