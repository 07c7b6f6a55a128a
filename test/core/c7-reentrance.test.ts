import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Context, DriverOps } from '../../src/core/index.ts';
import { asleep, codeOf, drain, FetchDriver, owner, read, READY, startedRig } from './rig.ts';

const idle: DriverOps = { owner: owner(), eventPending: () => false, deliverEvent: () => 0 };
const forbidden: Record<string, (context: Context) => unknown> = {
  poll: context => context.poll(),
  read: context => context.take(new Uint8Array(4096), 0, 4096),
  setDriverOps: context => context.setDriverOps(idle),
};

/** Ops of which one callback does `inside` once and otherwise delivers one empty event, if it gets that far. */
function opsCalling(callback: string, inside: () => void): DriverOps {
  let left = 1;
  const once = (name: string): void => {
    if (name === callback) inside();
  };
  if (callback === 'fetchEvent') {
    return {
      owner: owner(),
      fetchEvent() {
        once('fetchEvent');
        return { dataSize: 0, data: new Uint8Array() };
      },
      eventDelivered() {},
    };
  }
  return {
    owner: owner(),
    eventPending() {
      once('eventPending');
      return left > 0;
    },
    deliverEvent() {
      once('deliverEvent');
      left--;
      return 0;
    },
  };
}

for (const callback of ['eventPending', 'deliverEvent', 'fetchEvent']) {
  describe(`M7: inside ${callback}, in the atomic section`, () => {
    for (const [name, call] of Object.entries(forbidden)) {
      it(`${name} on the same context is EDEADLK and one diagnostic, the section goes on, and a post ends the pause`, () => {
        const { context, diagnostics } = startedRig();
        const codes: (string | undefined)[] = [];
        let again = true;
        context.setDriverOps(opsCalling(callback, () => void (again && codes.push(codeOf(() => call(context))))));
        context.driverEventsPending(1);
        // An answer that was got by re-entering is not believed; an event that was given is delivered.
        assert.deepEqual(drain(context), callback === 'eventPending' ? [] : ['driver ']);
        assert.equal(diagnostics.length, 1);
        assert.equal(codes.length, 1);
        again = false;
        if (callback === 'eventPending') context.driverEventsPending(0);
        if (callback === 'eventPending') assert.deepEqual(drain(context), ['driver ']);
        assert.ok(codes.length > 0 && codes.every(code => code === 'EDEADLK'), codes.join());
        assert.equal(context.poll(), 0);
      });

      it(`${name} that is not caught is reported once, and the context still works`, () => {
        const { context, diagnostics } = startedRig();
        context.setDriverOps(opsCalling(callback, () => void call(context)));
        context.driverEventsPending(1);
        read(context);
        assert.deepEqual(
          diagnostics.map(diagnostic => diagnostic.callback),
          [callback],
        );
        context.raiseInterrupt(1);
        assert.deepEqual(drain(context), ['irq 1']);
      });
    }

    it('another context can be polled and read', () => {
      const { afu, context } = startedRig();
      const other = afu.openContext();
      other.raiseFault(1n, 1n);
      const seen: unknown[] = [];
      context.setDriverOps(opsCalling(callback, () => void seen.push(other.poll(), drain(other))));
      context.driverEventsPending(1);
      drain(context);
      assert.deepEqual(seen.slice(0, 2), [READY, ['fault 1/1']]);
    });

    it('releasing the context frees it after the section, once, and calls nothing afterwards (C6)', () => {
      const { afu, context } = startedRig();
      // What a callback throws is the driver's fault, so it only takes notes.
      const releasedInside: boolean[] = [];
      const ops = opsCalling(callback, () => {
        context.release();
        releasedInside.push(context.released);
      });
      context.setDriverOps(ops);
      context.driverEventsPending(1);
      read(context);
      assert.equal(context.released, true);
      assert.equal(afu.contexts.size, 0);
      assert.ok(releasedInside.length > 0 && !releasedInside.includes(true), 'freed inside the section');
      const calls = releasedInside.length;
      context.driverEventsPending(1);
      context.release();
      assert.equal(releasedInside.length, calls);
    });

    it('detaching the context closes it; what is pending is still read', () => {
      const { context } = startedRig();
      context.raiseInterrupt(3);
      context.setDriverOps(opsCalling(callback, () => context.detach()));
      context.driverEventsPending(1);
      assert.deepEqual(drain(context), ['driver ', 'irq 3']);
      assert.equal(context.status, 'CLOSED');
    });

    it('an event raised there is read, exactly once', () => {
      const { context } = startedRig();
      let raised = false;
      context.setDriverOps(
        opsCalling(callback, () => {
          if (!raised) context.raiseInterrupt(9);
          raised = true;
        }),
      );
      context.driverEventsPending(1);
      assert.deepEqual(drain(context), ['driver ', 'irq 9']);
    });
  });
}

describe('M7: inside eventDelivered, outside the atomic section', () => {
  it('the driver may poll, read, post and set new ops', () => {
    const { context, diagnostics } = startedRig();
    const driver = new FetchDriver(context);
    const next: string[] = [];
    driver.eventDelivered = () => {
      next.push(String(context.poll()), ...drain(context));
      context.setDriverOps(idle);
    };
    driver.post(1);
    context.raiseInterrupt(2);
    assert.equal(read(context).length, 1);
    assert.deepEqual(next, [String(READY), 'irq 2']);
    assert.deepEqual(diagnostics, []);
  });

  it('an event posted there wakes the waiters', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    driver.eventDelivered = () => driver.post(2);
    driver.post(1);
    let sleeper: ReturnType<typeof asleep> | undefined;
    const bytes = new Uint8Array(4096);
    context.take(bytes, 0, 4096);
    sleeper = asleep(context);
    context.commit();
    assert.equal(sleeper.wakes, 1);
    assert.equal(context.poll(), READY);
  });
});

describe('C6: nothing is called after the context is gone', () => {
  it('fetchEvent that releases and gives no event: eventDelivered comes before the end', () => {
    const order: string[] = [];
    const { afu, diagnostics } = startedRig({ driver: { name: 'd', release: () => void order.push('release') } });
    const context = afu.openContext();
    context.setDriverOps({
      owner: owner(),
      fetchEvent() {
        context.release();
        return null;
      },
      eventDelivered: (_context, _event, result) => void order.push(`delivered ${result}`),
    });
    context.driverEventsPending(1);
    context.poll();
    assert.deepEqual(order, ['delivered -22', 'release']);
    assert.equal(diagnostics.length, 1);
  });

  it('eventDelivered that releases in the middle of a batch: the rest of the batch comes before the end', () => {
    const order: string[] = [];
    const { afu } = startedRig({
      eventsPerRead: 10,
      driver: { name: 'd', release: () => void order.push('release') },
    });
    const context = afu.openContext();
    const driver = new FetchDriver(context);
    driver.eventDelivered = (_context, event, result) => {
      order.push(`${event!.data.join()}:${result}`);
      context.release();
    };
    for (const byte of [1, 2, 3]) driver.post(byte);
    read(context);
    assert.deepEqual(order, ['1:0', '2:0', '3:0', 'release']);
  });

  it('ops that are set on a released context are never called', () => {
    const { context } = startedRig();
    context.release();
    let calls = 0;
    const counting: DriverOps = {
      owner: owner(),
      eventPending: () => calls++ < 0,
      deliverEvent: () => calls++,
    };
    codeOf(() => context.setDriverOps(counting));
    context.driverEventsPending(1);
    codeOf(() => context.poll());
    codeOf(() => read(context));
    assert.equal(calls, 0);
  });
});
