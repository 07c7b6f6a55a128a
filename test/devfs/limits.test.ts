/* How many contexts there can be: process elements, interrupts, dedicated mode, and a thousand at once. */
import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { runC } from '../support/clients.ts';
import { serve } from '../support/device.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';
import { until } from '../support/until.ts';

describe('limits', { skip: any(noFuse(), noCompiler()) }, () => {
  it('ENOSPC when all process elements are in use; the lowest that is free is used again', async t => {
    const device = await serve(t, { numProcs: 3 });
    const holders = [];
    for (let pe = 0; pe < 3; pe++) {
      const holder = runC(t, device.path(), 'hold');
      assert.equal(await holder.line(), 'open');
      holders.push(holder);
    }
    const refused = runC(t, device.path(), 'afu-id');
    assert.deepEqual(await refused.remaining(), ['open -1 ENOSPC']);
    assert.equal((await refused.ended).code, 1);

    await holders[1]!.finish();
    await until('its context is released', () => device.afu.contexts.size === 2);
    const reused = await runC(t, device.path(), 'afu-id').remaining();
    assert.equal(reused[1], 'ioctl GET_PROCESS_ELEMENT 0 pe=1');
  });

  it('one client stops at numProcs, and gets no further', async t => {
    const device = await serve(t, { numProcs: 5 });
    const client = runC(t, device.path(), 'hold-many', 9);
    assert.equal(await client.line(), 'opened 5 errno ENOSPC');
    assert.equal((await client.finish()).code, 0);
    await device.idle();
  });

  it('the master and the slave node share the process elements', async t => {
    const device = await serve(t, { numProcs: 1 });
    const master = runC(t, device.path('m'), 'hold');
    assert.equal(await master.line(), 'open');
    assert.deepEqual(await runC(t, device.path('s'), 'hold').remaining(), ['open -1 ENOSPC']);
  });

  it('dedicated mode has the d node alone, and a second open is ENOSPC', async t => {
    const device = await serve(t, { modes: ['dedicated_process'], numProcs: 7 });
    assert.deepEqual(await readdir(join(device.directory, 'dev/cxl')), ['afu0.0d']);
    const client = runC(t, device.path('d'), 'read');
    const element = await device.waitedFor();
    assert.deepEqual(await runC(t, device.path('d'), 'read').remaining(), ['open -1 ENOSPC']);
    element.interrupt(1);
    assert.equal((await client.remaining()).at(-1), 'event afu_interrupt pe=0 irq=1 size=16');
    await device.idle();
    const said = await runC(t, device.path('d'), 'afu-id').remaining();
    assert.deepEqual(said, ['ioctl GET_AFU_ID 0 flags=0x0 card=0 offset=0 mode=1', 'ioctl GET_PROCESS_ELEMENT 0 pe=0']);
  });

  it('ENOSPC when the adapter has not that many interrupts left, and they come back at close', async t => {
    const device = await serve(t);
    const { userIrqs } = device.adapter;
    const first = runC(t, device.path(), 'block', '--irqs', userIrqs - 5);
    await device.waitedFor();
    const second = runC(t, device.path(), 'nonblock', '--irqs', 6);
    assert.equal(await second.line(), 'ioctl START_WORK -1 ENOSPC');
    const third = runC(t, device.path(), 'block', '--irqs', 5);
    assert.equal(await third.line(), 'ioctl START_WORK 0');
    await second.kill();
    await third.kill();
    await first.kill();
    await device.idle();
    const fourth = runC(t, device.path(), 'read', '--irqs', userIrqs);
    (await device.waitedFor()).interrupt(userIrqs);
    assert.equal((await fourth.remaining()).at(-1), `event afu_interrupt pe=0 irq=${userIrqs} size=16`);
  });

  it('1,000 contexts in one program: the last gets its event', async t => {
    const device = await serve(t, { numProcs: 1000 });
    const client = runC(t, device.path(), 'hold-many', 1000);
    assert.equal(await client.line(), 'opened 1000');
    assert.equal(device.afu.contexts.size, 1000);
    client.send('start the last');
    const element = await device.waitedFor(999);
    element.interrupt(2);
    assert.deepEqual(await client.lines(2), ['ioctl START_WORK 0', 'event afu_interrupt pe=999 irq=2 size=16']);
    assert.equal((await client.finish()).code, 0);
    await device.idle();
  });
});
