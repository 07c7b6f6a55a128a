/* One open device file without a mount: who is in its context's queue, and since when. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { Errno, O_NONBLOCK, O_RDWR, POLLIN, POLLRDNORM } from '../../src/abi/index.ts';
import { setDriverOps } from '../../src/driver/index.ts';
import { bench, types } from './handle.ts';

const O_LARGEFILE = 0o100000;
const READY = POLLIN | POLLRDNORM;

describe('reads of a device file', () => {
  it('O_NONBLOCK counts among other flags: EAGAIN, and nobody sleeps', () => {
    const { context, read } = bench(1);
    const request = read(true, O_RDWR | O_NONBLOCK | O_LARGEFILE);
    assert.deepEqual([request.errno, request.parked], [Errno.EAGAIN, undefined]);
    assert.ok(context.waiters.empty);
  });

  it('C3: one that was interrupted has left the queue, and the next event is not taken for it', () => {
    const { context, element, read } = bench(1);
    const [interrupted, other] = [read(false), read(true)];
    interrupted.parked!();
    element.interrupt(1);
    assert.deepEqual(types(other), ['afu-interrupt']);
    assert.deepEqual([interrupted.answered, context.counters.kept], [false, 0]);
    assert.ok(context.waiters.empty);
  });

  it('C2: one whose event another reader took is woken by the next', () => {
    const { element, read } = bench(1);
    const sleepers = [read(true), read(true), read(true)];
    for (const irq of [1, 2, 3]) element.interrupt(irq);
    assert.deepEqual(
      sleepers.map(types),
      Array.from({ length: 3 }, () => ['afu-interrupt']),
    );
  });
});

describe('poll of a device file', () => {
  it('C2: what is raised while it looks is notified', () => {
    let raised = false;
    const { handle, notified } = bench(1, opened =>
      setDriverOps(opened, {
        owner: opened.module!,
        eventPending: context => {
          if (!raised) context.raiseInterrupt(1);
          raised = true;
          return false;
        },
        deliverEvent: () => 0,
      }),
    );
    assert.deepEqual([handle.poll(), notified()], [0, 1]);
    assert.equal(handle.poll(), READY);
  });

  it('C2: one that says POLLIN is told of the next event, as edge-triggered epoll needs', () => {
    const { element, handle, notified } = bench(1);
    element.interrupt(1);
    assert.deepEqual([handle.poll(), notified()], [READY, 0]);
    element.interrupt(2);
    assert.equal(notified(), 1);
  });

  it('has left the queue at the last close: nothing is notified any more', () => {
    const { context, handle, notified } = bench(1);
    handle.poll();
    handle.release();
    assert.ok(context.released);
    assert.ok(context.waiters.empty);
    assert.equal(notified(), 0);
  });
});
