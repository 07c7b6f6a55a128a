import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brief, codeOf, drain, failedRead, owner, read, READY, startedRig } from './rig.ts';
import { MAX_LARGE_EVENT_DATA, type CxlEvent } from '../../src/abi/index.ts';
import type { Context, DriverModule, DriverOpsForm } from '../../src/core/index.ts';
import { CxlFile } from '../../src/file/index.ts';

const LARGE = 65_535;

/** Sets ops of a form that allow payloads of `maxDataSize` bytes; the result posts payloads. */
function largeDriver(
  context: Context,
  form: DriverOpsForm,
  maxDataSize: number | undefined,
  module: DriverModule = owner('large'),
): (payload: Uint8Array) => void {
  const queue: Uint8Array[] = [];
  const limit = { owner: module, maxDataSize };
  if (form === 'poll') {
    context.setDriverOps({
      ...limit,
      eventPending: () => queue.length > 0,
      deliverEvent(_context, buffer, offset) {
        const payload = queue.shift()!;
        buffer.set(payload, offset);
        return payload.length;
      },
    });
  } else {
    context.setDriverOps({
      ...limit,
      fetchEvent() {
        const data = queue.shift();
        return data ? { dataSize: data.length, data } : null;
      },
      eventDelivered() {},
    });
  }
  return payload => {
    queue.push(payload);
    context.driverEventsPending(form === 'poll' ? 0 : 1);
  };
}

const bytesOf = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => (i * 7) & 255);

function sameBytes(event: CxlEvent | undefined, payload: Uint8Array): void {
  assert.ok(event?.type === 'afu-driver');
  assert.equal(event.size, payload.length + 8);
  assert.equal(Buffer.compare(event.data, payload), 0);
}

for (const form of ['poll', 'fetch'] as const) {
  describe(`M8, point 5: larger events, ${form} form`, () => {
    it('the largest payload is what a 16-bit size allows, 65,527 bytes: it arrives whole, with its size in the header', () => {
      assert.equal(MAX_LARGE_EVENT_DATA, LARGE - 8);
      for (const size of [4089, 40_000, LARGE - 8]) {
        const { context } = startedRig();
        largeDriver(context, form, LARGE - 8)(bytesOf(size));
        assert.equal(context.poll(), READY);
        const buffer = new Uint8Array(70_000).fill(0xa5);
        const taken = context.take(buffer, 100, 65_536);
        context.commit();
        assert.equal(taken, size + 8);
        assert.equal(new DataView(buffer.buffer).getUint16(102, true), size + 8);
        assert.equal(Buffer.compare(buffer.subarray(108, 108 + size), bytesOf(size)), 0);
        assert.ok(buffer.subarray(100 + taken).every(byte => byte === 0xa5));
      }
    });

    it('more than its maximum is one diagnostic and no event', () => {
      const { context, diagnostics } = startedRig();
      largeDriver(context, form, 5000)(bytesOf(5001));
      assert.deepEqual(drain(context, 65_536), []);
      assert.equal(diagnostics.filter(({ problem }) => problem.includes('5001')).length, 1);
    });

    it('a buffer too small for the next event: EMSGSIZE, the event stays and nothing overtakes it', () => {
      const { context } = startedRig({ eventsPerRead: 5 });
      const post = largeDriver(context, form, 20_000);
      post(bytesOf(10_000));
      post(bytesOf(5));
      context.raiseInterrupt(1);
      for (const room of [4096, 8192, 10_007]) {
        assert.equal(context.poll(), READY);
        assert.equal(
          codeOf(() => read(context, room)),
          'EMSGSIZE',
        );
      }
      const events = read(context, 10_008);
      sameBytes(events[0], bytesOf(10_000));
      assert.equal(events.length, 1);
      assert.deepEqual(drain(context), [`driver ${bytesOf(5).join()}`, 'irq 1']);
    });

    it('EMSGSIZE leaves the context unlocked, its waiters asleep and its counters as they were', () => {
      const { context } = startedRig();
      const post = largeDriver(context, form, 20_000);
      post(bytesOf(10_000));
      context.poll();
      codeOf(() => read(context));
      const counters = { ...context.counters };
      codeOf(() => read(context));
      assert.deepEqual({ ...context.counters }, counters);
      context.raiseInterrupt(2);
      sameBytes(read(context, 65_536)[0], bytesOf(10_000));
      assert.deepEqual(drain(context), ['irq 2']);
    });

    it('a batch ends before an event that does not fit any more; that is the first of the next read', () => {
      const { context } = startedRig({ eventsPerRead: 5 });
      const post = largeDriver(context, form, 20_000);
      post(bytesOf(3));
      post(bytesOf(10_000));
      context.raiseInterrupt(1);
      assert.deepEqual(read(context, 4096).map(brief), [`driver ${bytesOf(3).join()}`]);
      assert.equal(
        codeOf(() => read(context, 4096)),
        'EMSGSIZE',
      );
      assert.equal(read(context, 65_536).length, 2);
    });

    it('a large event that was put back is put back whole, survives detach, and is EMSGSIZE for a small reader', () => {
      const { context } = startedRig();
      const post = largeDriver(context, form, 20_000);
      post(bytesOf(15_000));
      assert.equal(failedRead(context, 65_536).length, 1);
      context.detach();
      assert.equal(
        codeOf(() => read(context)),
        'EMSGSIZE',
      );
      sameBytes(read(context, 65_536)[0], bytesOf(15_000));
    });

    it('a payload over 32 bytes warns of libcxl once for each module, whatever the context; up to 32 never', () => {
      const { afu, context, diagnostics } = startedRig();
      const [module, other] = [owner('large'), owner('other')];
      const post = largeDriver(context, form, undefined, module);
      post(bytesOf(32));
      drain(context);
      assert.equal(diagnostics.length, 0);
      post(bytesOf(33));
      post(bytesOf(100));
      drain(context);
      const second = afu.openContext();
      largeDriver(second, form, undefined, module)(bytesOf(100));
      drain(second);
      assert.deepEqual(
        diagnostics.map(({ source, problem }) => [source, /libcxl/.test(problem)]),
        [['driver large', true]],
      );
      const third = afu.openContext();
      largeDriver(third, form, undefined, other)(bytesOf(33));
      assert.equal(drain(third).length, 1, 'a warning sets nothing aside');
      assert.equal(diagnostics.length, 2);
    });

    it('afu.largestEvent is 4096, or what the largest of the open contexts needs', () => {
      const { afu, context } = startedRig();
      assert.equal(afu.largestEvent, 4096);
      largeDriver(context, form, 10);
      assert.equal(afu.largestEvent, 4096);
      const other = afu.openContext();
      largeDriver(other, form, 20_000);
      assert.equal(afu.largestEvent, 20_008);
      largeDriver(other, form, LARGE - 8);
      assert.equal(afu.largestEvent, LARGE);
      other.release();
      assert.equal(afu.largestEvent, 4096);
    });

    it('through an open file: readSync and read are EMSGSIZE until the buffer is large enough, events() gives it', async () => {
      const { context } = startedRig();
      const file = new CxlFile(context);
      const post = largeDriver(context, form, 20_000);
      const waiting = file.read(new Uint8Array(4096));
      post(bytesOf(9000));
      await assert.rejects(waiting, { code: 'EMSGSIZE', syscall: 'read' });
      assert.throws(() => file.readSync(new Uint8Array(9007)), { code: 'EMSGSIZE' });
      assert.equal(file.readSync(new Uint8Array(9008)), 9008);
      post(bytesOf(9000));
      const { value } = await file.events().next();
      sameBytes(value ?? undefined, bytesOf(9000));
    });
  });
}

describe('M8, point 5: a large event of a driver whose callback reads another context', () => {
  for (const [mine, others] of [
    [9000, 9000],
    [9000, 30_000],
  ] as const) {
    it(`pull form, ${mine} bytes beside ${others}: each reader gets the bytes of its own context`, () => {
      const { afu, context } = startedRig();
      const other = afu.openContext();
      largeDriver(other, 'poll', others)(new Uint8Array(others).fill(2));
      const payload = new Uint8Array(mine).fill(1);
      let left = 1;
      context.setDriverOps({
        owner: owner('nested'),
        maxDataSize: mine,
        eventPending: () => left > 0,
        deliverEvent(_context, buffer, offset) {
          left--;
          buffer.set(payload, offset);
          // Another context may be read in here.
          codeOf(() => read(other));
          return mine;
        },
      });
      assert.equal(
        codeOf(() => read(context)),
        'EMSGSIZE',
      );
      sameBytes(read(context, 65_536)[0], payload);
      sameBytes(read(other, 65_536)[0], new Uint8Array(others).fill(2));
    });
  }
});
