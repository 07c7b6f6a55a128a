import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AfuDriver, Context, DriverModule, DriverOps } from '../../src/core/index.ts';
import { asleep, blamed, drain, FetchDriver, owner, PullDriver, read, READY, rig, throwsBug, work } from './rig.ts';

interface Bad {
  /** What the driver does; `post` wakes it up as its AFU would. */
  readonly ops: (module: DriverModule, context: Context) => DriverOps;
  /** Callback and problem of the one diagnostic; none: nothing is wrong with it. */
  readonly callback?: string;
  readonly problem?: RegExp;
}

const nothing = (): void => {};
const empty = { dataSize: 0, data: new Uint8Array() };
const delivering =
  (callback: unknown): Bad['ops'] =>
  module =>
    ({ owner: module, eventPending: () => true, deliverEvent: callback }) as DriverOps;
const pending =
  (callback: unknown): Bad['ops'] =>
  module =>
    ({ owner: module, eventPending: callback, deliverEvent: () => 0 }) as DriverOps;
const fetching =
  (callback: unknown): Bad['ops'] =>
  module =>
    ({ owner: module, fetchEvent: callback, eventDelivered: nothing }) as DriverOps;

/** One fault each, in the words of the issue. */
const bad: Record<string, Bad> = {
  'lies: pending, then throws': { ops: delivering(throwsBug), callback: 'deliverEvent', problem: /threw/ },
  'lies: pending, then nothing': { ops: delivering(nothing), callback: 'deliverEvent', problem: /undefined/ },
  'throws in eventPending': { ops: pending(throwsBug), callback: 'eventPending', problem: /threw/ },
  'throws in fetchEvent': { ops: fetching(throwsBug), callback: 'fetchEvent', problem: /threw/ },
  'throws no Error': {
    ops: fetching(() => {
      // oxlint-disable-next-line typescript/only-throw-error -- that is the test
      throw 'a string';
    }),
    callback: 'fetchEvent',
    problem: /threw/,
  },
  'throws undefined': {
    ops: pending(() => {
      // oxlint-disable-next-line typescript/only-throw-error -- that is the test
      throw undefined;
    }),
    callback: 'eventPending',
    problem: /threw/,
  },
  'sleeps in eventPending': { ops: pending(() => Promise.resolve(true)), callback: 'eventPending', problem: /promise/ },
  'sleeps in deliverEvent': { ops: delivering(() => Promise.resolve(0)), callback: 'deliverEvent', problem: /promise/ },
  'sleeps in fetchEvent': { ops: fetching(() => Promise.resolve(empty)), callback: 'fetchEvent', problem: /promise/ },
  're-enters poll': {
    ops: (module, context) => pending(() => context.poll() > 0)(module, context),
    callback: 'eventPending',
    problem: /called poll/,
  },
  're-enters read': {
    ops: (module, context) => fetching(() => read(context) && empty)(module, context),
    callback: 'fetchEvent',
    problem: /called read/,
  },
  'over-announces': { ops: fetching(() => null), callback: 'fetchEvent', problem: /nothing though 3 more/ },
  'returns a wrong type from eventPending: 1': { ops: pending(() => 1), callback: 'eventPending', problem: /1/ },
  'returns a wrong type from eventPending: a symbol': {
    ops: pending(() => Symbol('s')),
    callback: 'eventPending',
    problem: /Symbol/,
  },
  'returns a wrong type from deliverEvent: a buffer': {
    ops: delivering(() => new Uint8Array(3)),
    callback: 'deliverEvent',
    problem: /object/,
  },
  'returns a wrong type from deliverEvent: a function that cannot be printed': {
    ops: delivering(() => Object.assign(() => 0, { toString: throwsBug })),
    callback: 'deliverEvent',
    problem: /payload length/,
  },
  'returns a wrong type from fetchEvent: bytes alone': {
    ops: fetching(() => new Uint8Array(3)),
    callback: 'fetchEvent',
    problem: /object/,
  },
  'returns a wrong type from fetchEvent: an ArrayBuffer as data': {
    ops: fetching(() => ({ dataSize: 1, data: new ArrayBuffer(1) })),
    callback: 'fetchEvent',
    problem: /object/,
  },
};

describe('bad input: a driver that', () => {
  for (const [name, { ops, callback, problem }] of Object.entries(bad)) {
    it(`${name}: one diagnostic; its own context, its neighbours and their drivers go on`, () => {
      const module = owner('bad');
      const { afu, diagnostics } = rig();
      const [context, fetchNeighbour, pullNeighbour] = [0, 1, 2].map(() => afu.openContext());
      for (const each of [context!, fetchNeighbour!, pullNeighbour!]) each.start(work(4));
      const neighbours = [new FetchDriver(fetchNeighbour!), new PullDriver(pullNeighbour!)];
      context!.setDriverOps(ops(module, context!));
      const sleeper = asleep(context!);
      context!.driverEventsPending(3);
      assert.equal(sleeper.wakes, 1);
      for (let round = 0; round < 3; round++) {
        context!.raiseInterrupt(round + 1);
        assert.equal(context!.poll(), READY);
        assert.ok(drain(context!).includes(`irq ${round + 1}`));
        for (const neighbour of neighbours) neighbour.post(round);
        assert.deepEqual([drain(fetchNeighbour!), drain(pullNeighbour!)], [[`driver ${round}`], [`driver ${round}`]]);
      }
      assert.deepEqual(blamed(diagnostics), [`driver bad ${callback}`]);
      assert.match(diagnostics[0]!.problem, problem!);
      assert.equal(diagnostics[0]!.context, context);
      assert.match(diagnostics[0]!.stack, /\n\s+at /);
      // Good ops in the place of the bad ones work at once.
      new FetchDriver(context!).post(7);
      assert.deepEqual(drain(context!), ['driver 7']);
      context!.release();
      assert.deepEqual([module.references, diagnostics.length], [0, 1]);
    });
  }

  it('under-announces: the pull form is level-triggered and gives the event, the fetch form does not ask; no diagnostic', () => {
    const { afu, diagnostics } = rig();
    const [pull, fetch] = [afu.openContext(), afu.openContext()];
    const [pullDriver, fetchDriver] = [new PullDriver(pull), new FetchDriver(fetch)];
    pullDriver.queue.push(Uint8Array.of(1));
    fetchDriver.queue.push({ dataSize: 1, data: Uint8Array.of(1) }, { dataSize: 1, data: Uint8Array.of(2) });
    assert.deepEqual([pull.poll(), fetch.poll()], [READY, 0]);
    assert.deepEqual([drain(pull), drain(fetch)], [['driver 1'], []]);
    fetch.driverEventsPending(1);
    assert.deepEqual(drain(fetch), ['driver 1']);
    assert.equal(fetch.poll(), 0);
    assert.equal(fetchDriver.fetched, 1);
    assert.deepEqual(diagnostics, []);
  });

  for (const end of ['close', 'unload'] as const) {
    it(`posts after ${end}: one diagnostic for the context that is gone, nothing called, its successor unharmed`, () => {
      const contexts: Context[] = [];
      const driver: AfuDriver = { name: 'late', open: context => void contexts.push(context) };
      const module = owner('late', driver);
      const { afu, diagnostics } = rig({ driver: module });
      const context = afu.openContext();
      const former = new FetchDriver(context, module);
      context.release();
      if (end === 'unload') module.unload();
      const successor = afu.openContext();
      assert.equal(successor.pe, context.pe);
      for (let i = 0; i < 3; i++) former.post(1);
      assert.deepEqual(blamed(diagnostics), ['driver late contextEventsPending']);
      assert.equal(diagnostics[0]!.context, context);
      assert.equal(former.fetched, 0);
      new PullDriver(successor).post(2);
      assert.deepEqual(drain(successor), ['driver 2']);
    });
  }

  it('posts after close by ops whose owner did not open the context: its diagnostic comes all the same', () => {
    const { afu, diagnostics } = rig();
    const context = afu.openContext();
    const driver = new FetchDriver(context, owner('late'));
    context.release();
    for (let i = 0; i < 3; i++) driver.post(1);
    assert.deepEqual(blamed(diagnostics), ['driver late contextEventsPending']);
  });

  it('posts from inside its own callback does not let it be asked without end', () => {
    const { afu } = rig();
    const context = afu.openContext();
    let asked = 0;
    context.setDriverOps({
      owner: owner('eager'),
      eventPending() {
        if (++asked > 5000) throw new Error('asked without end');
        context.driverEventsPending(0);
        return false;
      },
      deliverEvent: () => 0,
    });
    const sleepers = 14;
    for (let i = 0; i < sleepers; i++) {
      asleep(context, self => {
        context.poll();
        context.waiters.add(self);
      });
    }
    asked = 0;
    context.poll();
    assert.ok(asked <= 1 + sleepers * sleepers, `asked ${asked} times by ${sleepers} sleepers`);
  });
});
