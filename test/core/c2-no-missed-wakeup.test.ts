import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Adapter, type Context, WaitQueue } from '../../src/core/index.ts';
import {
  asleep,
  Backend,
  blamed,
  driverForms,
  FAILED,
  owner,
  read,
  READY,
  rig,
  Sleeper,
  startedRig,
  work,
} from './rig.ts';

const raises: Record<string, (context: Context) => void> = {
  'an interrupt': context => context.raiseInterrupt(1),
  'a fault': context => context.raiseFault(1n, 1n),
  'an AFU error': context => context.raiseAfuError(1n),
};

describe('C2: no missed wake-up', () => {
  for (const [name, raise] of Object.entries(raises)) {
    it(`${name} wakes every waiter, each once, first queued first`, () => {
      const { context } = startedRig();
      const order: number[] = [];
      const sleepers = [0, 1, 2, 3].map(i => asleep(context, () => void order.push(i)));
      raise(context);
      assert.deepEqual(order, [0, 1, 2, 3]);
      assert.ok(sleepers.every(sleeper => !sleeper.queued));
      assert.ok(context.waiters.empty);
    });

    it(`${name} wakes who waits while the same one is still unread, as an edge-triggered epoll needs`, () => {
      const { context } = startedRig();
      raise(context);
      const sleeper = asleep(context);
      raise(context);
      // The kernel wakes for each interrupt and fault; an AFU error that is only logged wakes nobody.
      assert.equal(sleeper.wakes, name === 'an AFU error' ? 0 : 1);
    });
  }

  for (const [form, make] of driverForms) {
    it(`a driver's post wakes every waiter, and they find it pending, ${form}`, () => {
      const { context } = startedRig();
      const driver = make(context);
      const masks: number[] = [];
      for (let i = 0; i < 3; i++) asleep(context, () => void masks.push(context.poll()));
      driver.post(9);
      assert.deepEqual(masks, [READY, READY, READY]);
    });

    it(`of several blocked readers one gets the event and the others sleep on, ${form}`, () => {
      const { context } = startedRig();
      const driver = make(context);
      const got: number[] = [];
      for (let i = 0; i < 3; i++) {
        asleep(context, self => {
          if (read(context).length > 0) got.push(i);
          else context.waiters.add(self);
        });
      }
      driver.post(1);
      assert.deepEqual(got, [0]);
      driver.post(2);
      driver.post(3);
      assert.deepEqual(got, [0, 1, 2]);
    });
  }

  it('setting ops wakes, since a pull driver may have an event already', () => {
    const { context } = startedRig();
    const sleeper = asleep(context);
    context.setDriverOps({ owner: owner(), eventPending: () => true, deliverEvent: () => 0 });
    assert.equal(sleeper.wakes, 1);
    assert.equal(context.poll(), READY);
  });

  it('a waiter that fails is reported, and keeps neither the others asleep nor the one who raised from going on', () => {
    const { context, diagnostics } = startedRig();
    const first = asleep(context);
    asleep(context, () => {
      throw new Error('mine');
    });
    const last = asleep(context);
    context.raiseInterrupt(1);
    assert.deepEqual(blamed(diagnostics), ['a waiter wake']);
    assert.match(diagnostics[0]!.stack, /mine/);
    assert.deepEqual([first.wakes, last.wakes], [1, 1]);
    assert.equal(context.poll(), READY);
  });

  it('a waiter that fails when the link is lost does not keep the readers of other contexts asleep', () => {
    const { adapter, afu, diagnostics } = rig();
    const contexts = [0, 1, 2].map(() => afu.openContext());
    asleep(contexts[0]!, () => {
      throw new Error('mine');
    });
    const others = contexts.slice(1).map(context => asleep(context));
    adapter.loseLink();
    assert.deepEqual(blamed(diagnostics), ['a waiter wake']);
    assert.deepEqual(
      others.map(sleeper => sleeper.wakes),
      [1, 1],
    );
    assert.ok(contexts.every(context => context.status === 'CLOSED'));
  });

  it('a waiter that queues itself again in its wake is woken by the next event, not twice by this one', () => {
    const { context } = startedRig();
    const sleeper = asleep(context, self => context.waiters.add(self));
    context.raiseInterrupt(1);
    assert.equal(sleeper.wakes, 1);
    assert.ok(sleeper.queued);
    context.raiseInterrupt(2);
    assert.equal(sleeper.wakes, 2);
  });

  it('a waiter that another one takes off the queue during a wake is not woken', () => {
    const queue = new WaitQueue();
    const gone = new Sleeper();
    const last = new Sleeper();
    queue.add(new Sleeper(() => gone.leave()));
    queue.add(gone);
    queue.add(last);
    queue.wakeAll();
    assert.deepEqual([gone.wakes, last.wakes], [0, 1]);
    assert.ok(!gone.queued);
  });

  it('a wake inside a wake still reaches everybody, each once', () => {
    const queue = new WaitQueue();
    const rest = [new Sleeper(), new Sleeper()];
    const late = new Sleeper();
    queue.add(
      new Sleeper(() => {
        queue.add(late);
        queue.wakeAll();
      }),
    );
    for (const sleeper of rest) queue.add(sleeper);
    queue.wakeAll();
    assert.deepEqual(
      [late, ...rest].map(sleeper => sleeper.wakes),
      [1, 1, 1],
    );
    assert.ok(queue.empty);
  });

  it('queueing twice is queueing once, leaving twice is leaving once', () => {
    const queue = new WaitQueue();
    const sleeper = new Sleeper();
    const others = [new Sleeper(), new Sleeper()];
    queue.add(sleeper);
    for (const other of others) queue.add(other);
    queue.add(sleeper);
    queue.wakeAll();
    assert.deepEqual(
      [sleeper, ...others].map(({ wakes }) => wakes),
      [1, 1, 1],
    );
    queue.add(sleeper);
    sleeper.leave();
    sleeper.leave();
    assert.ok(queue.empty);
    queue.wakeAll();
    assert.equal(sleeper.wakes, 1);
  });

  it('a wake from inside a callback is delivered after the atomic section, where poll works', () => {
    const { context, diagnostics } = startedRig();
    let inside = false;
    const seen: [boolean, number][] = [];
    context.setDriverOps({
      owner: owner(),
      eventPending() {
        inside = true;
        context.raiseInterrupt(1);
        inside = false;
        return false;
      },
      deliverEvent: () => 0,
    });
    asleep(context, () => void seen.push([inside, context.poll()]));
    context.poll();
    assert.deepEqual(seen, [[false, READY]]);
    assert.deepEqual(diagnostics, []);
  });

  it('a wake between take and commit waits for the commit', () => {
    const { context } = startedRig();
    context.raiseInterrupt(1);
    const bytes = new Uint8Array(4096);
    context.take(bytes, 0, 4096);
    const sleeper = asleep(context);
    context.raiseInterrupt(2);
    assert.equal(sleeper.wakes, 0);
    context.commit();
    assert.equal(sleeper.wakes, 1);
  });

  it('putBack wakes, since another reader may have slept in between', () => {
    const { context } = startedRig();
    context.raiseInterrupt(1);
    const bytes = new Uint8Array(4096);
    context.take(bytes, 0, 4096);
    const sleeper = asleep(context, () => assert.equal(context.poll(), READY));
    context.putBack(bytes);
    assert.equal(sleeper.wakes, 1);
  });

  it('events of one context wake nobody on another', () => {
    const { afu, context } = startedRig();
    const other = afu.openContext();
    const sleeper = asleep(other);
    context.raiseInterrupt(1);
    assert.equal(sleeper.wakes, 0);
  });

  it('link loss wakes on every slice, started or not', () => {
    const backends = [new Backend(), new Backend()];
    const adapter = new Adapter({ afus: backends.map(backend => ({ backend })) });
    const contexts = adapter.afus.flatMap(afu => [afu.openContext(), afu.openContext()]);
    contexts[0]!.start(work());
    const sleepers = contexts.map(context => asleep(context));
    adapter.loseLink();
    assert.ok(sleepers.every(sleeper => sleeper.wakes === 1));
    assert.deepEqual(
      backends.map(backend => backend.detached),
      [[0], []],
    );
  });

  it('link loss wakes who waits on a context that was detached before and still has something to read', () => {
    const { adapter, context } = startedRig();
    context.raiseInterrupt(1);
    context.detach();
    // In poll for POLLPRI, or in edge-triggered epoll: POLLIN is nothing new to it, POLLERR is.
    const sleeper = asleep(context, () => assert.equal(context.poll(), FAILED));
    adapter.loseLink();
    assert.equal(sleeper.wakes, 1);
  });
});
