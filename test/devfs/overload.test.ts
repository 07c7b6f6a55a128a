/* More events than anybody reads: memory stays bounded, what is lost is counted and said, and others notice nothing. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { TestContext } from 'node:test';

import { afuOptions, ticker } from '../../src/afu/index.ts';
import { Adapter, type Context } from '../../src/core/index.ts';
import { EventQueue, defineDriver } from '../../src/driver/index.ts';
import { runC } from '../support/clients.ts';
import { mountAdapters, serve } from '../support/device.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';
import type { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

/** Kept one by one they would take more than the bound. */
const EVENTS = 1_000_000;
const MOST_GROWTH = 64 * 1024 * 1024;
const BURST = 1000;

const turn = (): Promise<void> => new Promise(resolve => void setImmediate(resolve));

/** Calls `raise` so many times, in bursts; in between the mount is served. Returns by how much this process grew. */
async function flood(raise: (n: number) => void, count = EVENTS): Promise<number> {
  for (let n = 0; n < 10 * BURST; n++) raise(n);
  const before = process.memoryUsage.rss();
  for (let n = 0; n < count; n += BURST) {
    for (let i = 0; i < BURST; i++) raise(n + i);
    await turn();
  }
  return process.memoryUsage.rss() - before;
}

/** A program that has started work and would read; it is stopped. */
async function stopped(t: TestContext, device: string, ...more: readonly (string | number)[]): Promise<Program> {
  const reader = runC(t, device, 'drain', ...more);
  assert.equal(await reader.line(), 'ioctl START_WORK 0');
  process.kill(reader.pid, 'SIGSTOP');
  return reader;
}

function sum({ raised, coalesced, delivered, dropped }: Context['counters'], pending: number): void {
  assert.equal(raised, coalesced + delivered + dropped + pending, 'every event is accounted for');
}

describe('overload', { skip: any(noFuse(), noCompiler()) }, () => {
  it('interrupts for a reader that is stopped coalesce, and are counted', async t => {
    const device = await serve(t);
    await stopped(t, device.path(), '--irqs', 4);
    const element = await device.started();
    const grown = await flood(n => element.interrupt(1 + (n % 4)));
    const { counters } = device.context();
    assert.ok(counters.raised >= EVENTS);
    assert.ok(counters.coalesced >= counters.raised - 4 - counters.delivered);
    sum(counters, 4);
    assert.ok(grown < MOST_GROWTH, `grown by ${grown} bytes`);
  });

  it('the ticker at its fastest runs against a stopped reader, and goes on serving others', async t => {
    const adapter = new Adapter({ afus: [1, 1].map(periodUs => afuOptions(ticker({ periodUs }))) });
    const directory = await mountAdapters(t, [adapter]);
    const [afu] = adapter.afus;
    const path = (number: number): string => `${directory}/dev/cxl/afu0.${number}s`;
    await stopped(t, path(0), '--irqs', 1);
    const context = await until('its context is open', () => [...afu!.contexts.values()][0]);
    const before = process.memoryUsage.rss();
    await until('many ticks have come together', () => context.counters.coalesced > 20_000);
    assert.ok(process.memoryUsage.rss() - before < MOST_GROWTH);
    sum(context.counters, 1);
    const other = runC(t, path(1), 'read', 3, '--irqs', 1);
    const lines = await other.remaining();
    assert.equal(lines.filter(line => line.startsWith('event afu_interrupt')).length, 3, lines.join('\n'));
  });

  it('a queue that is full refuses, holds no more than its capacity, and what it holds is read afterwards', async t => {
    const device = await serve(t);
    const reader = await stopped(t, device.path());
    await device.started();
    const queue = device.queues.get(device.context())!;
    const payload = new Uint8Array(32);
    let refused = 0;
    const grown = await flood(() => void (queue.post(payload) || refused++));
    assert.equal(refused, EVENTS + 10 * BURST - queue.capacity);
    assert.equal(queue.length, queue.capacity);
    assert.ok(grown < MOST_GROWTH, `grown by ${grown} bytes`);
    await reader.kill();
    await device.idle();
  });

  it('a queue that forgets says how many, once', async t => {
    let queue!: EventQueue;
    const driver = defineDriver({
      name: 'forgetful',
      open(context) {
        queue = new EventQueue(context, { capacity: 8, dropped: n => Buffer.from(`lost ${n}`) });
      },
    });
    const adapter = new Adapter({ afus: [afuOptions(ticker({ periodUs: 1e9, driver }))] });
    const directory = await mountAdapters(t, [adapter]);
    const reader = await stopped(t, `${directory}/dev/cxl/afu0.0s`);
    const grown = await flood(n => assert.ok(queue.post(Buffer.from(`event ${n}`))), 20_000);
    assert.ok(grown < MOST_GROWTH, `grown by ${grown} bytes`);
    assert.equal(queue.dropped, 20_000 + 10 * BURST - 8);
    const bytes = new Uint8Array(4096);
    const seen: string[] = [];
    for (let size = queue.context.take(bytes, 0, 4096); size > 0; size = queue.context.take(bytes, 0, 4096)) {
      queue.context.commit();
      seen.push(Buffer.from(bytes.subarray(8, size)).toString());
    }
    const last = Array.from({ length: 8 }, (_, i) => `event ${19_992 + i}`);
    assert.deepEqual(seen, [`lost ${queue.dropped}`, ...last]);
    await reader.kill();
  });

  it("another context's event is with its reader before the post returns, whatever floods in beside it", async t => {
    const device = await serve(t);
    const victim = await stopped(t, device.path());
    await device.started(0);
    const flooded = device.queues.get(device.context(0))!;
    const rounds = 50;
    const other = runC(t, device.path(), 'read', rounds);
    const payload = new Uint8Array(32);
    const flooding = new AbortController();
    const floods = (async () => {
      for (; !flooding.signal.aborted; await turn()) for (let i = 0; i < BURST; i++) flooded.post(payload);
    })();
    for (let round = 1; round <= rounds; round++) {
      await device.waitedFor(1);
      device.post(`round ${round}`, 1);
      assert.equal(device.context(1).counters.delivered, round, 'no turn of the event loop in between');
    }
    flooding.abort();
    await floods;
    assert.equal((await other.ended).code, 0);
    await victim.kill();
    await device.idle();
  });
});
