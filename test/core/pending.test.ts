/* What is pending on a context, by kind: seen without being touched. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  codeOf,
  drain,
  driverForms,
  failedRead,
  FetchDriver,
  owner,
  PullDriver,
  read,
  startedRig,
  work,
} from './rig.ts';

const nothing = { driver: 0, interrupts: [], fault: false, error: false };

describe('what is pending', () => {
  it('nothing, before and after', () => {
    const { context } = startedRig();
    assert.deepEqual(context.pending, nothing);
    context.raiseInterrupt(1);
    read(context);
    assert.deepEqual(context.pending, nothing);
  });

  it('interrupts by their numbers, lowest first, whatever their word; a fault; an error', () => {
    const { afu } = startedRig();
    const context = afu.openContext();
    context.start(work(100));
    for (const irq of [100, 33, 32, 64, 1, 65]) context.raiseInterrupt(irq);
    assert.deepEqual(context.pending, { ...nothing, interrupts: [1, 32, 33, 64, 65, 100] });
    context.raiseFault(1n, 1n);
    context.raiseAfuError(1n);
    const all = { driver: 0, interrupts: [1, 32, 33, 64, 65, 100], fault: true, error: true };
    assert.deepEqual(context.pending, all);
    failedRead(context);
    assert.deepEqual(context.pending, all, 'also what a reader gave back');
    assert.equal(drain(context).length, 8);
  });

  it('fetch form: as many driver events as were announced, and none is fetched for it', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    for (const payload of [1, 2, 3]) driver.post(payload);
    assert.deepEqual([context.pending.driver, driver.fetched], [3, 0]);
    context.poll();
    assert.deepEqual([context.pending.driver, driver.fetched], [3, 1]);
    failedRead(context);
    assert.equal(context.pending.driver, 3);
    read(context);
    assert.deepEqual([context.pending.driver, driver.fetched], [2, 1]);
  });

  it('pull form: 1 for any number of them', () => {
    const { context } = startedRig();
    const driver = new PullDriver(context);
    assert.equal(context.pending.driver, 0);
    driver.post(1);
    driver.post(2);
    assert.deepEqual([context.pending.driver, driver.queue.length], [1, 2]);
  });

  for (const [form, make] of driverForms) {
    it(`${form}: an event of nobody’s counts as well`, () => {
      const { context } = startedRig();
      make(context).post(1);
      context.raiseDriverEvent(Uint8Array.of(9));
      assert.equal(context.pending.driver, 2);
      assert.deepEqual(drain(context), ['driver 9', 'driver 1']);
    });

    it(`${form}: also after detach, until it is drained; nothing after the last close`, () => {
      const { context } = startedRig();
      make(context).post(1);
      context.raiseInterrupt(2);
      context.detach();
      assert.deepEqual(context.pending, { ...nothing, driver: 1, interrupts: [2] });
      drain(context);
      assert.deepEqual(context.pending, nothing);
      context.release();
      assert.deepEqual(context.pending, nothing);
    });
  }

  it('EDEADLK from within a callback', () => {
    const { context } = startedRig();
    const codes: (string | undefined)[] = [];
    context.setDriverOps({
      owner: owner(),
      eventPending: () => {
        codes.push(codeOf(() => context.pending));
        return false;
      },
      deliverEvent: () => 0,
    });
    context.poll();
    assert.deepEqual(codes, ['EDEADLK']);
  });

  it('the interrupts that no context has', () => {
    const { adapter, context } = startedRig();
    assert.equal(adapter.freeIrqs, adapter.userIrqs - 64);
    context.release();
    assert.equal(adapter.freeIrqs, adapter.userIrqs);
  });
});
