import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decodeEvents } from '../../src/abi/index.ts';
import type { Context } from '../../src/core/index.ts';
import { brief, drain, driverForms, FetchDriver, PullDriver, read, startedRig } from './rig.ts';

/** Takes into the middle of a larger buffer and proves that nothing around what was returned is touched. */
function guardedTake(context: Context, room: number, most?: number): { size: number; events: string[] } {
  const before = 24;
  const bytes = new Uint8Array(before + room + 64).fill(0xa5);
  const size = context.take(bytes, before, room, most);
  if (size > 0) context.commit();
  assert.ok(size <= room, `${size} bytes for a room of ${room}`);
  assert.ok(
    bytes.subarray(0, before).every(byte => byte === 0xa5),
    'written before the buffer',
  );
  assert.ok(
    bytes.subarray(before + size).every(byte => byte === 0xa5),
    'written beyond what was returned',
  );
  return { size, events: decodeEvents(bytes.subarray(before), size).map(brief) };
}

describe('C8: whole events', () => {
  it('one per read by default, however much room there is', () => {
    const { context } = startedRig();
    for (let i = 1; i <= 3; i++) context.raiseInterrupt(i);
    assert.deepEqual(guardedTake(context, 64 * 1024), { size: 16, events: ['irq 1'] });
  });

  it('eventsPerRead is the most that one read returns', () => {
    const { context } = startedRig({ eventsPerRead: 3 });
    for (let i = 1; i <= 7; i++) context.raiseInterrupt(i);
    assert.deepEqual(
      [read(context), read(context), read(context), read(context)].map(events => events.length),
      [3, 3, 1, 0],
    );
  });

  it('a batch never exceeds the room: 4096 bytes hold 256 interrupts, and the rest stays', () => {
    const { afu } = startedRig({ eventsPerRead: 1000 });
    const context = afu.openContext();
    context.start({ wed: 0n, amr: 0n, interrupts: 300, mmioErrorsAllOnes: false, pid: 1 });
    for (let i = 1; i <= 300; i++) context.raiseInterrupt(i);
    assert.equal(guardedTake(context, 4096).size, 4096);
    assert.equal(guardedTake(context, 4096).size, 44 * 16);
  });

  for (const room of [4096, 4097, 4103, 4104, 4111, 4112, 8191, 8192]) {
    it(`fetch form, ${room} bytes: a 4088 byte event and as many small ones as fit behind it`, () => {
      const { context } = startedRig({ eventsPerRead: 100 });
      const driver = new FetchDriver(context);
      driver.post(...Array.from({ length: 4088 }, () => 1));
      for (let i = 0; i < 3; i++) driver.post();
      const { size } = guardedTake(context, room);
      assert.equal(size, 4096 + 8 * Math.min(3, Math.floor((room - 4096) / 8)));
      assert.equal(driver.returned.length, (size - 4088) / 8);
    });

    it(`pull form, ${room} bytes: what does not fit any more is asked for all the same, kept and not overtaken`, () => {
      const { context } = startedRig({ eventsPerRead: 100 });
      const driver = new PullDriver(context);
      driver.post(...Array.from({ length: 4088 }, () => 1));
      driver.post(2);
      context.raiseInterrupt(1);
      const { size } = guardedTake(context, room);
      assert.equal(size, room < 4105 ? 4096 : room < 4121 ? 4105 : 4121);
      assert.deepEqual(drain(context), ['driver 2', 'irq 1'].slice(size === 4096 ? 0 : size === 4105 ? 1 : 2));
    });
  }

  for (const [form, make] of driverForms) {
    it(`a driver event that does not fit is not overtaken by a smaller event of lower priority, ${form}`, () => {
      const { context } = startedRig({ eventsPerRead: 100 });
      const driver = make(context);
      driver.post(1);
      driver.post(...Array.from({ length: 4088 }, () => 2));
      context.raiseInterrupt(1);
      assert.deepEqual(guardedTake(context, 4096).events, ['driver 1']);
      assert.equal(guardedTake(context, 4096).size, 4096);
      assert.deepEqual(guardedTake(context, 4096).events, ['irq 1']);
    });

    it(`any payloads, any room, any batch: each read is whole, inside its room, and together they are all, ${form}`, () => {
      const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 4088 })), {
        maxLength: 12,
      });
      fc.assert(
        fc.property(
          sizes,
          fc.integer({ min: 4096, max: 12_300 }),
          fc.integer({ min: 1, max: 20 }),
          (all, room, most) => {
            const { context } = startedRig({ eventsPerRead: most });
            const driver = make(context);
            all.forEach((size, i) => driver.post(...Array.from({ length: size }, () => i)));
            const got: number[] = [];
            for (let next = guardedTake(context, room); next.size > 0; next = guardedTake(context, room)) {
              assert.ok(next.events.length <= most);
              got.push(...next.events.map(event => (event === 'driver ' ? 0 : event.split(',').length)));
            }
            assert.deepEqual(got, all);
          },
        ),
        { numRuns: 60 },
      );
    });
  }

  it('`most` of take limits one read below eventsPerRead', () => {
    const { context } = startedRig({ eventsPerRead: 100 });
    for (let i = 1; i <= 3; i++) context.raiseInterrupt(i);
    assert.deepEqual(guardedTake(context, 4096, 1).events, ['irq 1']);
    assert.deepEqual(guardedTake(context, 4096).events, ['irq 2', 'irq 3']);
  });
});
