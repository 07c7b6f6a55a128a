import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { localMemory } from '../../src/afu/index.ts';
import {
  type AfuDriver,
  contextEventsPending,
  defineDriver,
  getPriv,
  processElement,
  setDriverOps,
  setPriv,
  startWork,
  stopContext,
} from '../../src/driver/index.ts';
import { asleep, codeOf, drain, owner, rig, startedRig } from '../core/rig.ts';

describe('the kernel API', () => {
  it('setDriverOps registers, contextEventsPending announces and wakes', () => {
    const { context } = startedRig();
    const events = [{ dataSize: 1, data: Uint8Array.of(4) }];
    setDriverOps(context, { owner: owner(), fetchEvent: () => events.shift() ?? null, eventDelivered() {} });
    const sleeper = asleep(context);
    contextEventsPending(context, 1);
    assert.equal(sleeper.wakes, 1);
    assert.deepEqual(drain(context), ['driver 4']);
  });

  it('contextEventsPending refuses what is no count with EINVAL', () => {
    const { context } = startedRig();
    for (const count of [-1, 1.5, Number.NaN]) {
      assert.equal(
        codeOf(() => contextEventsPending(context, count)),
        'EINVAL',
      );
    }
  });

  it('a diagnostic names the driver of the AFU', () => {
    const { afu, diagnostics } = rig({ driver: defineDriver({ name: 'mine' }) });
    const context = afu.openContext();
    assert.equal(
      codeOf(() => setDriverOps(context, {} as never)),
      'EINVAL',
    );
    setDriverOps(context, { owner: afu.driver!, fetchEvent: () => null, eventDelivered() {} });
    contextEventsPending(context, 1);
    context.poll();
    assert.deepEqual(
      diagnostics.map(diagnostic => diagnostic.source),
      ['driver mine', 'driver mine'],
    );
  });

  it('setPriv keeps anything with the context, getPriv gives it back', () => {
    const { afu, context } = startedRig();
    const other = afu.openContext();
    const value = { mine: true };
    assert.equal(getPriv(context), undefined);
    setPriv(context, value);
    assert.equal(getPriv(context), value);
    assert.equal(getPriv(other), undefined);
  });

  it('processElement is what events carry', () => {
    const { afu, context } = startedRig();
    assert.deepEqual([processElement(context), processElement(afu.openContext())], [0, 1]);
  });
});

describe('startWork of a driver', () => {
  it('gives the AFU the memory that an opener has, until the work is over', () => {
    const context = rig().afu.openContext();
    let closed = 0;
    const memory = { ...localMemory(new Uint8Array(16), 0x1000n), close: () => void closed++ };
    startWork(context, { wed: 0x1000n, pid: 7, memory });
    assert.deepEqual([context.work?.memory, context.work?.pid, closed], [memory, 7, 0]);
    stopContext(context);
    assert.equal(closed, 1);
  });
});

describe('defineDriver', () => {
  it('returns the driver itself, whole or with a name alone', () => {
    const whole: AfuDriver = { name: 'd', open() {}, release() {}, controls: () => ({}) };
    for (const driver of [whole, { name: 'd' }]) assert.equal(defineDriver(driver), driver);
  });

  const wrong: Record<string, object> = {
    'no name': {},
    'an empty name': { name: '' },
    'a number as name': { name: 3 },
    'open no function': { name: 'd', open: true },
    'release no function': { name: 'd', release: null },
    'controls no function': { name: 'd', controls: {} },
  };
  for (const [name, driver] of Object.entries(wrong)) {
    it(`${name}: EINVAL`, () => {
      assert.equal(
        codeOf(() => defineDriver(driver as AfuDriver)),
        'EINVAL',
      );
    });
  }

  it('one driver object serves several AFUs', () => {
    const opened: string[] = [];
    const driver = defineDriver({ name: 'd', open: context => void opened.push(context.afu.name) });
    rig({ driver }).afu.openContext();
    rig({ driver }).afu.openContext();
    assert.equal(opened.length, 2);
  });
});
