import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeEvents } from '../../src/abi/index.ts';
import type { CxlFile, WaitOptions } from '../../src/file/index.ts';
import { brief, driverForms, FAILED, FetchDriver, owner, READY } from '../core/rig.ts';
import { openRig, startedFile } from './files.ts';

async function readBrief(file: CxlFile, options?: WaitOptions): Promise<string[]> {
  const buffer = new Uint8Array(4096);
  return decodeEvents(buffer, await file.read(buffer, options)).map(brief);
}

/** 'waiting' while a promise is neither resolved nor rejected. */
function isPending(promise: Promise<unknown>): Promise<boolean> {
  const waiting = Symbol('waiting');
  // One turn of the microtask queue longer than a settled promise needs.
  const later = Promise.resolve().then(() => waiting);
  return Promise.race([promise, later]).then(
    result => result === waiting,
    () => false,
  );
}

describe('read', () => {
  it('resolves at once with what is pending, and before close can take it away', async () => {
    const { file, context } = startedFile();
    context.raiseInterrupt(3);
    const reading = readBrief(file);
    file.close();
    assert.deepEqual(await reading, ['irq 3']);
  });

  for (const [form, make] of driverForms) {
    it(`waits for an event of the driver, ${form}`, async () => {
      const { file, context } = startedFile();
      const driver = make(context);
      const reading = readBrief(file);
      assert.ok(await isPending(reading));
      driver.post(1, 2);
      assert.deepEqual(await reading, ['driver 1,2']);
    });
  }

  it('of a file that was never started waits, and gets what comes after the start', async () => {
    const { file, context } = openRig();
    const reading = readBrief(file);
    file.startWork();
    context.raiseInterrupt(1);
    assert.deepEqual(await reading, ['irq 1']);
  });

  it('rejects with EINVAL for a short buffer at once', async () => {
    const { file } = startedFile();
    await assert.rejects(file.read(new Uint8Array(4095)), { code: 'EINVAL', syscall: 'read' });
  });

  it('several on one file: each event goes to exactly one, first come first served', async () => {
    const { file, context } = startedFile();
    const readers = Array.from({ length: 5 }, () => readBrief(file));
    for (const number of [5, 4, 3]) context.raiseInterrupt(number);
    const driver = new FetchDriver(context);
    driver.post(1);
    driver.post(2);
    assert.deepEqual(await Promise.all(readers), [['irq 5'], ['irq 4'], ['irq 3'], ['driver 1'], ['driver 2']]);
    assert.equal(file.poll(), 0);
    assert.ok(context.waiters.empty);
  });

  for (const started of [true, false]) {
    it(`detach and link loss end every waiting one with EIO, ${started ? 'started' : 'never started'}`, async () => {
      for (const end of ['detach', 'loseLink'] as const) {
        const { adapter, file, context } = started ? startedFile() : openRig();
        const readers = [readBrief(file), readBrief(file)];
        if (end === 'detach') context.detach();
        else adapter.loseLink();
        for (const result of await Promise.allSettled(readers)) {
          assert.ok(result.status === 'rejected');
          assert.equal((result.reason as { code: string }).code, 'EIO');
        }
      }
    });
  }

  it('close ends every waiting one with EBADF', async () => {
    const { file } = startedFile();
    const readers = [file.read(new Uint8Array(4096)), file.ready(), file.read(new Uint8Array(4096))];
    file.close();
    const codes = (await Promise.allSettled(readers)).map(result =>
      result.status === 'rejected' ? (result.reason as { code: string }).code : result.value,
    );
    assert.deepEqual(codes, ['EBADF', 'EBADF', 'EBADF']);
  });

  it('close from inside a callback of the driver ends a waiting one with EBADF', async () => {
    const { file, context } = startedFile();
    const reading = file.read(new Uint8Array(4096));
    let once = true;
    context.setDriverOps({
      owner: owner(),
      eventPending() {
        if (once) queueMicrotask(() => file.poll());
        else file.close();
        once = false;
        return false;
      },
      deliverEvent: () => 0,
    });
    await assert.rejects(reading, { code: 'EBADF' });
  });
});

describe('ready', () => {
  it('resolves at once when poll says something, else when it does', async () => {
    const { file, context } = startedFile();
    const waiting = file.ready();
    assert.ok(await isPending(waiting));
    context.raiseInterrupt(1);
    assert.equal(await waiting, READY);
    assert.equal(await file.ready(), READY);
  });

  it('takes nothing, and all that wait resolve', async () => {
    const { file, context } = startedFile();
    const waiting = [file.ready(), file.ready(), file.ready()];
    context.raiseInterrupt(2);
    assert.deepEqual(await Promise.all(waiting), [READY, READY, READY]);
    assert.deepEqual(await readBrief(file), ['irq 2']);
  });

  it('is POLLERR after detach and after link loss', async () => {
    for (const end of ['detach', 'loseLink'] as const) {
      const { adapter, file, context } = startedFile();
      const waiting = file.ready();
      if (end === 'detach') context.detach();
      else adapter.loseLink();
      assert.equal(await waiting, FAILED);
      assert.equal(await file.ready(), FAILED);
    }
  });

  it('an aborted one rejects with the reason of the signal', async () => {
    const { file, context } = startedFile();
    const abort = new AbortController();
    const waiting = file.ready({ signal: abort.signal });
    abort.abort('enough');
    await assert.rejects(waiting, reason => reason === 'enough');
    assert.ok(context.waiters.empty);
  });
});

describe('an aborted read loses nothing', () => {
  it('aborted before: rejects with the reason though an event is pending, which stays', async () => {
    const { file, context } = startedFile();
    context.raiseInterrupt(1);
    const reason = new Error('enough');
    await assert.rejects(
      file.read(new Uint8Array(4096), { signal: AbortSignal.abort(reason) }),
      error => error === reason,
    );
    assert.deepEqual(await readBrief(file), ['irq 1']);
  });

  it('aborted while it waits: rejects with the reason; the next event goes to the next reader', async () => {
    const { file, context } = startedFile();
    const abort = new AbortController();
    const reading = file.read(new Uint8Array(4096), { signal: abort.signal });
    const other = readBrief(file);
    abort.abort();
    assert.equal(await isPending(other), true);
    context.raiseInterrupt(1);
    await assert.rejects(reading, { name: 'AbortError' });
    assert.deepEqual(await other, ['irq 1']);
  });

  it('aborted in the same tick in which the event came, before it: the event stays', async () => {
    const { file, context } = startedFile();
    const abort = new AbortController();
    const reading = file.read(new Uint8Array(4096), { signal: abort.signal });
    abort.abort();
    context.raiseInterrupt(1);
    await assert.rejects(reading, { name: 'AbortError' });
    assert.deepEqual(await readBrief(file), ['irq 1']);
  });

  it('aborted after the event came, in the same tick: the read has it', async () => {
    const { file, context } = startedFile();
    const abort = new AbortController();
    const reading = readBrief(file, { signal: abort.signal });
    context.raiseInterrupt(1);
    abort.abort();
    assert.deepEqual(await reading, ['irq 1']);
  });

  it('aborted when it has long ended: nothing happens, no listener is left', async t => {
    const { file, context } = startedFile();
    const { signal } = new AbortController();
    const added = t.mock.method(signal, 'addEventListener');
    const removed = t.mock.method(signal, 'removeEventListener');
    const reading = readBrief(file, { signal });
    context.raiseInterrupt(1);
    await reading;
    assert.equal(added.mock.callCount(), removed.mock.callCount());
  });

  it('a signal that is aborted by a wake of the same event ends the others that carry it', async () => {
    const { file, context } = startedFile();
    const abort = new AbortController();
    const first = readBrief(file, { signal: abort.signal });
    const second = readBrief(file, { signal: abort.signal });
    const rejected = assert.rejects(second, { name: 'AbortError' });
    context.raiseInterrupt(1);
    assert.deepEqual(await first, ['irq 1']);
    abort.abort();
    await rejected;
    context.raiseInterrupt(2);
    assert.deepEqual(await readBrief(file), ['irq 2']);
  });
});
