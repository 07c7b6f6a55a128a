/* One open file in several hands: dup, fork, descriptors sent over a socket, and the last close. */
import assert from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { asleep } from '../support/asleep.ts';
import { hold, runC, runCOn } from '../support/clients.ts';
import { serve, type Device } from '../support/device.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';

const STARTED = 'ioctl START_WORK 0';
const irq = (number: number): string => `event afu_interrupt pe=0 irq=${number} size=16`;

/** Whatever the kernel had to say before has been heard when this resolves: requests come in order. */
const heard = (device: Device): Promise<unknown> => stat(device.path());

describe('one open file in several hands', { skip: any(noFuse(), noCompiler()) }, () => {
  it('a descriptor and its dup read from one queue', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'dup', 3);
    assert.equal(await client.line(), STARTED);
    const element = await device.started();
    const seen: string[] = [];
    for (const number of [1, 2, 3]) {
      await asleep(client.pid, 'read');
      element.interrupt(number);
      seen.push(await client.line());
    }
    assert.deepEqual(seen, [`fd ${irq(1)}`, `dup ${irq(2)}`, `fd ${irq(3)}`]);
    assert.equal((await client.ended).code, 0);
    await device.idle();
  });

  it('a child reads from the descriptor that it inherited, then the parent does', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'fork');
    assert.equal(await client.line(), STARTED);
    const element = await device.waitedFor();
    element.interrupt(1);
    assert.equal(await client.line(), `child ${irq(1)}`);
    assert.equal(device.afu.contexts.size, 1, 'the child was not the last');
    await device.waitedFor();
    element.interrupt(2);
    assert.deepEqual(await client.remaining(), [`parent ${irq(2)}`]);
    await device.idle();
  });

  it('a descriptor sent over a socket keeps the context when the sender closes its own', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'scm');
    assert.equal(await client.line(), STARTED);
    const element = await device.waitedFor();
    await heard(device);
    assert.equal(device.context().status, 'STARTED');
    element.interrupt(1);
    assert.deepEqual(await client.remaining(), [`child ${irq(1)}`]);
    await device.idle();
  });

  it('the context is released with the last of its descriptors, whoever has it', async t => {
    const device = await serve(t);
    const first = await hold(t, device.path());
    const holders = [runCOn(t, first, 'hold'), runCOn(t, first, 'hold')];
    for (const holder of holders) assert.equal(await holder.line(), 'open');
    const context = device.context();
    await first.finish();
    await heard(device);
    assert.equal(context.released, false, 'two processes have it');
    await holders[0]!.finish();
    await heard(device);
    assert.equal(context.released, false, 'one process has it');
    assert.equal(context.status, 'OPENED');
    await holders[1]!.finish();
    await device.idle();
    assert.ok(context.released);
    assert.equal(context.status, 'CLOSED');
  });

  it('close ends the work: the AFU is told, and what was queued is gone with the context', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'read');
    const element = await device.waitedFor();
    device.post('for the one who is there');
    await client.remaining();
    await device.idle();
    assert.equal(element.attached, false);
    const next = runC(t, device.path(), 'nonblock');
    assert.deepEqual(await next.lines(2), [STARTED, 'read -1 EAGAIN']);
    await next.kill();
  });

  it('process exit is a close, also with a read under way in another thread', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'threads', 1);
    assert.equal(await client.line(), STARTED);
    await asleep(client.pid, 'read', 2);
    (await device.started()).interrupt(1);
    assert.equal((await client.ended).code, 0);
    await device.idle();
  });
});
