/* debug/cxl/inject: what each command does to a real program, byte for byte, and what is refused. */
import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { describe, it } from 'node:test';

import { hold, runC } from '../support/clients.ts';
import { serve } from '../support/device.ts';
import { contexts, debugFile, finished, inject, program } from '../support/inject.ts';
import { eventHex } from '../support/kinds.ts';
import { any, noCompiler, noFuse, noPython } from '../support/needs.ts';
import { until } from '../support/until.ts';

const STARTED = 'ioctl START_WORK 0';
const irq = (number: number, pe = 0): string => `event afu_interrupt pe=${pe} irq=${number} size=16`;

const fault = (address: bigint, dsisr: bigint): string =>
  eventHex(2, [
    [2, 0],
    [2, 0],
    [4, 0],
    [8, address],
    [8, dsisr],
    [8, 0],
  ]);
const error = (code: bigint): string =>
  eventHex(3, [
    [2, 0],
    [2, 0],
    [4, 0],
    [8, code],
  ]);
const interrupt = (irq: number): string =>
  eventHex(1, [
    [2, 0],
    [2, irq],
    [4, 0],
  ]);
const utf8 = (text: string): string => Buffer.from(text).toString('hex');
const needs = any(noFuse(), noCompiler(), noPython());

describe('injected events', { skip: needs }, () => {
  const events: readonly [command: string, hex: string][] = [
    ['interrupt afu0.0/0 4', interrupt(4)],
    ['interrupt afu0.0/* 0x2', interrupt(2)],
    ['fault afu0.0/0 0xfedcba9876543210 0x4000000042000000', fault(0xfedc_ba98_7654_3210n, 0x4000_0000_4200_0000n)],
    ['fault afu0.0/0 4096', fault(4096n, 0n)],
    ['error afu0.0/0 18446744073709551615', error(0xffff_ffff_ffff_ffffn)],
    ['event afu0.0/0 00fF0a', eventHex(4, [], '00ff0a')],
    ['event afu0.0/0 text:two  words, ä ', eventHex(4, [], utf8('two  words, ä '))],
    ['event afu0.0/0 text:', eventHex(4, [])],
    [`event afu0.0/0 ${'a5'.repeat(4088)}`, eventHex(4, [], 'a5'.repeat(4088))],
  ];

  it('are the kernel’s, byte for byte', async t => {
    const device = await serve(t, { mayComplain: /libcxl/ });
    const calls = await program(t, device, 'nonblock');
    for (const [command, hex] of events) {
      await inject(device, command);
      assert.equal(await calls.call('poll'), '0x41', command);
      assert.equal(await calls.call('read', 4096), `${hex.length / 2} ${hex}`, command);
      assert.equal(await calls.call('read', 4096), '-1 EAGAIN', command);
    }
    await finished(device, calls);
  });

  for (const scenario of ['block', 'poll', 'select', 'epoll', 'epollet']) {
    it(`wake a program that sleeps: ${scenario}`, async t => {
      const device = await serve(t);
      const client = runC(t, device.path(), scenario);
      await device.waitedFor();
      await inject(device, 'interrupt afu0.0/0 1');
      assert.equal(
        (await client.remaining()).find(line => line.startsWith('event')),
        irq(1),
      );
      await device.idle();
    });
  }

  it('come in the order of the lines, a driver event before the driver’s own', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'drain');
    await device.started();
    device.post('own');
    await inject(device, 'error afu0.0/0 1', '', 'fault afu0.0/0 2', 'interrupt afu0.0/0 3', 'event afu0.0/0 01');
    const [context] = await contexts(device);
    assert.deepEqual(context?.pending, { driver: 2, interrupts: [3], fault: true, error: true });
    client.send('go');
    assert.deepEqual(await client.remaining(), [
      STARTED,
      'event afu_driver pe=0 data=01',
      `event afu_driver pe=0 data=${utf8('own')}`,
      irq(3),
      'event data_storage pe=0 addr=0x2 dsisr=0x0',
      'event afu_error pe=0 error=0x1',
      'read -1 EAGAIN',
      'poll 0',
    ]);
  });

  it('*: every context that takes it; refused only when none does', async t => {
    const device = await serve(t);
    const holder = await hold(t, device.path());
    const client = runC(t, device.path(), 'read');
    await device.waitedFor(1);
    // Process element 0 has no work, and so no interrupts.
    await inject(device, 'interrupt afu0.0/* 1');
    assert.deepEqual(await client.remaining(), [STARTED, irq(1, 1)]);
    await until('its context is released', () => device.afu.contexts.size === 1);
    await assert.rejects(inject(device, 'interrupt afu0.0/* 1'), { code: 'EINVAL' });
    await holder.finish();
    await device.idle();
    await assert.rejects(inject(device, 'interrupt afu0.0/* 1'), { code: 'ENOENT' });
  });
});

describe('injected changes of state', { skip: needs }, () => {
  it('detach: what is pending is read, then EIO for ever; whoever injects more is told', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'drain');
    await device.started();
    await inject(device, 'interrupt afu0.0/0 2', 'detach afu0.0/0');
    assert.equal((await contexts(device))[0]?.status, 'CLOSED');
    for (const more of ['interrupt afu0.0/0 1', 'fault afu0.0/0 1', 'error afu0.0/0 1', 'detach afu0.0/0'])
      await assert.rejects(inject(device, more), { code: 'EIO' }, more);
    client.send('go');
    assert.deepEqual(await client.remaining(), [STARTED, irq(2), 'read -1 EIO', 'poll POLLERR']);
  });

  it('detach wakes a reader that sleeps, of a context that was never started too', async t => {
    const device = await serve(t);
    const clients = [runC(t, device.path(), 'block'), runC(t, device.path(), 'block', '--no-start')];
    await until('both wait', () => device.afu.contexts.size === 2);
    await until('both sleep', () => [0, 1].every(pe => !device.context(pe).waiters.empty));
    await inject(device, 'detach afu0.0/*');
    for (const client of clients) assert.equal((await client.remaining()).at(-1), 'read -1 EIO');
  });

  it('link down and up: readers get EIO, opening is EIO; then it works anew', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'block');
    await device.waitedFor();
    await inject(device, 'link card0 down');
    assert.equal(device.adapter.link, 'down');
    assert.equal((await client.remaining()).at(-1), 'read -1 EIO');
    assert.deepEqual(await runC(t, device.path(), 'read').remaining(), ['open -1 EIO']);
    await device.idle();
    await inject(device, 'link card0 up');
    const next = runC(t, device.path(), 'block');
    await device.waitedFor();
    await inject(device, 'interrupt afu0.0/0 1');
    assert.equal((await next.remaining()).at(-1), irq(1));
  });

  it('link fail is for good, until the card is probed', async t => {
    const device = await serve(t);
    await inject(device, 'link card0 fail');
    assert.equal(device.adapter.link, 'failed');
    await assert.rejects(inject(device, 'link card0 up'), { code: 'ENODEV' });
    await inject(device, 'probe card0');
    assert.equal(device.adapter.link, 'up');
    assert.equal((await runC(t, device.path(), 'afu-id').remaining()).length, 2);
  });

  it('reset of a card: EBUSY while work is attached, unless forced; EIO without link', async t => {
    const device = await serve(t);
    const client = runC(t, device.path(), 'block');
    await device.waitedFor();
    await assert.rejects(inject(device, 'reset card0'), { code: 'EBUSY' });
    await inject(device, 'reset card0 force');
    assert.equal((await client.remaining()).at(-1), 'read -1 EIO');
    await device.idle();
    await inject(device, 'reset card0', 'link card0 down');
    await assert.rejects(inject(device, 'reset card0'), { code: 'EIO' });
  });

  it('reset of an AFU: EBUSY while it is open', async t => {
    let resets = 0;
    const device = await serve(t);
    Object.assign(device.afu.backend, { reset: () => void resets++ });
    const holder = await hold(t, device.path());
    await assert.rejects(inject(device, 'reset afu0.0'), { code: 'EBUSY' });
    await holder.finish();
    await device.idle();
    await inject(device, 'reset afu0.0');
    assert.equal(resets, 1);
  });
});

describe('refused commands', { skip: needs }, () => {
  const refused: readonly [command: string, code: string][] = [
    ['nonsense', 'EINVAL'],
    ['interrupt', 'EINVAL'],
    ['interrupt afu0.0', 'EINVAL'],
    ['interrupt afu0.0/0', 'EINVAL'],
    ['interrupt afu0.0/0 0', 'EINVAL'],
    ['interrupt afu0.0/0 -1', 'EINVAL'],
    ['interrupt afu0.0/0 1 2', 'EINVAL'],
    ['interrupt afu0.0/0 5', 'EINVAL'],
    ['interrupt afu0.0/0 65536', 'EINVAL'],
    ['interrupt afu0.0/1 1', 'ENOENT'],
    ['interrupt afu0.1/0 1', 'ENOENT'],
    ['interrupt afu1.0/* 1', 'ENOENT'],
    ['fault afu0.0/0', 'EINVAL'],
    ['fault afu0.0/0 0x10000000000000000', 'EINVAL'],
    ['fault afu0.0/0 1 x', 'EINVAL'],
    ['error afu0.0/0 1.5', 'EINVAL'],
    ['event afu0.0/0', 'EINVAL'],
    ['event afu0.0/0 abc', 'EINVAL'],
    ['event afu0.0/0 zz', 'EINVAL'],
    [`event afu0.0/0 ${'00'.repeat(4089)}`, 'EINVAL'],
    ['delay afu0.0/0', 'EINVAL'],
    ['delay afu0.0/0 3600001', 'EINVAL'],
    ['drop afu0.0/0 1', 'EINVAL'],
    ['link card0', 'EINVAL'],
    ['link card0 sideways', 'EINVAL'],
    ['link card1 down', 'ENOENT'],
    ['link afu0.0 down', 'EINVAL'],
    ['probe card7', 'ENOENT'],
    ['reset card7', 'ENOENT'],
    ['reset afu0.3', 'ENOENT'],
    ['reset afu0.0 force', 'EINVAL'],
  ];

  it('nothing happens, and the writer gets the errno', async t => {
    const device = await serve(t);
    const calls = await program(t, device, 'nonblock');
    for (const [command, code] of refused) await assert.rejects(inject(device, command), { code }, command);
    assert.equal(await calls.call('poll'), '0x0');
    assert.equal(device.adapter.link, 'up');
    assert.equal((await contexts(device))[0]?.nextReply, null);
    await finished(device, calls);
  });

  it('lines before the first that fails are carried out, those after it not', async t => {
    const device = await serve(t);
    const calls = await program(t, device, 'nonblock');
    const lines = ['interrupt afu0.0/0 1', 'interrupt afu0.0/9 1', 'interrupt afu0.0/0 2'];
    await assert.rejects(inject(device, ...lines), { code: 'ENOENT' });
    assert.deepEqual((await contexts(device))[0]?.pending.interrupts, [1]);
    await finished(device, calls);
  });

  it('EMSGSIZE for a write that the kernel would cut in two', async t => {
    const device = await serve(t);
    const calls = await program(t, device, 'nonblock');
    const command = 'interrupt afu0.0/0 1\n';
    await assert.rejects(writeFile(debugFile(device, 'inject'), command.repeat(4000)), { code: 'EMSGSIZE' });
    assert.equal(await calls.call('poll'), '0x0');
    await finished(device, calls);
  });

  it('inject can only be written, state and events only read, by the owner', async t => {
    const device = await serve(t);
    const modes = { inject: 0o200, state: 0o400, events: 0o400 };
    for (const [name, mode] of Object.entries(modes)) {
      assert.equal((await stat(debugFile(device, name))).mode & 0o7777, mode, name);
      const wrong = mode === 0o200 ? readFile(debugFile(device, name)) : writeFile(debugFile(device, name), 'x');
      await assert.rejects(wrong, { code: 'EACCES' }, name);
    }
  });
});
