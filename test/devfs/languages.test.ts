/* The same four kinds of event, byte for byte, in Python's and in Node's ways of waiting. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { asleep } from '../support/asleep.ts';
import { runNode, runPython } from '../support/clients.ts';
import { serve } from '../support/device.ts';
import { kinds } from '../support/kinds.ts';
import { noFuse, noPython } from '../support/needs.ts';
import type { Program } from '../support/program.ts';

type Run = typeof runPython;

/** Each event is raised when the program sleeps, and nothing but its bytes and the wake-up is seen of it. */
async function eachKindWakes(
  t: TestContext,
  run: Run,
  scenario: string,
  call: 'read' | 'poll' | 'epoll',
  wake: readonly string[],
): Promise<void> {
  const device = await serve(t);
  const client = run(t, device.path(), scenario, String(kinds.length));
  assert.equal(await client.line(), 'started');
  const element = await device.waitedFor();
  for (const { raise, hex } of kinds) {
    await asleep(client.pid, call);
    raise(device, element);
    assert.deepEqual(await client.lines(wake.length + 1), [...wake, `event ${hex}`]);
  }
  await endsWell(client);
}

async function endsWell(client: Program): Promise<void> {
  const lines = await client.remaining();
  const { code, stderr } = await client.ended;
  assert.deepEqual({ code, lines, stderr }, { code: 0, lines: [], stderr: '' });
}

/** What was pending at detach is drained, then the error comes. */
async function drains(t: TestContext, run: Run, scenario: string): Promise<void> {
  const device = await serve(t);
  const client = run(t, device.path(), scenario, '99');
  const element = await device.waitedFor();
  const order = [3, 0, 1, 2].map(kind => kinds[kind]!);
  for (const { raise } of order) raise(device, element);
  device.context().detach();
  const said = await client.remaining();
  const events = said.filter(line => line.startsWith('event'));
  assert.deepEqual(
    events.map(line => line.slice('event '.length)),
    order.map(({ hex }) => hex),
  );
  assert.equal(said.at(-1), 'read -1 EIO');
}

describe('Python', { skip: noFuse() || noPython(), concurrency: 2 }, () => {
  const epoll = ['epoll POLLIN|POLLRDNORM'];
  const waits = [
    ['read', 'read', []],
    ['select', 'poll', ['select read']],
    ['poll', 'poll', ['poll POLLIN|POLLRDNORM']],
    ['epoll', 'epoll', epoll],
    ['epollet', 'epoll', epoll],
    ['asyncio', 'epoll', []],
  ] as const;
  for (const [scenario, call, wake] of waits) {
    it(`${scenario}: every kind of event wakes it`, t => eachKindWakes(t, runPython, scenario, call, wake));
  }
  for (const scenario of ['read', 'asyncio']) it(`${scenario}: drains, then EIO`, t => drains(t, runPython, scenario));
});

describe('Node', { skip: noFuse(), concurrency: 2 }, () => {
  const poll = ['poll 0x41'];
  const waits = [
    ['read', 'read', []],
    ['poll', 'poll', poll],
    ['nonblock', 'poll', poll],
  ] as const;
  for (const [scenario, call, wake] of waits) {
    it(`${scenario}: every kind of event wakes it`, t => eachKindWakes(t, runNode, scenario, call, wake));
  }
  it('read: drains, then EIO', t => drains(t, runNode, 'read'));
});
