import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { takeForRead } from '../../src/file/index.ts';
import { asleep, codeOf, drain, driverForms, FAILED, READY, rig, startedRig, work } from './rig.ts';

describe('C5: drain, then error', () => {
  for (const [form, make] of driverForms) {
    it(`after detach everything pending is read in its order, then EIO and POLLERR alone for ever, ${form}`, () => {
      const { context } = startedRig();
      const driver = make(context);
      context.raiseAfuError(1n);
      context.raiseInterrupt(3);
      driver.post(1);
      driver.post(2);
      context.detach();
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), ['driver 1', 'driver 2', 'irq 3', 'error 1']);
      for (let i = 0; i < 3; i++) {
        assert.equal(context.poll(), FAILED);
        assert.equal(
          codeOf(() => takeForRead(context, new Uint8Array(4096), 0, 4096)),
          'EIO',
        );
      }
    });

    it(`link loss: POLLERR and EIO at once though events are queued, which are read when the link is back, ${form}`, () => {
      const { adapter, context } = startedRig();
      const driver = make(context);
      driver.post(1);
      context.raiseInterrupt(3);
      adapter.loseLink();
      assert.equal(context.poll(), FAILED);
      assert.equal(
        codeOf(() => takeForRead(context, new Uint8Array(4096), 0, 4096)),
        'EIO',
      );
      adapter.restoreLink();
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), ['driver 1', 'irq 3']);
      assert.equal(context.poll(), FAILED);
      assert.equal(context.status, 'CLOSED');
    });
  }

  it('what is raised after detach does not count', () => {
    const { context } = startedRig();
    context.detach();
    context.raiseInterrupt(1);
    context.raiseInterrupt(1000);
    context.raiseFault(1n, 1n);
    context.raiseAfuError(1n);
    assert.equal(context.poll(), FAILED);
    assert.deepEqual(drain(context), []);
  });

  it('what the backend raises while it is being detached does not count', () => {
    const { context, backend } = startedRig();
    backend.onDetach = each => {
      each.raiseInterrupt(1);
      each.raiseFault(1n, 2n);
      each.raiseAfuError(3n);
    };
    context.detach();
    assert.equal(context.poll(), FAILED);
    assert.deepEqual(drain(context), []);
  });

  it('an interrupt pending at detach is read as itself, and once: no bogus interrupt 1 as in the kernel', () => {
    const { context } = startedRig();
    context.raiseInterrupt(40);
    context.detach();
    assert.deepEqual(drain(context), ['irq 40']);
    assert.equal(context.poll(), FAILED);
  });

  it('detach wakes readers of a started context, and of one that was never started', () => {
    const { afu } = rig();
    for (const start of [true, false]) {
      const context = afu.openContext();
      if (start) context.start(work());
      const sleeper = asleep(context, () => assert.equal(context.poll(), FAILED));
      afu.detachAll();
      assert.equal(sleeper.wakes, 1);
      context.release();
    }
  });

  it('detach is idempotent: the backend is told once, only if it was started', () => {
    const { afu, backend, context } = startedRig();
    const never = afu.openContext();
    never.detach();
    context.detach();
    context.detach();
    context.release();
    context.release();
    assert.deepEqual(backend.detached, [context.pe]);
  });

  it('a CLOSED context cannot be started again', () => {
    const { context } = startedRig();
    context.detach();
    assert.equal(
      codeOf(() => context.start(work())),
      'EIO',
    );
    assert.equal(context.status, 'CLOSED');
  });

  it('a link that is lost during attach leaves the context CLOSED', () => {
    const { adapter, afu, backend } = rig();
    const context = afu.openContext();
    backend.onAttach = () => adapter.loseLink();
    codeOf(() => context.start(work()));
    assert.equal(context.status, 'CLOSED');
    adapter.restoreLink();
    assert.equal(context.poll(), FAILED);
  });

  it('a detach in one waiter during a wake reaches the other waiters', () => {
    const { context } = startedRig();
    const masks: number[] = [];
    asleep(context, () => context.detach());
    asleep(context, () => void masks.push(context.poll()));
    context.raiseInterrupt(1);
    assert.deepEqual(masks, [READY]);
    drain(context);
    assert.equal(context.poll(), FAILED);
  });
});
