/* `delay` and `drop` in debug/cxl/inject: replies that come late or never, and what becomes of their events. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CXL_IOCTL_GET_PROCESS_ELEMENT, CXL_IOCTL_START_WORK } from '../../src/abi/index.ts';
import { asleep } from '../support/asleep.ts';
import { Calls, hold, runC, runCOn } from '../support/clients.ts';
import { serve, type Device } from '../support/device.ts';
import { contexts, finished, inject, NO_WORK, program } from '../support/inject.ts';
import { number } from '../support/kinds.ts';
import { any, noCompiler, noFuse, noPython } from '../support/needs.ts';
import { until } from '../support/until.ts';

describe('injected replies', { skip: any(noFuse(), noCompiler(), noPython()) }, () => {
  const DELAY = 60;
  const delayed = async (device: Device, call: () => Promise<string>): Promise<string> => {
    await inject(device, `delay afu0.0/0 ${DELAY}`);
    assert.deepEqual((await contexts(device))[0]?.nextReply, { delayMs: DELAY });
    const before = performance.now();
    const answer = await call();
    const took = performance.now() - before;
    // Node's timers may be early by one millisecond.
    assert.ok(took >= DELAY - 1, `answered after ${took} ms`);
    assert.equal((await contexts(device))[0]?.nextReply, null);
    return answer;
  };

  it('of a read: the event comes late, and only once late', async t => {
    const device = await serve(t);
    const calls = await program(t, device, 'nonblock');
    await inject(device, 'interrupt afu0.0/0 1');
    assert.match(await delayed(device, () => calls.call('read', 4096)), /^16 /);
    assert.equal(await calls.call('read', 4096), '-1 EAGAIN');
    assert.equal(await delayed(device, () => calls.call('read', 4096)), '-1 EAGAIN');
    assert.equal(await delayed(device, () => calls.call('read', 100)), '-1 EINVAL');
    await finished(device, calls);
  });

  it('of a read that sleeps on: it is woken as ever', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'hold', '--seconds-free');
    assert.equal(await client.line(), 'open');
    await inject(device, 'delay afu0.0/0 1');
    const reader = runCOn(t, client, 'block', '--no-start');
    await until('it waits', () => !device.context().waiters.empty);
    await inject(device, 'error afu0.0/0 7');
    assert.deepEqual(await reader.remaining(), ['blocking', 'event afu_error pe=0 error=0x7']);
  });

  it('of an ioctl: its argument is the caller’s, and what fails still fails', async t => {
    const device = await serve(t);
    const calls = new Calls(t, device.path());
    assert.equal(await calls.opened(), 'open 0');
    const wed = number(8, 0x1122_3344_5566_7788n);
    const work = '00'.repeat(8) + wed + '00'.repeat(48);
    // Another request in between uses the session's buffers.
    const other = new Calls(t, device.path());
    assert.equal(await other.opened(), 'open 0');
    const answer = delayed(device, async () => {
      const late = calls.call('ioctl', CXL_IOCTL_START_WORK, work);
      await other.call('ioctl', CXL_IOCTL_START_WORK, 'ff'.repeat(64));
      return late;
    });
    assert.equal(await answer, `0 ${work}`);
    assert.equal((await contexts(device))[0]?.wed, '0x1122334455667788');
    assert.equal(await delayed(device, () => calls.call('ioctl', CXL_IOCTL_START_WORK, work)), '-1 EIO');
    const pe = () => calls.call('ioctl', CXL_IOCTL_GET_PROCESS_ELEMENT, 'ffffffff');
    assert.equal(await delayed(device, pe), '0 00000000');
    await finished(device, calls, other);
  });

  for (const reply of ['delay afu0.0/0 3600000', 'drop afu0.0/0']) {
    const [what] = reply.split(' ') as [string];
    it(`C4: a signal ends a read under ${what} with EINTR, and its event is read next`, async t => {
      const device = await serve(t);
      const holder = await hold(t, device.path());
      await inject(device, 'fault afu0.0/0 1 2', reply);
      // Without START_WORK, whose ioctl would take the reply.
      const client = runCOn(t, holder, 'eintr', '--no-start');
      assert.deepEqual(await client.remaining(), ['read -1 EINTR']);
      assert.equal((await contexts(device))[0]?.pending.fault, true);
      const next = runCOn(t, holder, 'read', '--no-start');
      assert.deepEqual(await next.remaining(), ['event data_storage pe=0 addr=0x1 dsisr=0x2']);
    });

    it(`${what}: a program that is killed under it leaves nothing behind`, async t => {
      const device = await serve(t);
      const clients = [runC(t, device.path(), 'hold', '--seconds-free')];
      assert.equal(await clients[0]!.line(), 'open');
      await inject(device, reply);
      const victim = runCOn(t, clients[0]!, 'block', '--no-start', '--seconds-free');
      await asleep(victim.pid, 'read');
      assert.equal((await victim.kill()).signal, 'SIGKILL');
      await clients[0]!.finish();
      await device.idle();
    });

    it(`${what}: an ioctl under it, and the mount goes away`, async t => {
      const device = await serve(t);
      const calls = new Calls(t, device.path());
      assert.equal(await calls.opened(), 'open 0');
      await inject(device, reply);
      calls.program.send(`ioctl ${CXL_IOCTL_START_WORK} ${NO_WORK}`);
      await until('the call has begun', async () => (await contexts(device))[0]?.nextReply === null);
      assert.equal(device.context().status, 'OPENED');
    });
  }
});
