import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { brief, driverForms } from '../core/rig.ts';
import { startedFile } from './files.ts';

describe('events()', () => {
  for (const [form, make] of driverForms) {
    it(`gives the events one by one in the order of read, also with eventsPerRead, ${form}`, async () => {
      const { file, context } = startedFile({ eventsPerRead: 10 });
      const driver = make(context);
      context.raiseInterrupt(2);
      driver.post(1);
      driver.post(2);
      const got: string[] = [];
      for await (const event of file.events()) {
        got.push(brief(event));
        if (got.length === 3) context.raiseAfuError(4n);
        if (got.length === 4) break;
      }
      assert.deepEqual(got, ['driver 1', 'driver 2', 'irq 2', 'error 4']);
    });
  }

  const leaving = ['break', 'return', 'throw'] as const;
  for (const how of leaving) {
    it(`leaving the loop by ${how} loses nothing, also of a batch`, async () => {
      const { file, context } = startedFile({ eventsPerRead: 10 });
      for (const number of [1, 2, 3]) context.raiseInterrupt(number);
      const got: string[] = [];
      const loop = async (): Promise<void> => {
        for await (const event of file.events()) {
          got.push(brief(event));
          if (how === 'break') break;
          if (how === 'return') return;
          throw new Error('mine');
        }
      };
      if (how === 'throw') await assert.rejects(loop(), /mine/);
      else await loop();
      for await (const event of file.events()) {
        got.push(brief(event));
        if (got.length === 3) break;
      }
      assert.deepEqual(got, ['irq 1', 'irq 2', 'irq 3']);
      assert.equal(file.poll(), 0);
      assert.ok(context.waiters.empty);
    });
  }

  it('takes nothing before it is asked, and nothing ahead of what is asked', async () => {
    const { file, context } = startedFile();
    const events = file.events();
    context.raiseInterrupt(1);
    context.raiseInterrupt(2);
    assert.equal(file.readSync(new Uint8Array(4096)), 16);
    const { value } = await events.next();
    assert.equal(value ? brief(value) : 'none', 'irq 2');
  });

  it('close ends a loop that waits', async () => {
    const { file, context } = startedFile();
    const events = file.events();
    const next = events.next();
    assert.equal(context.waiters.empty, false);
    file.close();
    assert.deepEqual(await next, { done: true, value: undefined });
  });

  it('close in the loop ends it', async () => {
    const { file, context } = startedFile();
    context.raiseInterrupt(1);
    context.raiseInterrupt(2);
    let turns = 0;
    for await (const _event of file.events()) {
      turns++;
      file.close();
    }
    assert.equal(turns, 1);
  });

  it('of a closed file ends at once', async () => {
    const { file } = startedFile();
    file.close();
    assert.deepEqual(await file.events().next(), { done: true, value: undefined });
  });

  it('detach: what is pending, then EIO', async () => {
    const { file, context } = startedFile();
    context.raiseInterrupt(1);
    context.detach();
    const got: string[] = [];
    await assert.rejects(
      async () => {
        for await (const event of file.events()) got.push(brief(event));
      },
      { code: 'EIO', syscall: 'read' },
    );
    assert.deepEqual(got, ['irq 1']);
  });

  it('an aborted signal ends it with its reason; the next event stays for the next reader', async () => {
    const { file, context } = startedFile();
    const abort = new AbortController();
    const next = file.events({ signal: abort.signal }).next();
    abort.abort(new Error('enough'));
    await assert.rejects(next, /enough/);
    context.raiseInterrupt(1);
    assert.equal(file.readSync(new Uint8Array(4096)), 16);
  });

  it('two loops share the events: each goes to exactly one', async () => {
    const { file, context } = startedFile();
    const got: string[] = [];
    const loop = async (): Promise<void> => {
      for await (const event of file.events()) got.push(brief(event));
    };
    const loops = [loop(), loop()];
    for (let number = 1; number <= 20; number++) context.raiseInterrupt(number);
    context.detach();
    await Promise.allSettled(loops);
    assert.deepEqual(got.toSorted(), Array.from({ length: 20 }, (_, i) => `irq ${i + 1}`).toSorted());
  });
});
