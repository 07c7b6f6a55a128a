/* debug/cxl/events: what readers of it get, when they wait, and that it costs nothing while nobody has it open. */
import assert from 'node:assert/strict';
import { readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { CXL_IOCTL_START_WORK } from '../../src/abi/index.ts';
import { tracepoints } from '../../src/core/index.ts';
import { asleep } from '../support/asleep.ts';
import { Calls, hold, runC, runScript } from '../support/clients.ts';
import { serve, type Device } from '../support/device.ts';
import { any, noCompiler, noFuse, noPython } from '../support/needs.ts';
import { start, type Program } from '../support/program.ts';
import { until } from '../support/until.ts';

type Line = Readonly<Record<string, unknown>>;

const path = (device: Device): string => join(device.directory, 'debug/cxl/events');
/** By anybody but the test's own device, which looks at what is delivered. */
const watched = (): boolean =>
  Object.values(tracepoints).some(tracepoint => tracepoint !== tracepoints.delivered && tracepoint.active);

/** Once a program sleeps in a read of the events. */
async function reading(program: Program, device: Device): Promise<void> {
  // Before that it sleeps in open, which looks the same.
  await until('it has opened the events', async () => {
    const descriptors = await readdir(`/proc/${program.pid}/fd`);
    const links = await Promise.all(descriptors.map(fd => readlink(`/proc/${program.pid}/fd/${fd}`).catch(() => '')));
    return links.includes(path(device));
  });
  await asleep(program.pid, 'read');
}

/** cat(1): blocking reads. */
async function cat(t: TestContext, device: Device): Promise<Program> {
  const reader = start(t, 'cat', [path(device)]);
  await reading(reader, device);
  return reader;
}

/** A reader that makes the calls it is told. */
async function reader(t: TestContext, device: Device): Promise<Calls> {
  const calls = new Calls(t, path(device), 'readonly', 'nonblock');
  assert.equal(await calls.opened(), 'open 0');
  return calls;
}

async function text(calls: Calls, size: number): Promise<string> {
  const answer = await calls.call('read', size);
  const [, hex = ''] = answer.split(' ');
  return answer.startsWith('-') ? '' : Buffer.from(hex, 'hex').toString();
}

/** All lines that are there. */
async function all(calls: Calls): Promise<Line[]> {
  let content = '';
  for (let more = await text(calls, 65_536); more !== ''; more = await text(calls, 65_536)) content += more;
  assert.ok(content === '' || content.endsWith('\n'), 'whole lines');
  return content
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Line);
}

const withoutTime = (line: Line): Line => Object.fromEntries(Object.entries(line).filter(([name]) => name !== 'time'));
const names = async (calls: Calls): Promise<unknown[]> => (await all(calls)).map(({ event }) => event);

describe('debug/cxl/events', { skip: any(noFuse(), noCompiler(), noPython()) }, () => {
  it('tells the life of a context, who has it, and what became of its events', async t => {
    const device = await serve(t, { mayComplain: /lost/ });
    const events = await cat(t, device);
    const client = runC(t, device.path(), 'drain');
    const element = await device.started();
    element.interrupt(2);
    element.interrupt(2);
    element.fault(1n, 2n);
    element.error(3n);
    element.error(4n);
    device.post('four');
    client.send('go');
    await client.remaining();
    await device.idle();
    await writeFile(join(device.directory, 'debug/cxl/inject'), 'link card0 down');
    const raised = { event: 'raised', kind: 'interrupt', irq: 2 };
    const expected: Line[] = [
      { event: 'open' },
      { event: 'module-get', module: 'test' },
      { event: 'module-get', module: 'test' },
      { event: 'start' },
      { ...raised, coalesced: false },
      { ...raised, coalesced: true },
      { event: 'raised', kind: 'fault', coalesced: false },
      { event: 'raised', kind: 'error', coalesced: false },
      { event: 'raised', kind: 'error', coalesced: true },
      {
        event: 'diagnostic',
        problem: 'AFU model test: error, afu0.0 pe 0: AFU error 0x4 is lost: an earlier one is unread',
      },
      { event: 'announced', count: 1 },
      { event: 'fetched', dataSize: 4 },
      { event: 'delivered', kind: 'driver' },
      { event: 'delivered', kind: 'interrupt', irq: 2 },
      { event: 'delivered', kind: 'fault' },
      { event: 'delivered', kind: 'error' },
      { event: 'detach' },
      { event: 'module-put', module: 'test' },
      { event: 'close' },
      { event: 'module-put', module: 'test' },
    ];
    const lines = (await events.lines(expected.length + 1)).map(line => JSON.parse(line) as Line);
    const context = { afu: 'afu0.0', pe: 0, pid: client.pid, command: 'client' };
    assert.deepEqual(lines.map(withoutTime), [
      ...expected.map(line => ({ ...line, ...context })),
      { event: 'link', card: 'card0', link: 'down' },
    ]);
    const times = lines.map(({ time }) => time as number);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    assert.ok(times[0]! > 0 && times.at(-1)! <= performance.now() / 1000, 'seconds since the server’s start');
    await events.kill();
  });

  it('nothing is watched before the first open and after the last close, also of readers that are killed', async t => {
    const device = await serve(t);
    assert.equal(watched(), false);
    const [first, second] = [await cat(t, device), await reader(t, device)];
    assert.equal(watched(), true);
    await first.kill();
    await second.program.finish();
    await until('nothing is watched', () => !watched());
  });

  it('readers are independent: each gets everything from its open on', async t => {
    const device = await serve(t);
    const first = await reader(t, device);
    const holder = await hold(t, device.path());
    const second = await reader(t, device);
    await holder.finish();
    await device.idle();
    const close = ['detach', 'module-put', 'close', 'module-put'];
    assert.deepEqual(await names(second), close);
    assert.deepEqual(await names(first), ['open', 'module-get', 'module-get', ...close]);
  });

  it('poll and O_NONBLOCK: ready while there are lines, else EAGAIN', async t => {
    const device = await serve(t);
    const calls = await reader(t, device);
    assert.deepEqual([await calls.call('poll'), await calls.call('read', 4096)], ['0x0', '-1 EAGAIN']);
    device.adapter.loseLink();
    assert.equal(await calls.call('poll'), '0x41');
    assert.deepEqual((await all(calls)).map(withoutTime), [{ event: 'link', card: 'card0', link: 'down' }]);
    assert.deepEqual([await calls.call('poll'), await calls.call('read', 4096)], ['0x0', '-1 EAGAIN']);
  });

  it('poll sleeps until something happens', async t => {
    const device = await serve(t);
    const script = `
import os, select, sys
fd = os.open(sys.argv[1], os.O_RDONLY | os.O_NONBLOCK)
poll = select.epoll()
poll.register(fd, select.EPOLLIN)
print("open", flush=True)
for _ in range(2):
    print(poll.poll()[0][1], os.read(fd, 4096).decode().split('"')[-2], flush=True)`;
    const poller = runScript(t, script, path(device));
    assert.equal(await poller.line(), 'open');
    for (const [change, link] of [
      [() => device.adapter.loseLink(), 'down'],
      [() => device.adapter.restoreLink(), 'up'],
    ] as const) {
      await asleep(poller.pid, 'epoll');
      change();
      assert.equal(await poller.line(), `1 ${link}`);
    }
  });

  it('a read gives whole lines, as many as fit; a line that is too long for it comes in pieces', async t => {
    const device = await serve(t);
    const calls = await reader(t, device);
    const change = (): void => {
      device.adapter.loseLink();
      device.adapter.restoreLink();
    };
    change();
    const one = await text(calls, 100);
    assert.match(one, /^\{"time":[\d.]+,"event":"link","card":"card0","link":"down"\}\n$/);
    let pieces = '';
    for (const size of [1, 7, 4096]) {
      const piece = await text(calls, size);
      assert.ok(piece.length <= size);
      pieces += piece;
    }
    assert.match(pieces, /^\{.*"link":"up"\}\n$/);
    assert.equal(await text(calls, 4096), '');
  });

  it('a reader who is behind loses what comes after 4096 lines, and is told how many', async t => {
    const device = await serve(t);
    const [behind, prompt] = [await reader(t, device), await cat(t, device)];
    for (let i = 0; i < 2500; i++) {
      device.adapter.loseLink();
      device.adapter.restoreLink();
      // Whoever sleeps in read is served when this has ended.
      if (i % 100 === 99) await prompt.lines(200);
    }
    const lines = await all(behind);
    assert.equal(lines.length, 4097);
    assert.equal(lines.filter(({ event }) => event === 'link').length, 4096);
    assert.deepEqual(lines.at(-1), { lost: 5000 - 4096 });
    device.adapter.loseLink();
    assert.equal((await all(behind)).length, 1);
    assert.match(await prompt.line(), /"down"/);
    await prompt.kill();
  });

  it('a signal ends a read, and loses nothing', async t => {
    const device = await serve(t);
    const script = `
import ctypes, os, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: None)
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open(sys.argv[1], os.O_RDONLY)
buffer = ctypes.create_string_buffer(4096)
for _ in range(2):
    print(libc.read(fd, buffer, 4096) < 0, flush=True)`;
    const program = runScript(t, script, path(device));
    await reading(program, device);
    process.kill(program.pid, 'SIGUSR1');
    assert.equal(await program.line(), 'True');
    device.adapter.loseLink();
    assert.deepEqual(await program.remaining(), ['False']);
  });

  it('of another server in the same process nothing is told', async t => {
    const [device, other] = [await serve(t), await serve(t)];
    const calls = await reader(t, device);
    const client = runC(t, other.path(), 'block');
    await other.waitedFor();
    other.adapter.loseLink();
    await client.remaining();
    assert.deepEqual(await all(calls), []);
  });

  it('the mount goes away under a reader: nothing is watched any more', async t => {
    const device = await serve(t);
    const calls = await reader(t, device);
    const holder = new Calls(t, device.path());
    await holder.opened();
    assert.match(await holder.call('ioctl', CXL_IOCTL_START_WORK, '00'.repeat(64)), /^0 /);
    assert.equal((await all(calls)).length, 4);
  });

  it('and that is so after all these tests', async () => {
    await until('nothing is watched', () => !watched());
  });
});
