import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Context, CxlError } from '../../src/core/index.ts';
import { brief, codeOf, driverForms, failedRead, FetchDriver, read, READY, rig, startedRig, work } from './rig.ts';

/** A context whose attach raised interrupt 1, let something happen and failed. */
const failedAttach = (between: (context: Context) => void): Context => {
  const { afu, backend } = rig();
  const context = afu.openContext();
  backend.onAttach = () => {
    context.raiseInterrupt(1);
    between(context);
    throw new CxlError('EPERM', 'attach');
  };
  assert.equal(
    codeOf(() => context.start(work())),
    'EPERM',
  );
  backend.onAttach = () => {};
  return context;
};

describe('C1: POLLIN means that the next read returns an event', () => {
  it('says 0 for OPENED and for STARTED with nothing pending', () => {
    const { afu } = rig();
    const context = afu.openContext();
    assert.equal(context.poll(), 0);
    context.start(work());
    assert.equal(context.poll(), 0);
    assert.deepEqual(read(context), []);
  });

  const sources = {
    interrupt: (context: Context) => context.raiseInterrupt(64),
    fault: (context: Context) => context.raiseFault(1n, 2n),
    error: (context: Context) => context.raiseAfuError(3n),
  };
  for (const [name, raise] of Object.entries(sources)) {
    it(`is POLLIN|POLLRDNORM for one pending ${name} until it is read, however often it is asked`, () => {
      const { context } = startedRig();
      raise(context);
      assert.deepEqual([context.poll(), context.poll()], [READY, READY]);
      assert.equal(read(context).length, 1);
      assert.equal(context.poll(), 0);
      assert.deepEqual(read(context), []);
    });
  }

  for (const [form, make] of driverForms) {
    it(`is POLLIN|POLLRDNORM for one driver event until it is read, ${form}`, () => {
      const { context } = startedRig();
      const driver = make(context);
      assert.equal(context.poll(), 0);
      driver.post(1, 2);
      assert.deepEqual([context.poll(), context.poll()], [READY, READY]);
      assert.deepEqual(read(context).map(brief), ['driver 1,2']);
      assert.equal(context.poll(), 0);
      assert.deepEqual(read(context), []);
    });
  }

  it('a driver that announced events it does not have makes no false ready', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    context.driverEventsPending(3);
    assert.equal(context.poll(), 0);
    assert.deepEqual(read(context), []);
    assert.equal(driver.fetched, 1);
    assert.deepEqual(driver.returned, ['null:-22']);
  });

  it('the event that poll had fetched is the one that read gives, fetched once', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    driver.post(1);
    driver.post(2);
    for (let i = 0; i < 5; i++) assert.equal(context.poll(), READY);
    assert.equal(driver.fetched, 1);
    assert.deepEqual(read(context).map(brief), ['driver 1']);
    assert.deepEqual(driver.returned, ['1:0']);
  });

  it('an interrupt that comes again during a failed read is pending once (raise between take and putBack)', () => {
    const { context } = startedRig();
    context.raiseInterrupt(5);
    const bytes = new Uint8Array(4096);
    context.take(bytes, 0, 4096);
    context.raiseInterrupt(5);
    context.putBack(bytes);
    assert.deepEqual(read(context).map(brief), ['irq 5']);
    assert.equal(context.poll(), 0, 'POLLIN with nothing to read');
    assert.deepEqual(read(context), []);
  });

  it('an interrupt of an attach that failed is gone with it, also after the retry', () => {
    const context = failedAttach(() => {});
    assert.equal(context.poll(), 0);
    assert.deepEqual(read(context), []);
    context.start(work());
    assert.equal(context.poll(), 0);
  });

  it('an interrupt of an attach that failed is gone with it, also when a read of it had failed', () => {
    const context = failedAttach(failedRead);
    assert.equal(context.poll(), 0);
    assert.deepEqual(read(context), []);
    assert.equal(context.poll(), 0);
  });
});
