import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codeOf, drain, driverForms, read, rig, startedRig, work } from './rig.ts';

describe('C3: exactly once and in order', () => {
  it('an interrupt raised many times before it is read is read once, and again after it was read', () => {
    const { context } = startedRig();
    for (let i = 0; i < 5; i++) context.raiseInterrupt(7);
    assert.deepEqual(drain(context), ['irq 7']);
    context.raiseInterrupt(7);
    assert.deepEqual(drain(context), ['irq 7']);
  });

  it('interrupts are read lowest first, whatever order they came in, across the 32-bit words of the bitmap', () => {
    const { context } = startedRig();
    const numbers = [64, 33, 1, 32, 31, 2, 63, 34];
    for (const number of numbers) context.raiseInterrupt(number);
    assert.deepEqual(
      drain(context),
      numbers.toSorted((a, b) => a - b).map(number => `irq ${number}`),
    );
  });

  for (const count of [1, 31, 32, 33, 64, 65]) {
    it(`the last of ${count} interrupts is read as the others, where a word of the bitmap begins or ends`, () => {
      const context = rig().afu.openContext();
      context.start(work(count));
      context.raiseInterrupt(count);
      context.raiseInterrupt(count);
      assert.deepEqual(drain(context), [`irq ${count}`]);
    });
  }

  it('the newest fault replaces an unread one', () => {
    const { context } = startedRig();
    context.raiseFault(0x1000n, 1n);
    context.raiseFault(0x2fffn, 2n);
    assert.deepEqual(drain(context), ['fault 12287/2']);
  });

  it('the first AFU error stays until it is read; what came meanwhile is counted, not kept', () => {
    const { context } = startedRig();
    context.raiseAfuError(1n);
    context.raiseAfuError(2n);
    context.raiseAfuError(3n);
    assert.deepEqual(drain(context), ['error 1']);
    context.raiseAfuError(4n);
    assert.deepEqual(drain(context), ['error 4']);
  });

  it('counts what coalesced: interrupts, replaced faults and later errors', () => {
    const { context } = startedRig();
    for (let i = 0; i < 2; i++) context.raiseInterrupt(1);
    for (let i = 0; i < 2; i++) context.raiseFault(BigInt(i), 1n);
    for (let i = 0; i < 3; i++) context.raiseAfuError(BigInt(i));
    assert.deepEqual(context.counters, { raised: 7, coalesced: 4, delivered: 0, kept: 0, dropped: 0 });
  });

  it('64-bit values are kept whole and modulo 2^64', () => {
    const { context } = startedRig();
    context.raiseFault(-1n, 0x8000_0000_0000_0000n);
    context.raiseAfuError(2n ** 64n + 5n);
    assert.deepEqual(drain(context), [`fault ${2n ** 64n - 1n}/${2n ** 63n}`, 'error 5']);
  });

  for (const [form, make] of driverForms) {
    it(`driver event, then lowest interrupt, fault, error; raised in the opposite order, ${form}`, () => {
      const { context } = startedRig();
      const driver = make(context);
      context.raiseAfuError(1n);
      context.raiseFault(2n, 3n);
      context.raiseInterrupt(9);
      context.raiseInterrupt(4);
      driver.post(5);
      driver.post();
      assert.deepEqual(drain(context), ['driver 5', 'driver ', 'irq 4', 'irq 9', 'fault 2/3', 'error 1']);
      assert.deepEqual(drain(context), []);
    });

    it(`what comes with a higher priority between two reads overtakes, ${form}`, () => {
      const { context } = startedRig();
      const driver = make(context);
      context.raiseFault(1n, 1n);
      context.raiseInterrupt(2);
      assert.equal(read(context).length, 1);
      driver.post(1);
      context.raiseInterrupt(1);
      assert.deepEqual(drain(context), ['driver 1', 'irq 1', 'fault 1/1']);
    });

    it(`hundreds of driver events are read once each, first posted first, ${form}`, () => {
      const { context } = startedRig();
      const driver = make(context);
      const all: string[] = [];
      for (let i = 0; i < 300; i++) {
        driver.post(i & 255, i >> 8);
        if (i % 3 === 0) all.push(...drain(context));
      }
      all.push(...drain(context));
      assert.deepEqual(
        all,
        Array.from({ length: 300 }, (_, i) => `driver ${i & 255},${i >> 8}`),
      );
    });
  }

  it('an interrupt number that the context does not have is EINVAL and raises nothing', () => {
    const { context } = startedRig();
    for (const number of [0, -1, 65, 1.5, Number.NaN, Infinity]) {
      assert.equal(
        codeOf(() => context.raiseInterrupt(number)),
        'EINVAL',
        String(number),
      );
    }
    assert.deepEqual(drain(context), []);
  });

  it('every event carries the process element of its context', () => {
    const { afu, context } = startedRig();
    const other = afu.openContext();
    other.raiseAfuError(1n);
    context.raiseInterrupt(1);
    assert.equal(read(other)[0]!.processElement, other.pe);
    assert.equal(read(context)[0]!.processElement, context.pe);
    assert.notEqual(other.pe, context.pe);
  });
});
