/* read(2) that sleeps: flags that change under it, signals, threads, and readers that are killed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { asleep } from '../support/asleep.ts';
import { hold, runC, runCOn } from '../support/clients.ts';
import { serve } from '../support/device.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';
import { until } from '../support/until.ts';

const STARTED = 'ioctl START_WORK 0';
const irq = (number: number, pe = 0): string => `event afu_interrupt pe=${pe} irq=${number} size=16`;

describe('blocking reads', { skip: any(noFuse(), noCompiler()) }, () => {
  it('fcntl switches O_NONBLOCK on and off again', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'setfl');
    const flags = ['fcntl O_NONBLOCK on', 'read -1 EAGAIN', 'fcntl O_NONBLOCK off'];
    assert.deepEqual(await client.lines(4), [STARTED, ...flags]);
    const element = await device.waitedFor();
    await asleep(client.pid, 'read');
    element.interrupt(1);
    assert.deepEqual(await client.remaining(), [irq(1)]);
  });

  it('C3: of two threads that read one descriptor, each event reaches one', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'threads', 3);
    assert.equal(await client.line(), STARTED);
    const element = await device.started();
    const seen: string[] = [];
    for (const number of [1, 2, 3]) {
      await asleep(client.pid, 'read', 2);
      element.interrupt(number);
      seen.push((await client.line()).replace(/^thread [01] /, ''));
    }
    assert.deepEqual([...seen, ...(await client.remaining())], [irq(1), irq(2), irq(3)]);
  });

  it('a signal ends a read with EINTR, and the next read gets the event', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'eintr');
    assert.deepEqual(await client.lines(2), [STARTED, 'read -1 EINTR']);
    await until('the next read sleeps', () => !device.context().waiters.empty);
    await asleep(client.pid, 'read');
    (await device.started()).interrupt(1);
    assert.deepEqual(await client.remaining(), [irq(1)]);
  });

  it('a signal ends a poll with EINTR, and the next poll sees the event', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'eintr-poll');
    assert.deepEqual(await client.lines(2), [STARTED, 'poll -1 EINTR']);
    await asleep(client.pid, 'poll');
    (await device.started()).interrupt(1);
    assert.deepEqual(await client.remaining(), ['poll POLLIN|POLLRDNORM', irq(1)]);
  });

  it('a read before START_WORK sleeps, and a signal ends it', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'eintr', '--no-start');
    assert.deepEqual(await client.remaining(), ['read -1 EINTR']);
  });

  it('a descriptor closed by another thread: the sleeping read goes on, later ones are EBADF', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'close-other-thread');
    assert.deepEqual(await client.lines(4), [STARTED, 'thread 0 blocking', 'close 0', 'read -1 EBADF']);
    assert.equal(device.context().status, 'STARTED');
    (await device.started()).interrupt(1);
    assert.deepEqual(await client.remaining(), [`thread 0 ${irq(1)}`]);
    await device.idle();
  });

  it('SIGKILL under a sleeping read: the server goes on, and the process element is free again', async t => {
    const device = await serve(t);
    for (let round = 0; round < 3; round++) {
      const victim = runC(t, device.path(), 'block', '--seconds-free');
      const next = runC(t, device.path(), 'block', '--seconds-free', '--wed', round + 1);
      await Promise.all([device.waitedFor(0), device.waitedFor(1)]);
      await Promise.all([asleep(victim.pid, 'read'), asleep(next.pid, 'read')]);
      assert.equal((await victim.kill()).signal, 'SIGKILL');
      await until('its context is released', () => device.afu.contexts.size === 1);
      const [survivor] = device.afu.contexts.keys();
      (await device.started(survivor)).interrupt(1);
      assert.deepEqual((await next.remaining()).at(-1), irq(1, survivor));
      await device.idle();
    }
  });

  it('SIGKILL under a sleeping poll: the context is released', async t => {
    const device = await serve(t);
    const victim = runC(t, device.path(), 'poll', '--seconds-free');
    await device.waitedFor();
    await asleep(victim.pid, 'poll');
    await victim.kill();
    await device.idle();
  });

  it('C4: an event raised after a reader was killed goes to the next reader of the open file', async t => {
    const device = await serve(t);
    const holder = await hold(t, device.path());
    const victim = runCOn(t, holder, 'block', '--seconds-free');
    const element = await device.waitedFor();
    await asleep(victim.pid, 'read');
    await victim.kill();
    element.interrupt(1);
    assert.deepEqual(await runCOn(t, holder, 'read', '--no-start').remaining(), [irq(1)]);
  });

  it('C4: a reader that is killed while another sleeps in read takes no event from it', async t => {
    const device = await serve(t);
    const holder = await hold(t, device.path());
    const victim = runCOn(t, holder, 'block', '--seconds-free');
    const element = await device.waitedFor();
    await asleep(victim.pid, 'read');
    const other = runCOn(t, holder, 'read', '--no-start');
    await asleep(other.pid, 'read');
    await victim.kill();
    element.interrupt(2);
    assert.deepEqual(await other.remaining(), [irq(2)]);
  });
});
