import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Context } from '../../src/core/index.ts';
import { asleep, brief, drain, driverForms, failedRead, FAILED, FetchDriver, read, READY, startedRig } from './rig.ts';

const kinds: Record<string, (context: Context) => void> = {
  'irq 3': context => context.raiseInterrupt(3),
  'fault 16/2': context => context.raiseFault(16n, 2n),
  'error 7': context => context.raiseAfuError(7n),
};

function raiseAll(context: Context): void {
  for (const raise of Object.values(kinds)) raise(context);
}

describe('C4: a generic event whose copy failed is read next', () => {
  for (const [name, raise] of Object.entries(kinds)) {
    it(`${name}: alone, however often the copy fails`, () => {
      const { context } = startedRig();
      raise(context);
      for (let i = 0; i < 3; i++) assert.deepEqual(failedRead(context).map(brief), [name]);
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), [name]);
      assert.equal(context.poll(), 0);
    });

    it(`${name}: before what came since with a higher priority`, () => {
      const { context } = startedRig();
      const driver = new FetchDriver(context);
      raise(context);
      failedRead(context);
      context.raiseInterrupt(1);
      driver.post(9);
      assert.deepEqual(drain(context), [name, 'driver 9', 'irq 1']);
    });

    it(`${name}: is still pending once when it comes again after the failure`, () => {
      const { context } = startedRig();
      raise(context);
      failedRead(context);
      raise(context);
      assert.deepEqual(drain(context), [name]);
      assert.equal(context.poll(), 0);
    });

    it(`${name}: is still there after detach`, () => {
      const { context } = startedRig();
      raise(context);
      failedRead(context);
      context.detach();
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), [name]);
      assert.equal(context.poll(), FAILED);
    });
  }

  it('a fault that comes after the failure replaces the unread one: the newest wins', () => {
    const { context } = startedRig();
    context.raiseFault(1n, 1n);
    failedRead(context);
    context.raiseFault(2n, 2n);
    assert.deepEqual(drain(context), ['fault 2/2']);
  });

  it('an AFU error that comes after the failure does not replace the unread one: the first wins', () => {
    const { context } = startedRig();
    context.raiseAfuError(1n);
    failedRead(context);
    context.raiseAfuError(2n);
    assert.deepEqual(drain(context), ['error 1']);
  });

  it('an AFU error that comes between take and putBack does not replace the unread one either', () => {
    const { context } = startedRig();
    context.raiseAfuError(1n);
    const bytes = new Uint8Array(4096);
    context.take(bytes, 0, 4096);
    context.raiseAfuError(2n);
    context.putBack(bytes);
    assert.equal(drain(context)[0], 'error 1');
  });

  it('a batch is put back as a whole, in its order, and read in its order', () => {
    const { context } = startedRig({ eventsPerRead: 100 });
    raiseAll(context);
    const expected = Object.keys(kinds);
    assert.deepEqual(failedRead(context).map(brief), expected);
    context.raiseInterrupt(1);
    assert.deepEqual(failedRead(context).map(brief), [...expected, 'irq 1']);
    assert.deepEqual(drain(context), [...expected, 'irq 1']);
  });
});

for (const [form, make] of driverForms) {
  describe(`C4: a driver event whose copy failed is read next, ${form}`, () => {
    it('alone, however often the copy fails', () => {
      const { context } = startedRig();
      const driver = make(context);
      driver.post(1, 2, 3);
      driver.post(4);
      for (let i = 0; i < 3; i++) assert.deepEqual(failedRead(context).map(brief), ['driver 1,2,3']);
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), ['driver 1,2,3', 'driver 4']);
    });

    it('an empty one too', () => {
      const { context } = startedRig();
      const driver = make(context);
      driver.post();
      failedRead(context);
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), ['driver ']);
    });

    it('in a batch with generic events: the order of the batch, then what came since', () => {
      const { context } = startedRig({ eventsPerRead: 100 });
      const driver = make(context);
      driver.post(1);
      driver.post(2);
      raiseAll(context);
      const batch = failedRead(context, 64 * 1024).map(brief);
      assert.deepEqual(batch, ['driver 1', 'driver 2', ...Object.keys(kinds)]);
      driver.post(3);
      context.raiseInterrupt(1);
      assert.deepEqual(read(context, 64 * 1024).map(brief), [...batch, 'driver 3', 'irq 1']);
      assert.equal(context.poll(), 0);
    });

    it('a batch put back is read in smaller parts, some of which fail again', () => {
      const { context } = startedRig({ eventsPerRead: 100 });
      const driver = make(context);
      const posted = [1, 2, 3, 4];
      for (const byte of posted) driver.post(...Array.from({ length: 2000 }, () => byte));
      raiseAll(context);
      const batch = failedRead(context, 64 * 1024).map(brief);
      assert.equal(batch.length, 7);
      const parts: string[] = [];
      for (let round = 0; parts.length < 7; round++) {
        assert.ok(round < 20);
        const again = failedRead(context, 4096).map(brief);
        assert.deepEqual(again, batch.slice(parts.length, parts.length + again.length));
        assert.ok(again.length > 0);
        parts.push(...read(context, 4096).map(brief));
      }
      assert.deepEqual(parts, batch);
    });

    it('after detach, too', () => {
      const { context } = startedRig();
      const driver = make(context);
      driver.post(1);
      failedRead(context);
      context.detach();
      assert.deepEqual(drain(context), ['driver 1']);
      assert.equal(context.poll(), FAILED);
    });

    it('when the context was detached between take and putBack', () => {
      const { context } = startedRig();
      const driver = make(context);
      driver.post(1);
      context.raiseInterrupt(2);
      const bytes = new Uint8Array(4096);
      context.take(bytes, 0, 4096);
      const sleeper = asleep(context);
      context.detach();
      context.putBack(bytes);
      assert.equal(sleeper.wakes, 1);
      assert.deepEqual(drain(context), ['driver 1', 'irq 2']);
      assert.equal(context.poll(), FAILED);
    });

    it('new ops keep the generic events that were put back, in order', () => {
      const { context } = startedRig({ eventsPerRead: 100 });
      const driver = make(context);
      driver.post(1);
      raiseAll(context);
      failedRead(context);
      context.raiseInterrupt(1);
      make(context).post(8);
      assert.deepEqual(
        drain(context).filter(event => event !== 'driver 1'),
        [...Object.keys(kinds), 'driver 8', 'irq 1'],
      );
    });
  });
}

describe('C4: new driver ops while an event of the old ones was put back', () => {
  it('fetch form: the old driver gets it back with -ECANCELED, so it knows', () => {
    const { context } = startedRig();
    const former = new FetchDriver(context);
    former.post(1);
    former.post(2);
    failedRead(context);
    const next = new FetchDriver(context);
    assert.deepEqual(former.returned, ['1:-125']);
    assert.equal(context.poll(), 0);
    next.post(3);
    assert.deepEqual(drain(context), ['driver 3']);
    assert.deepEqual(former.queue.length, 1);
  });

  it('pull form: the event is still read, since the old driver has forgotten it', () => {
    const { context } = startedRig();
    const [, pull] = driverForms[1]!;
    pull(context).post(1);
    failedRead(context);
    pull(context);
    assert.deepEqual(drain(context), ['driver 1']);
  });
});
