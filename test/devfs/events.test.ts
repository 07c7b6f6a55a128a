/* Which events a C program reads through the device file, in which order, and how a context ends. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { runC } from '../support/clients.ts';
import { serve } from '../support/device.ts';
import { kinds } from '../support/kinds.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';
import { until } from '../support/until.ts';

const STARTED = 'ioctl START_WORK 0';
const irq = (number: number): string => `event afu_interrupt pe=0 irq=${number} size=16`;

describe('events through the device file', { skip: any(noFuse(), noCompiler()) }, () => {
  for (const { name, raise, line } of kinds) {
    it(`a sleeping read is woken by ${name}`, async t => {
      const device = await serve(t);
      const client = runC(t, device.path(), 'read');
      raise(device, await device.waitedFor());
      assert.deepEqual(await client.remaining(), [STARTED, line]);
    });
  }

  it('driver event, interrupts from the lowest, fault, AFU error: that is the order', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'drain');
    assert.equal(await client.line(), STARTED);
    const element = await device.started();
    for (const { raise } of kinds.toReversed()) raise(device, element);
    element.interrupt(1);
    device.post('2');
    client.send('go');
    assert.deepEqual(await client.remaining(), [
      kinds[3]!.line,
      'event afu_driver pe=0 data=32',
      'event afu_interrupt pe=0 irq=1 size=16',
      kinds[0]!.line,
      kinds[1]!.line,
      kinds[2]!.line,
      'read -1 EAGAIN',
      'poll 0',
    ]);
  });

  it('C3: interrupts coalesce, the newest fault wins, the first AFU error wins', async t => {
    const device = await serve(t, { mayComplain: /AFU error 0x6 is lost/ });
    const client = runC(t, device.path(), 'drain');
    assert.equal(await client.line(), STARTED);
    const element = await device.started();
    element.interrupt(2);
    element.interrupt(2);
    element.fault(1n, 2n);
    element.fault(3n, 4n);
    element.error(5n);
    element.error(6n);
    client.send('go');
    assert.deepEqual(await client.remaining(), [
      'event afu_interrupt pe=0 irq=2 size=16',
      'event data_storage pe=0 addr=0x3 dsisr=0x4',
      'event afu_error pe=0 error=0x5',
      'read -1 EAGAIN',
      'poll 0',
    ]);
  });

  it('driver events of 0 and of 4088 bytes arrive whole', async t => {
    const device = await serve(t, { mayComplain: /libcxl/ });
    const client = runC(t, device.path(), 'read', 2);
    await device.waitedFor();
    device.post('');
    device.post('x'.repeat(4088));
    assert.deepEqual(await client.remaining(), [
      STARTED,
      'event afu_driver pe=0 data=',
      `event afu_driver pe=0 data=${'78'.repeat(4088)}`,
    ]);
  });

  it('C8: one event per read, however many are pending', async t => {
    const device = await serve(t);
    // It polls before each read: a read that gave two events would leave a poll out.
    const client = runC(t, device.path(), 'poll', 3);
    const element = await device.waitedFor();
    for (const number of [1, 2, 3]) element.interrupt(number);
    const poll = 'poll POLLIN|POLLRDNORM';
    assert.deepEqual(await client.remaining(), [STARTED, poll, irq(1), poll, irq(2), poll, irq(3)]);
  });

  it('C8: eventsPerRead fills the buffer with whole events and no more than it holds', async t => {
    const device = await serve(t, { eventsPerRead: 4, mayComplain: /libcxl/ });
    const client = runC(t, device.path(), 'poll', 9);
    const element = await device.waitedFor();
    device.post('x'.repeat(4000));
    device.post('y'.repeat(4000));
    for (const number of [1, 2, 3, 4]) element.interrupt(number);
    element.fault(1n, 2n);
    element.error(3n);
    await client.lines(2);
    const seen: string[] = [];
    while (seen.filter(line => line.startsWith('event')).length < 8) seen.push((await client.line()).slice(0, 30));
    const poll = 'poll POLLIN|POLLRDNORM';
    assert.deepEqual(seen, [
      'event afu_driver pe=0 data=787',
      poll,
      // 8 + 4000 bytes leave room for five interrupts, but four events are the most.
      'event afu_driver pe=0 data=797',
      'event afu_interrupt pe=0 irq=1',
      'event afu_interrupt pe=0 irq=2',
      'event afu_interrupt pe=0 irq=3',
      poll,
      'event afu_interrupt pe=0 irq=4',
      'event data_storage pe=0 addr=0',
      'event afu_error pe=0 error=0x3',
    ]);
    await client.kill();
  });

  it('C5: what was pending at detach is still read, then read is EIO and poll POLLERR', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'drain');
    assert.equal(await client.line(), STARTED);
    const element = await device.started();
    for (const { raise } of kinds) raise(device, element);
    device.context().detach();
    for (const { raise } of kinds.slice(0, 3)) raise(device, element);
    client.send('go');
    const order = [3, 0, 1, 2].map(kind => kinds[kind]!.line);
    assert.deepEqual(await client.remaining(), [...order, 'read -1 EIO', 'poll POLLERR']);
  });

  for (const scenario of ['read', 'poll', 'select', 'epoll', 'epollet']) {
    it(`C2: detach wakes a sleeping ${scenario}`, async t => {
      const device = await serve(t);
      const client = runC(t, device.path(), scenario);
      await device.waitedFor();
      device.context().detach();
      const said = await client.remaining();
      assert.equal(said.at(-1), 'read -1 EIO');
      // For select(2) an error is readable and writable; for the others it is nothing but an error.
      const woken = { read: [], select: ['select read|write'], poll: ['poll POLLERR'] }[scenario] ?? ['epoll POLLERR'];
      assert.deepEqual(said.slice(1, -1), woken);
    });
  }

  it('detach wakes a reader that has not started any work', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'read', '--no-start');
    // Nothing was started, so there is no process element to ask for.
    await until('it sleeps', () => device.afu.contexts.get(0)?.waiters.empty === false);
    device.context().detach();
    assert.deepEqual(await client.remaining(), ['read -1 EIO']);
  });

  it('link loss: read is EIO at once even if events are queued, poll is POLLERR', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'drain');
    assert.equal(await client.line(), STARTED);
    const element = await device.started();
    element.interrupt(1);
    device.adapter.loseLink();
    client.send('go');
    assert.deepEqual(await client.remaining(), ['read -1 EIO', 'poll POLLERR']);
  });

  for (const scenario of ['read', 'poll', 'epoll']) {
    it(`C2: link loss wakes a sleeping ${scenario}`, async t => {
      const device = await serve(t);
      const client = runC(t, device.path(), scenario);
      await device.waitedFor();
      device.adapter.loseLink();
      assert.equal((await client.remaining()).at(-1), 'read -1 EIO');
    });
  }
});
