/* Every errno that open, read, poll and ioctl can give a program, and START_WORK's order of checks. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { CxlError, type Adapter } from '../../src/core/index.ts';
import { Calls, runC } from '../support/clients.ts';
import { serve, type Device, type DeviceOptions } from '../support/device.ts';
import { eventHex, number } from '../support/kinds.ts';
import { any, noCompiler, noFuse, noPython } from '../support/needs.ts';
import { until } from '../support/until.ts';

const powerpc = process.arch.startsWith('ppc');
const START_WORK = powerpc ? 0x8040ca00 : 0x4040ca00;
const GET_PROCESS_ELEMENT = powerpc ? 0x4004ca01 : 0x8004ca01;
const GET_AFU_ID = powerpc ? 0x4040ca02 : 0x8040ca02;
const UNKNOWN = 0xca7f;
const NUM_IRQS = 2;
const TID = 8;

interface Work {
  readonly flags?: bigint | number;
  readonly irqs?: number;
  readonly tid?: number;
  readonly reserved1?: number;
  readonly reserved5?: number;
}

/** A START_WORK structure as a program has it in its memory. */
function work({ flags = 0, irqs = 0, tid = 0, reserved1 = 0, reserved5 = 0 }: Work = {}): string {
  const fields = [number(8, flags), number(8, 0x1234n), number(8, 0), number(2, irqs), number(2, tid)];
  return [...fields, number(4, reserved1), number(8, 0), number(8, 0), number(8, 0), number(8, reserved5)].join('');
}

async function opened(
  t: TestContext,
  options?: DeviceOptions,
  ...flags: string[]
): Promise<{ device: Device; calls: Calls }> {
  const device = await serve(t, options);
  const calls = new Calls(t, device.path(), ...flags);
  assert.equal(await calls.opened(), 'open 0');
  return { device, calls };
}

const interrupt = eventHex(1, [
  [2, 0],
  [2, 1],
  [4, 0],
]);

describe('errnos', { skip: any(noFuse(), noCompiler(), noPython()) }, () => {
  it('a C program is refused what it must be refused, and can start all the same', async t => {
    const device = await serve(t);
    const said = await runC(t, device.path(), 'errnos', '--irqs', 4).remaining();
    const refused = ['reserved1', 'reserved2', 'reserved3', 'reserved4', 'reserved5', 'flag-4', 'flag-63'];
    const irqs = ['irqs-negative', 'irqs-above', 'irqs-below'];
    assert.deepEqual(said, [
      // Of no bytes the kernel does not ask a FUSE server; the driver said EINVAL here too.
      'case read-0 read 0',
      'case read-1 read -1 EINVAL',
      'case read-4095 read -1 EINVAL',
      ...[...refused, ...irqs].map(name => `case ${name} ioctl START_WORK -1 EINVAL`),
      'case start-bad-pointer ioctl START_WORK -1 EFAULT',
      'case unknown-ioctl ioctl 0xCA7F -1 EINVAL',
      'case afu-id-bad-pointer ioctl GET_AFU_ID -1 EFAULT',
      'case afu-id ioctl GET_AFU_ID 0 flags=0x1 card=0 offset=0 mode=2',
      'case process-element ioctl GET_PROCESS_ELEMENT 0 pe=0',
      'case start ioctl START_WORK 0',
      'case start-again ioctl START_WORK -1 EIO',
    ]);
  });

  it('open: EIO without link, and what the driver refuses it with', async t => {
    const device = await serve(t);
    device.adapter.loseLink();
    assert.equal(await new Calls(t, device.path()).opened(), 'open -1 EIO');
    device.adapter.restoreLink();
    const { afu } = device;
    t.mock.method(afu, 'openContext', () => {
      throw new CxlError('ENODEV', 'open', 'the AFU is gone');
    });
    assert.equal(await new Calls(t, device.path()).opened(), 'open -1 ENODEV');
  });

  it('an unknown name is ENOENT', async t => {
    const device = await serve(t);
    assert.equal(await new Calls(t, device.path('d')).opened(), 'open -1 ENOENT');
  });

  const refusals = ['EBUSY', 'EPERM', 'EINVAL', 'ENODEV', 'EIO'] as const;
  for (const code of refusals) {
    it(`START_WORK: the AFU refuses with ${code}, and may be asked again`, async t => {
      let asked = 0;
      const attach = (): void => {
        if (asked++ === 0) throw new CxlError(code, 'attach');
      };
      const { device, calls } = await opened(t, { attach });
      assert.equal(await calls.call('ioctl', START_WORK, work()), `-1 ${code}`);
      assert.equal(device.context().status, 'OPENED');
      assert.equal(await calls.call('ioctl', START_WORK, work()), `0 ${work()}`);
      assert.equal(device.context().status, 'STARTED');
    });
  }

  it('START_WORK: EBUSY while the adapter is reset; the interrupts are given back', async t => {
    const { device, calls } = await opened(t);
    const adapter: Adapter = device.adapter;
    adapter.contextsLocked = true;
    const all = work({ flags: NUM_IRQS, irqs: adapter.userIrqs });
    assert.equal(await calls.call('ioctl', START_WORK, all), '-1 EBUSY');
    adapter.contextsLocked = false;
    assert.equal(await calls.call('ioctl', START_WORK, all), `0 ${all}`);
  });

  it('START_WORK: copy in, then started already, then the fields', async t => {
    const { calls } = await opened(t);
    const bad = work({ flags: 1n << 63n, reserved5: 1 });
    assert.equal(await calls.call('ioctl', START_WORK, bad), '-1 EINVAL');
    assert.equal(await calls.call('ioctl', START_WORK, work()), `0 ${work()}`);
    assert.equal(await calls.call('ioctl-at', START_WORK, 8), '-1 EFAULT');
    assert.equal(await calls.call('ioctl', START_WORK, bad), '-1 EIO');
    assert.equal(await calls.call('ioctl', UNKNOWN, '00'), '-1 EINVAL');
  });

  it('START_WORK: reserved and unknown flags come before the number of interrupts', async t => {
    const { calls } = await opened(t);
    assert.equal(await calls.call('ioctl', START_WORK, work({ reserved1: -1 >>> 0, irqs: 0xffff })), '-1 EINVAL');
    // Without NUM_IRQS the number does not matter.
    const ignored = work({ irqs: 0xffff });
    assert.equal(await calls.call('ioctl', START_WORK, ignored), `0 ${ignored}`);
  });

  it('START_WORK with the TID flag writes tid back into the caller’s memory, and nothing without it', async t => {
    const { calls } = await opened(t);
    const asked = { flags: TID, tid: 0xbeef };
    assert.equal(await calls.call('ioctl', START_WORK, work(asked)), `0 ${work({ ...asked, tid: 0 })}`);
    const second = await opened(t);
    const unasked = work({ tid: 0xbeef });
    assert.equal(await second.calls.call('ioctl', START_WORK, unasked), `0 ${unasked}`);
  });

  it('START_WORK with the TID flag in memory that cannot be written: EFAULT although it is started', async t => {
    const { device, calls } = await opened(t);
    assert.equal(await calls.call('ioctl-readonly', START_WORK, work({ flags: TID })), '-1 EFAULT');
    assert.equal(device.context().status, 'STARTED');
    assert.equal(await calls.call('ioctl', START_WORK, work()), '-1 EIO');
    (await device.started()).interrupt(1);
    assert.equal(await calls.call('read', 4096), `16 ${interrupt}`);
  });

  it('GET_PROCESS_ELEMENT and GET_AFU_ID: EFAULT for memory that cannot be written', async t => {
    const { calls } = await opened(t);
    assert.equal(await calls.call('ioctl-readonly', GET_PROCESS_ELEMENT, '00'.repeat(4)), '-1 EFAULT');
    assert.equal(await calls.call('ioctl-readonly', GET_AFU_ID, '00'.repeat(64)), '-1 EFAULT');
    assert.equal(await calls.call('ioctl', GET_PROCESS_ELEMENT, 'ff'.repeat(4)), '0 00000000');
  });

  it('after detach every ioctl is EIO, also an unknown one', async t => {
    const { device, calls } = await opened(t);
    device.context().detach();
    for (const command of [START_WORK, UNKNOWN]) {
      assert.equal(await calls.call('ioctl', command, work()), '-1 EIO');
    }
    assert.equal(await calls.call('ioctl', GET_AFU_ID, '00'.repeat(64)), '-1 EIO');
    assert.equal(await calls.call('poll'), '0x8');
    assert.equal(await calls.call('read', 4095), '-1 EINVAL');
    assert.equal(await calls.call('read', 4096), '-1 EIO');
  });

  it('without link every call but poll is EIO', async t => {
    const { device, calls } = await opened(t);
    device.adapter.loseLink();
    assert.equal(await calls.call('ioctl', UNKNOWN, '00'), '-1 EIO');
    assert.equal(await calls.call('read', 4095), '-1 EIO');
    assert.equal(await calls.call('poll'), '0x8');
  });

  it('C4: a read into a bad pointer is EFAULT, and the event is still there', async t => {
    const { device, calls } = await opened(t, {}, 'nonblock');
    await calls.call('ioctl', START_WORK, work());
    (await device.started()).interrupt(1);
    assert.equal(await calls.call('read-at', 8, 4096), '-1 EFAULT');
    assert.equal(await calls.call('poll'), '0x41');
    assert.equal(await calls.call('read', 4096), `16 ${interrupt}`);
    assert.equal(await calls.call('read', 4096), '-1 EAGAIN');
  });

  it('a read of 1 MiB brings one event; write is EINVAL and lseek ESPIPE', async t => {
    const { device, calls } = await opened(t);
    await calls.call('ioctl', START_WORK, work());
    (await device.started()).interrupt(1);
    assert.equal(await calls.call('read', 1 << 20), `16 ${interrupt}`);
    assert.equal(await calls.call('write', '00'), '-1 EINVAL');
    assert.equal(await calls.call('lseek', 0), '-1 ESPIPE');
  });

  it('C2: a long read whose first 64 KiB are full does not sleep for more', async t => {
    const { device, calls } = await opened(t, { eventsPerRead: 65_536, mayComplain: /libcxl/ });
    const { userIrqs } = device.adapter;
    const most = work({ flags: NUM_IRQS, irqs: userIrqs });
    assert.equal(await calls.call('ioctl', START_WORK, most), `0 ${most}`);
    const element = await device.started();
    for (let i = 0; i < 8; i++) device.post('x'.repeat(4088));
    device.post('x'.repeat(65_536 - 8 * 4096 - 16 * userIrqs - 8));
    for (let irq = 1; irq <= userIrqs; irq++) element.interrupt(irq);
    assert.match(await calls.call('read', 131_072), /^65536 0400/);
    await until('nothing is left', () => device.context().poll() === 0);
  });
});
