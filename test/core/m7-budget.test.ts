import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { DriverOps } from '../../src/core/index.ts';
import { blamed, drain, owner, read, READY, startedRig } from './rig.ts';

/** A clock that moves only when the test says; the milliseconds are in `now`, the readings in `readings`. */
function mockedClock(t: TestContext): { now: number; readings: number } {
  const clock = { now: 1000, readings: 0 };
  t.mock.method(performance, 'now', () => {
    clock.readings++;
    return clock.now;
  });
  return clock;
}

describe('M7, point 3: the time budget of a callback', () => {
  for (const callback of ['eventPending', 'deliverEvent', 'fetchEvent'] as const) {
    it(`${callback} that spins beyond it is reported with driver, callback, context and stack, and not set aside`, () => {
      const { context, diagnostics } = startedRig({}, { callbackBudgetMs: 5 });
      const spin = (name: string): void => {
        const start = performance.now();
        if (name === callback) while (performance.now() - start < 8);
      };
      let left = 2;
      const poll: DriverOps = {
        owner: owner('slow'),
        eventPending() {
          spin('eventPending');
          return left > 0;
        },
        deliverEvent() {
          spin('deliverEvent');
          left--;
          return 0;
        },
      };
      const fetch: DriverOps = {
        owner: owner('slow'),
        fetchEvent() {
          spin('fetchEvent');
          return { dataSize: 0, data: new Uint8Array() };
        },
        eventDelivered() {},
      };
      context.setDriverOps(callback === 'fetchEvent' ? fetch : poll);
      context.driverEventsPending(2);
      assert.equal(context.poll(), READY, 'not set aside');
      assert.deepEqual(drain(context), ['driver ', 'driver ']);
      const said = diagnostics.filter(({ problem }) => /took \d+\.\d ms, more than 5 ms/.test(problem));
      assert.deepEqual([...new Set(blamed(said))], [`driver slow ${callback}`]);
      assert.equal(said.length, diagnostics.length);
      for (const { context: where, stack } of said) {
        assert.equal(where, context);
        assert.match(stack, /\n\s+at /);
      }
    });
  }

  it('is 1 ms by default, and what stays within it is not reported', t => {
    const clock = mockedClock(t);
    let takes = 1;
    const { context, diagnostics } = startedRig({}, { callbackBudgetMs: undefined });
    context.setDriverOps({
      owner: owner('slow'),
      eventPending() {
        clock.now += takes;
        return false;
      },
      deliverEvent: () => 0,
    });
    context.poll();
    assert.equal(diagnostics.length, 0);
    takes = 1.1;
    context.poll();
    assert.match(diagnostics[0]!.problem, /^took 1\.1 ms, more than 1 ms/);
  });

  it('a callback that throws beyond it is both, and each is said once', t => {
    const clock = mockedClock(t);
    const { context, diagnostics } = startedRig({}, { callbackBudgetMs: 1 });
    context.setDriverOps({
      owner: owner('slow'),
      eventPending() {
        clock.now += 9;
        throw new Error('mine');
      },
      deliverEvent: () => 0,
    });
    for (let i = 0; i < 3; i++) context.poll();
    assert.deepEqual(new Set(diagnostics.map(({ problem }) => problem.split(/[ ;]/)[0])), new Set(['threw', 'took']));
    assert.equal(diagnostics.length, 2);
  });

  it('the first 1000 calls are watched, then one in 1024: two readings of the clock for each of those', t => {
    const clock = mockedClock(t);
    const { context, diagnostics } = startedRig({}, { callbackBudgetMs: 1 });
    let takes = 0;
    context.setDriverOps({
      owner: owner('slow'),
      eventPending() {
        clock.now += takes;
        return false;
      },
      deliverEvent: () => 0,
    });
    for (let i = 0; i < 1000; i++) context.poll();
    assert.equal(clock.readings, 2000);
    for (let i = 0; i < 102_400; i++) context.poll();
    assert.equal(clock.readings, 2000 + 200);
    takes = 2;
    for (let i = 0; i < 1024; i++) context.poll();
    assert.equal(diagnostics.length, 1, 'one who is always late is found all the same');
  });

  it('time that a reader takes, or eventDelivered, is nobody’s fault', t => {
    const clock = mockedClock(t);
    const { context, diagnostics } = startedRig({}, { callbackBudgetMs: 1 });
    context.setDriverOps({
      owner: owner('d'),
      fetchEvent: () => ({ dataSize: 0, data: new Uint8Array() }),
      eventDelivered: () => void (clock.now += 100),
    });
    context.driverEventsPending(2);
    context.poll();
    clock.now += 100;
    read(context);
    read(context);
    assert.deepEqual(diagnostics, []);
  });
});
