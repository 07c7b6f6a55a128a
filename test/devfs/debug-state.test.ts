/* debug/cxl/state: what is there, who has it, what is pending and what came of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { CXL_IOCTL_START_WORK } from '../../src/abi/index.ts';
import { asleep } from '../support/asleep.ts';
import { hold, runC, runCOn, runScript } from '../support/clients.ts';
import { serve } from '../support/device.ts';
import { contexts, inject, state } from '../support/inject.ts';
import { any, noCompiler, noFuse, noPython } from '../support/needs.ts';

describe('debug/cxl/state', { skip: any(noFuse(), noCompiler(), noPython()) }, () => {
  it('says what there is', async t => {
    const device = await serve(t, { modes: ['dedicated_process', 'afu_directed'], numProcs: 8 });
    assert.deepEqual(await state(device), {
      adapters: [
        {
          name: 'card0',
          card: 0,
          link: 'up',
          contextsLocked: false,
          freeInterrupts: device.adapter.userIrqs,
          afus: [
            {
              name: 'afu0.0',
              slice: 0,
              mode: 'afu_directed',
              modesSupported: ['dedicated_process', 'afu_directed'],
              model: 'test',
              driver: 'test',
              numProcs: 8,
              contexts: [],
            },
          ],
        },
      ],
    });
  });

  it('says who has a context open, what is pending on it and what came of it', async t => {
    const device = await serve(t);
    const client = runC(t, device.path('m'), 'read', 2, '--wed', 0xabc);
    await device.waitedFor();
    await inject(device, 'error afu0.0/0 1');
    await client.lines(2);
    await asleep(client.pid, 'read');
    assert.deepEqual(await contexts(device), [
      {
        pe: 0,
        name: 'afu0.0 pe 0',
        status: 'STARTED',
        master: true,
        pid: client.pid,
        command: 'client',
        startedBy: client.pid,
        interrupts: 4,
        wed: '0x0000000000000abc',
        pending: { driver: 0, interrupts: [], fault: false, error: false },
        nextReply: null,
        driver: 'test',
        counters: { raised: 1, coalesced: 0, delivered: 1, kept: 0, dropped: 0 },
      },
    ]);
    await client.kill();
    await device.idle();
  });

  it('names the process, also when one of its threads opened and started', async t => {
    const device = await serve(t);
    const script = `
import fcntl, os, sys, threading
def work():
    fd = os.open(sys.argv[1], os.O_RDWR)
    fcntl.ioctl(fd, ${CXL_IOCTL_START_WORK}, bytes(64))
thread = threading.Thread(target=work)
thread.start()
thread.join()
print("started", flush=True)
sys.stdin.read()`;
    const client = runScript(t, script, device.path());
    assert.equal(await client.line(), 'started');
    const [context] = await contexts(device);
    assert.deepEqual([context?.pid, context?.startedBy], [client.pid, client.pid]);
    assert.match(context?.command ?? '', /^python/);
    await client.finish();
    await device.idle();
  });

  it('a process that is gone has no command; another one holds its descriptor', async t => {
    const device = await serve(t);
    const opener = await hold(t, device.path());
    const other = runCOn(t, opener, 'hold', '--seconds-free');
    assert.equal(await other.line(), 'open');
    await opener.kill();
    const [context] = await contexts(device);
    assert.deepEqual([context?.pid, context?.command], [opener.pid, null]);
    await other.finish();
    await device.idle();
  });
});
