import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DriverOps } from '../../src/core/index.ts';
import {
  asleep,
  codeOf,
  drain,
  driverForms,
  failedRead,
  FetchDriver,
  owner,
  PullDriver,
  read,
  READY,
  rig,
  startedRig,
} from './rig.ts';

const mine = owner('bad');
const nothing = (): void => {};
const eventPending = (): boolean => true;
const deliverEvent = (): number => 0;
const fetchEvent = (): null => null;
const asyncFetch = async (): Promise<null> => Promise.resolve(null);

/** What a JavaScript caller can hand over although TypeScript says no; the objects have an owner beside this. */
const refused: Record<string, unknown> = {
  null: null,
  undefined: undefined,
  'a number': 3,
  'a function': nothing,
  'an empty object': {},

  'eventPending alone': { eventPending },
  'deliverEvent alone': { deliverEvent },
  'fetchEvent alone': { fetchEvent },
  'eventDelivered alone': { eventDelivered: nothing },
  'eventPending null': { eventPending: null, deliverEvent },
  'deliverEvent a string': { eventPending, deliverEvent: 'deliver' },
  'eventDelivered null': { fetchEvent, eventDelivered: null },
  'one callback of each form': { eventPending, eventDelivered: nothing },
  'both forms whole': { eventPending, deliverEvent, fetchEvent, eventDelivered: nothing },
  'one form whole and half the other': { fetchEvent, eventDelivered: nothing, deliverEvent },
  'async eventPending': { eventPending: asyncFetch, deliverEvent },
  'async deliverEvent': { eventPending, deliverEvent: asyncFetch },
  'async fetchEvent': { fetchEvent: asyncFetch, eventDelivered: nothing },
  'async eventDelivered': { fetchEvent, eventDelivered: asyncFetch },
};

describe('M3: driver ops that are not whole are refused', () => {
  for (const [name, given] of Object.entries(refused)) {
    const isObject = typeof given === 'object' && given !== null;
    const ops = isObject ? { owner: mine, ...given } : given;
    it(`${name}: EINVAL, one diagnostic, and the ops before stay in force with what they announced`, () => {
      const { context, diagnostics } = startedRig();
      const driver = new FetchDriver(context);
      driver.post(1);
      driver.post(2);
      context.poll();
      const sleeper = asleep(context);
      assert.equal(
        codeOf(() => context.setDriverOps(ops as DriverOps)),
        'EINVAL',
      );
      assert.deepEqual(
        diagnostics.map(({ source, callback, context: where }) => [source, callback, where]),
        [[isObject ? 'driver bad' : 'driver unknown', 'setDriverOps', context]],
      );
      assert.deepEqual(driver.returned, []);
      assert.equal(sleeper.wakes, 0);
      assert.deepEqual(drain(context), ['driver 1', 'driver 2']);
    });

    it(`${name}: on a context without ops nothing is registered`, () => {
      const { context } = startedRig();
      assert.equal(
        codeOf(() => context.setDriverOps(ops as DriverOps)),
        'EINVAL',
      );
      context.driverEventsPending(1);
      context.raiseInterrupt(1);
      assert.deepEqual(drain(context), ['irq 1']);
    });
  }

  it('callbacks that a class inherits count', () => {
    const { context } = startedRig();
    class Derived extends FetchDriver {}
    new Derived(context).post(1);
    assert.deepEqual(drain(context), ['driver 1']);
  });

  it('an undefined callback of the other form is as good as none', () => {
    const { context, diagnostics } = startedRig();
    const ops = { owner: mine, fetchEvent, eventDelivered: nothing, eventPending: undefined };
    context.setDriverOps(ops);
    assert.deepEqual(diagnostics, []);
  });
});

describe('M8: contextEventsPending', () => {
  it('is ignored before ops are set, and wakes nobody then', () => {
    const { context } = startedRig();
    context.driverEventsPending(5);
    const driver = new FetchDriver(context);
    assert.equal(context.poll(), 0);
    assert.equal(driver.fetched, 0);
  });

  it('adds: two announcements are two events, each announced event is fetched once', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    for (const byte of [1, 2, 3]) driver.queue.push({ dataSize: 1, data: Uint8Array.of(byte) });
    context.driverEventsPending(1);
    context.driverEventsPending(1);
    assert.deepEqual(drain(context), ['driver 1', 'driver 2']);
    assert.equal(driver.fetched, 2);
    context.driverEventsPending(1);
    assert.deepEqual(drain(context), ['driver 3']);
  });

  for (const [form, make] of driverForms) {
    it(`0 wakes and announces nothing, ${form}`, () => {
      const { context } = startedRig();
      make(context);
      const sleeper = asleep(context);
      context.driverEventsPending(0);
      assert.equal(sleeper.wakes, 1);
      assert.equal(context.poll(), 0);
    });

    it(`a count that is no whole number from 0 upwards is EINVAL, wakes nobody and announces nothing, ${form}`, () => {
      const { context } = startedRig();
      make(context);
      const sleeper = asleep(context);
      for (const count of [-1, 0.5, Number.NaN, Infinity, '1' as unknown as number, undefined as unknown as number]) {
        assert.equal(
          codeOf(() => context.driverEventsPending(count)),
          'EINVAL',
          String(count),
        );
      }
      assert.equal(sleeper.wakes, 0);
      assert.equal(context.poll(), 0);
    });

    it(`works on a context that was never started, ${form}`, () => {
      const context = rig().afu.openContext();
      make(context).post(1);
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), ['driver 1']);
    });
  }

  it('a count beyond 2^31 does no harm', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    driver.post(1);
    context.driverEventsPending(2 ** 40);
    assert.equal(read(context).length, 1);
    assert.deepEqual(read(context), []);
    assert.equal(driver.fetched, 2);
  });
});

describe('replacing driver ops', () => {
  for (const [form, make] of driverForms) {
    it(`what the former ops announced is forgotten and they are never asked again, ${form}`, () => {
      const { context } = startedRig();
      const former = make(context);
      former.post(1);
      former.post(2);
      let asked = 0;
      context.setDriverOps({ owner: owner(), eventPending: () => asked++ < 0, deliverEvent });
      assert.equal(context.poll(), 0);
      assert.equal(asked, 1);
      assert.deepEqual(read(context), []);
    });
  }

  it('registering the same ops again resets the announcements, as in the kernel', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    driver.post(1);
    context.setDriverOps(driver);
    assert.equal(context.poll(), 0);
    context.driverEventsPending(1);
    assert.deepEqual(drain(context), ['driver 1']);
  });

  it('an event of the pull form that did not arrive stays before one that was injected after it (found by afukit check)', () => {
    const { context } = startedRig();
    const driver = new PullDriver(context);
    driver.post(1);
    failedRead(context);
    context.raiseDriverEvent(Uint8Array.of(2));
    new PullDriver(context).post(3);
    assert.deepEqual(drain(context), ['driver 1', 'driver 2', 'driver 3']);
  });

  it('ops can be set before the work is started, and stay', () => {
    const { afu } = rig();
    const context = afu.openContext();
    const driver = new FetchDriver(context);
    driver.post(1);
    context.start({ wed: 0n, amr: 0n, interrupts: 1, mmioErrorsAllOnes: false, pid: 0 });
    context.raiseInterrupt(1);
    assert.deepEqual(drain(context), ['driver 1', 'irq 1']);
  });
});
