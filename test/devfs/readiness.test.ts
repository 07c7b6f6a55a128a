/* poll, select and epoll of C programs: never ready without an event (C1), never asleep with one (C2). */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { asleep } from '../support/asleep.ts';
import { hold, runC, runCOn } from '../support/clients.ts';
import { serve } from '../support/device.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';

const STARTED = 'ioctl START_WORK 0';
const irq = (number: number): string => `event afu_interrupt pe=0 irq=${number} size=16`;

describe('readiness', { skip: any(noFuse(), noCompiler()) }, () => {
  const ways = [
    ['nonblock', 'poll', ['poll POLLIN|POLLRDNORM'], ['read -1 EAGAIN']],
    ['poll', 'poll', ['poll POLLIN|POLLRDNORM'], []],
    ['select', 'poll', ['select read'], []],
    ['epoll', 'epoll', ['epoll POLLIN|POLLRDNORM'], []],
    ['epollet', 'epoll', ['epoll POLLIN|POLLRDNORM'], ['read -1 EAGAIN']],
  ] as const;

  for (const [scenario, call, ready, drained] of ways) {
    it(`C1, C2: ${scenario} sleeps until an event is there, and then reads it`, async t => {
      const device = await serve(t);
      const client = runC(t, device.path(), scenario, 3);
      assert.equal(await client.line(), STARTED);
      if (scenario === 'nonblock') assert.equal(await client.line(), 'read -1 EAGAIN');
      const element = await device.started();
      for (const number of [1, 2, 3]) {
        await asleep(client.pid, call);
        element.interrupt(number);
        assert.deepEqual(await client.lines(ready.length + 1), [...ready, irq(number)]);
        if (number < 3 || scenario === 'epollet') assert.deepEqual(await client.lines(drained.length), drained);
      }
      assert.deepEqual(await client.remaining(), []);
    });

    it(`C2: ${scenario} does not sleep at all when the event came before`, async t => {
      const device = await serve(t, { attach: element => queueMicrotask(() => element.interrupt(4)) });
      const client = runC(t, device.path(), scenario);
      assert.ok((await client.remaining()).includes(irq(4)));
    });
  }

  it('C2: edge-triggered epoll is woken by a new event while the former is unread', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'epollet-nodrain', 3);
    assert.equal(await client.line(), STARTED);
    await asleep(client.pid, 'epoll');
    const element = await device.started();
    element.interrupt(1);
    element.interrupt(2);
    assert.deepEqual(await client.lines(2), ['epoll POLLIN|POLLRDNORM', irq(1)]);
    for (const next of [3, 4]) {
      await asleep(client.pid, 'epoll');
      element.interrupt(next);
      assert.deepEqual(await client.lines(2), ['epoll POLLIN|POLLRDNORM', irq(next - 1)]);
    }
    assert.deepEqual(await client.remaining(), []);
  });

  const calls = { 'watch-poll': 'poll', 'watch-epoll': 'epoll', 'watch-epollet': 'epoll' } as const;
  for (const [scenario, call] of Object.entries(calls)) {
    it(`C2: one event wakes all three processes in ${scenario} on one open file`, async t => {
      const device = await serve(t);
      const holder = await hold(t, device.path());
      const first = runCOn(t, holder, scenario);
      const element = await device.started();
      const all = [first, runCOn(t, holder, scenario, '--no-start'), runCOn(t, holder, scenario, '--no-start')];
      await Promise.all(all.map(({ pid }) => asleep(pid, call)));
      element.interrupt(1);
      const word = call === 'poll' ? 'poll' : 'epoll';
      const said = await Promise.all(all.map(client => client.remaining()));
      const ready = `${word} POLLIN|POLLRDNORM`;
      assert.deepEqual(said, [[STARTED, ready], [ready], [ready]]);
    });
  }

  it('C2: detach wakes all three processes on one open file', async t => {
    const device = await serve(t);
    const holder = await hold(t, device.path());
    const all = [runCOn(t, holder, 'read')];
    await device.started();
    all.push(runCOn(t, holder, 'watch-poll', '--no-start'), runCOn(t, holder, 'watch-epoll', '--no-start'));
    await Promise.all((['read', 'poll', 'epoll'] as const).map((call, index) => asleep(all[index]!.pid, call)));
    device.context().detach();
    const said = await Promise.all(all.map(client => client.remaining()));
    assert.deepEqual(said, [[STARTED, 'read -1 EIO'], ['poll POLLERR'], ['epoll POLLERR']]);
  });
});
