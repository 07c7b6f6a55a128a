import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DriverEvent } from '../../src/core/index.ts';
import { asleep, blamed, drain, failedRead, FetchDriver, owner, read, startedRig } from './rig.ts';

describe('C4: exactly one eventDelivered for each fetch', () => {
  it('0 once the reader has it, not before', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    driver.post(1);
    const bytes = new Uint8Array(4096);
    context.take(bytes, 0, 4096);
    assert.deepEqual(driver.returned, []);
    context.commit();
    assert.deepEqual(driver.returned, ['1:0']);
    context.release();
    assert.deepEqual(driver.returned, ['1:0']);
  });

  it('nothing while it is put back; one 0 after all', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    driver.post(1);
    failedRead(context);
    failedRead(context);
    assert.deepEqual(driver.returned, []);
    assert.equal(driver.fetched, 1);
    drain(context);
    assert.deepEqual(driver.returned, ['1:0']);
  });

  it('a batch: one 0 each, in the order of the fetches', () => {
    const { context } = startedRig({ eventsPerRead: 10 });
    const driver = new FetchDriver(context);
    for (const byte of [1, 2, 3]) driver.post(byte);
    read(context);
    assert.deepEqual(driver.returned, ['1:0', '2:0', '3:0']);
  });

  it('an event that did not fit the batch is given back only when it was read', () => {
    const { context } = startedRig({ eventsPerRead: 10 });
    const driver = new FetchDriver(context);
    driver.post(1);
    driver.post(...Array.from({ length: 4088 }, () => 2));
    assert.equal(read(context).length, 1);
    assert.deepEqual(driver.returned, ['1:0']);
    assert.equal(driver.fetched, 2);
    assert.equal(read(context)[0]!.size, 4096);
    assert.equal(driver.returned.length, 2);
  });

  it('-ECANCELED for what is held when the file is closed; what was never fetched is not called back', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    driver.post(1);
    driver.post(2);
    context.poll();
    context.release();
    assert.deepEqual(driver.returned, ['1:-125']);
  });

  it('-ECANCELED for a batch that was put back, in order, when the file is closed', () => {
    const { context } = startedRig({ eventsPerRead: 10 });
    const driver = new FetchDriver(context);
    for (const byte of [1, 2, 3]) driver.post(byte);
    failedRead(context);
    context.release();
    assert.deepEqual(driver.returned, ['1:-125', '2:-125', '3:-125']);
  });

  it('-EINVAL for null and for an event of 4089 bytes, after the atomic section', () => {
    const { context } = startedRig();
    const large = { dataSize: 4089, data: new Uint8Array(5000) };
    const answers: (DriverEvent | null)[] = [null, large];
    const returned: [DriverEvent | null, number][] = [];
    context.setDriverOps({
      owner: owner(),
      fetchEvent: () => answers.shift()!,
      eventDelivered(_context, event, result) {
        // Outside the atomic section the context may be asked.
        assert.equal(context.poll(), 0);
        returned.push([event, result]);
      },
    });
    for (let i = 0; i < 2; i++) {
      context.driverEventsPending(1);
      context.poll();
    }
    assert.deepEqual(returned, [
      [null, -22],
      [large, -22],
    ]);
  });

  it('4088 bytes arrive whole and dataSize, not the memory, is the length', () => {
    const { context } = startedRig();
    const data = Uint8Array.from({ length: 5000 }, (_, i) => i & 255);
    const events = [
      { dataSize: 4088, data },
      { dataSize: 3, data },
    ];
    context.setDriverOps({ owner: owner(), fetchEvent: () => events.shift() ?? null, eventDelivered() {} });
    context.driverEventsPending(2);
    const [first] = read(context);
    assert.ok(first!.type === 'afu-driver' && Buffer.from(first!.data).equals(data.subarray(0, 4088)));
    assert.deepEqual(drain(context), ['driver 0,1,2']);
  });

  it('a waiter that fails while new ops are set does not cost the old driver its eventDelivered', () => {
    const { context, diagnostics } = startedRig();
    const former = new FetchDriver(context);
    former.post(1);
    context.poll();
    asleep(context, () => {
      throw new Error('mine');
    });
    const next = new FetchDriver(context);
    assert.equal(context.driverOps, next);
    assert.deepEqual(blamed(diagnostics), ['a waiter wake']);
    assert.deepEqual(former.returned, ['1:-125']);
  });
});
