import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { DriverOps, SectionDebug } from '../../src/core/index.ts';
import { sectionDebug } from '../../src/devfs/section-debug.ts';
import { blamed, drain, FetchDriver, owner, READY, startedRig } from './rig.ts';

const begins: Record<string, () => unknown> = {
  PROMISE: () => Promise.resolve(),
  Timeout: () => setTimeout(() => {}, 0).unref(),
  Immediate: () => setImmediate(() => {}),
  Microtask: () => queueMicrotask(() => {}),
  TickObject: () => process.nextTick(() => {}),
};

const all = (): void => {
  for (const begin of Object.values(begins)) begin();
};

const atomic = ['eventPending', 'deliverEvent', 'fetchEvent'] as const;

/** Ops that do `inside` in one callback, once, and have one event. */
function opsWith(callback: string, inside: () => void, name: string = 'd'): DriverOps {
  let left = 1;
  let done = false;
  const at = (here: string): void => {
    if (here !== callback || done) return;
    done = true;
    inside();
  };
  if (callback === 'fetchEvent' || callback === 'eventDelivered') {
    return {
      owner: owner(name),
      fetchEvent() {
        at('fetchEvent');
        return { dataSize: 0, data: new Uint8Array() };
      },
      eventDelivered: () => at('eventDelivered'),
    };
  }
  return {
    owner: owner(name),
    eventPending() {
      at('eventPending');
      return left > 0;
    },
    deliverEvent() {
      at('deliverEvent');
      left--;
      return 0;
    },
  };
}

describe('M7, point 3: debug sections', () => {
  let sections: SectionDebug;
  before(() => {
    sections = sectionDebug();
  });
  after(() => {
    sections.leave();
  });

  for (const callback of atomic) {
    for (const [kind, begin] of Object.entries(begins)) {
      it(`find a ${kind} begun inside ${callback}: one diagnostic that names it, set aside until it posts`, () => {
        const { context, diagnostics } = startedRig({}, { sections });
        context.setDriverOps(opsWith(callback, begin));
        context.driverEventsPending(1);
        context.raiseInterrupt(3);
        context.poll();
        const got = drain(context);
        assert.ok(got.includes('irq 3'));
        assert.deepEqual(blamed(diagnostics), [`driver d ${callback}`]);
        assert.match(diagnostics[0]!.problem, new RegExp(kind));
        assert.equal(diagnostics[0]!.context, context);
        assert.notEqual(diagnostics[0]!.stack, '');
        context.driverEventsPending(0);
        assert.deepEqual([...got, ...drain(context)].toSorted(), ['driver ', 'irq 3']);
        assert.equal(diagnostics.length, 1);
      });
    }

    it(`find the promise of a closure that is async, in ${callback}, whose rejection ends nothing`, async () => {
      const seen: unknown[] = [];
      const note = (reason: unknown): void => void seen.push(reason);
      process.on('unhandledRejection', note);
      const { context, diagnostics } = startedRig({}, { sections });
      const late = (() => Promise.reject(new Error('late'))) as never;
      const poll = { owner: owner('d'), eventPending: () => true, deliverEvent: () => 0 };
      const fetch = { owner: owner('d'), fetchEvent: () => null, eventDelivered() {} };
      context.setDriverOps({ ...(callback === 'fetchEvent' ? fetch : poll), [callback]: late });
      context.driverEventsPending(1);
      context.poll();
      assert.deepEqual(drain(context), []);
      await new Promise(resolve => setImmediate(resolve));
      process.off('unhandledRejection', note);
      assert.deepEqual(seen, []);
      assert.deepEqual(blamed(diagnostics), [`driver d ${callback}`]);
    });
  }

  it('a driver that does nothing wrong is not blamed, nor for what its reader or eventDelivered begins', () => {
    const { context, diagnostics } = startedRig({}, { sections });
    context.setDriverOps(opsWith('eventDelivered', all));
    context.driverEventsPending(1);
    all();
    assert.equal(context.poll(), READY);
    all();
    assert.deepEqual(drain(context), ['driver ']);
    assert.deepEqual(diagnostics, []);
  });

  it('what a log begins when it is told of a fault is not the driver`s: still one diagnostic', () => {
    const told: string[] = [];
    const { context } = startedRig(
      {},
      {
        sections,
        onDiagnostic(diagnostic) {
          told.push(...blamed([diagnostic]));
          process.nextTick(() => {});
        },
      },
    );
    context.setDriverOps({
      owner: owner('d'),
      eventPending() {
        throw new Error('mine');
      },
      deliverEvent: () => 0,
    });
    context.poll();
    assert.deepEqual(told, ['driver d eventPending']);
  });

  it('a callback that reads another context is blamed for what it began itself, and the other driver is not', () => {
    for (const order of ['before', 'after'] as const) {
      const { afu, context, diagnostics } = startedRig({}, { sections });
      const other = afu.openContext();
      const good = new FetchDriver(other, owner('good'));
      const ops = opsWith(
        'eventPending',
        () => {
          if (order === 'before') begins['PROMISE']!();
          other.poll();
          if (order === 'after') begins['PROMISE']!();
        },
        'bad',
      );
      context.setDriverOps(ops);
      good.post(1);
      context.poll();
      assert.deepEqual(blamed(diagnostics), ['driver bad eventPending'], `begun ${order} the other's callback`);
      assert.deepEqual(drain(other), ['driver 1']);
    }
  });

  it('watch every call, not one in 1024', () => {
    const { context, diagnostics } = startedRig({}, { sections });
    let calls = 0;
    context.setDriverOps({
      owner: owner('d'),
      eventPending() {
        if (++calls === 1033) begins['PROMISE']!();
        return false;
      },
      deliverEvent: () => 0,
    });
    for (let i = 0; i < 1033; i++) context.poll();
    assert.equal(diagnostics.length, 1);
  });
});
