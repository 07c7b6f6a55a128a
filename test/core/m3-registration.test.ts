import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MAX_LARGE_EVENT_DATA } from '../../src/abi/index.ts';
import type { DriverOps, FetchDriverOps } from '../../src/core/index.ts';
import { asleep, blamed, codeOf, drain, failedRead, FetchDriver, owner, PullDriver, READY, rig } from './rig.ts';

const mine = owner('mine');
const eventPending = (): boolean => false;
const deliverEvent = (): number => 0;
const fetchEvent = (): null => null;
const eventDelivered = (): void => {};
const poll = { eventPending, deliverEvent };
const fetch = { fetchEvent, eventDelivered };
/** As an async function that was bound, and one that is a method, look. */
const methods = {
  async eventPending(): Promise<boolean> {
    return Promise.resolve(true);
  },
};
const bound = methods.eventPending.bind(methods) as never;

const wrong: Record<string, object> = {
  'no callback': { owner: mine },
  'a missing callback, pull form': { owner: mine, eventPending },
  'a missing callback, fetch form': { owner: mine, eventDelivered },
  'a callback that is an object': { owner: mine, eventPending, deliverEvent: {} },
  'a callback that is false': { owner: mine, ...fetch, fetchEvent: false },
  'a mixture': { owner: mine, ...poll, fetchEvent },
  'an async method': { owner: mine, ...methods, deliverEvent },
  'a bound async function': { owner: mine, eventPending: bound, deliverEvent },
  'an async eventDelivered': { owner: mine, fetchEvent, eventDelivered: bound },
  'no owner': poll,
  'an owner that is null': { owner: null, ...fetch },
  'an owner that is a name': { owner: 'mine', ...fetch },
  'an owner that is the driver, not its module': { owner: { name: 'mine' }, ...fetch },
  'an owner that only looks like a module': { owner: { name: 'mine', tryGet: () => true, put() {} }, ...poll },
};
const outOfRange = [-1, 0.5, Number.NaN, Infinity, MAX_LARGE_EVENT_DATA + 1, '32', null, 4n];
for (const maxDataSize of outOfRange) {
  wrong[`a maxDataSize of ${typeof maxDataSize} ${String(maxDataSize)}`] = { owner: mine, ...poll, maxDataSize };
}

describe('M3, point 2: registration refuses what is not whole', () => {
  for (const [name, ops] of Object.entries(wrong)) {
    it(`${name}: EINVAL, one diagnostic with driver, context and stack, nothing changed`, () => {
      const opened = owner('opened');
      const { afu, diagnostics } = rig({ driver: opened });
      const context = afu.openContext();
      const former = new PullDriver(context, opened);
      former.post(1);
      failedRead(context);
      former.post(2);
      const sleeper = asleep(context);
      const before = [mine.references, opened.references];
      assert.throws(() => context.setDriverOps(ops as DriverOps), { code: 'EINVAL', syscall: 'setDriverOps' });
      assert.equal(diagnostics.length, 1);
      const { source, callback, context: where, problem, stack } = diagnostics[0]!;
      assert.match(source, /^driver (mine|opened)$/);
      assert.deepEqual([callback, where], ['setDriverOps', context]);
      assert.match(problem, /^[^\n]+$/);
      assert.match(stack, /m3-registration\.test/, 'the stack leads to who registered');
      assert.equal(context.driverOps, former);
      assert.deepEqual([mine.references, opened.references], before);
      assert.equal(sleeper.wakes, 0);
      assert.deepEqual(drain(context), ['driver 1', 'driver 2']);
    });
  }

  it('ops whose property throws when looked at are refused as any other', () => {
    const { afu, diagnostics } = rig();
    const context = afu.openContext();
    const ops = {
      owner: mine,
      deliverEvent,
      get eventPending(): never {
        throw new TypeError('mine');
      },
    };
    assert.equal(
      codeOf(() => context.setDriverOps(ops)),
      'EINVAL',
    );
    assert.equal(diagnostics.length, 1);
  });

  it('a driver without a name for its module is called unknown; the context says which one opened it', () => {
    const { afu, diagnostics } = rig();
    codeOf(() => afu.openContext().setDriverOps(poll as never));
    assert.deepEqual(blamed(diagnostics), ['driver unknown setDriverOps']);
  });

  for (const maxDataSize of [undefined, 0, 1, 4088, 4089, MAX_LARGE_EVENT_DATA]) {
    it(`a maxDataSize of ${String(maxDataSize)} is taken`, () => {
      const { afu, diagnostics } = rig();
      afu.openContext().setDriverOps({ owner: mine, ...poll, maxDataSize });
      assert.deepEqual(diagnostics, []);
    });
  }

  it('on a closed context it is EBADF and takes no reference', () => {
    const context = rig().afu.openContext();
    context.release();
    const module = owner();
    assert.equal(
      codeOf(() => context.setDriverOps({ owner: module, ...poll })),
      'EBADF',
    );
    assert.equal(module.references, 0);
  });
});

describe('point 2: replacing ops', () => {
  it('resets the count of announced events; the former ops are never asked again', () => {
    const context = rig().afu.openContext();
    const former = new FetchDriver(context);
    for (const byte of [1, 2, 3]) former.post(byte);
    const next = new FetchDriver(context);
    assert.equal(context.poll(), 0);
    assert.deepEqual([former.fetched, next.fetched, former.returned], [0, 0, []]);
    next.post(4);
    assert.equal(context.poll(), READY);
    assert.deepEqual(drain(context), ['driver 4']);
    assert.deepEqual([former.fetched, next.fetched], [0, 1]);
  });

  it('held events get -ECANCELED exactly once, in order: one that poll fetched, and a batch that was put back', () => {
    const { afu } = rig({ eventsPerRead: 3 });
    const context = afu.openContext();
    const former = new FetchDriver(context);
    for (const byte of [1, 2, 3, 4, 5]) former.post(byte);
    failedRead(context);
    const next = new FetchDriver(context);
    assert.deepEqual(former.returned, ['1:-125', '2:-125', '3:-125']);
    assert.equal(former.queue.length, 2, 'what was not fetched is still the driver`s');
    next.post(6);
    context.poll();
    const last = new FetchDriver(context);
    assert.deepEqual(last.returned, []);
    assert.deepEqual(next.returned, ['6:-125']);
    context.release();
    assert.deepEqual(
      [former.returned.length, next.returned.length],
      [3, 1],
      'and not once more when the context is closed',
    );
  });

  it('the former ops hear of -ECANCELED when the new ones are in force, and may set others again', () => {
    const context = rig().afu.openContext();
    const former = new FetchDriver(context);
    former.post(1);
    context.poll();
    const seen: unknown[] = [];
    const third: FetchDriverOps = { owner: owner('third'), fetchEvent, eventDelivered };
    former.eventDelivered = (_context, _event, result) => {
      seen.push(result, context.driverOps, context.poll());
      context.setDriverOps(third);
    };
    const second: FetchDriverOps = { owner: owner('second'), fetchEvent, eventDelivered };
    context.setDriverOps(second);
    assert.deepEqual(seen, [-125, second, 0]);
    assert.equal(context.driverOps, third);
    assert.deepEqual([former.owner.references, second.owner.references, third.owner.references], [0, 0, 1]);
  });

  it('pull events that were put back survive, before what the new ops post, in either form, twice over', () => {
    for (const next of [FetchDriver, PullDriver]) {
      const { afu } = rig({ eventsPerRead: 4 });
      const context = afu.openContext();
      const former = new PullDriver(context);
      for (const byte of [1, 2, 3]) former.post(byte);
      failedRead(context);
      new next(context).post(4);
      failedRead(context);
      const last = new next(context);
      last.post(5);
      const expected = next === PullDriver ? [1, 2, 3, 4, 5] : [1, 2, 3, 5];
      assert.deepEqual(
        drain(context),
        expected.map(byte => `driver ${byte}`),
      );
      assert.equal(former.owner.references, 0);
    }
  });

  it('orphans are as good as others: they are put back again, drain after detach, and are dropped with the context', () => {
    const { afu } = rig({ eventsPerRead: 3 });
    const contexts = [0, 1].map(() => afu.openContext());
    for (const context of contexts) {
      const former = new PullDriver(context);
      for (const byte of [1, 2]) former.post(byte);
      failedRead(context);
      assert.equal(new FetchDriver(context).fetched, 0);
      assert.equal(failedRead(context).length, 2);
      context.detach();
      assert.equal(context.poll(), READY);
    }
    assert.deepEqual(drain(contexts[0]!), ['driver 1', 'driver 2']);
    contexts[1]!.release();
    assert.deepEqual(
      contexts.map(({ counters: { delivered, dropped } }) => [delivered, dropped]),
      [
        [2, 0],
        [0, 2],
      ],
    );
  });
});
