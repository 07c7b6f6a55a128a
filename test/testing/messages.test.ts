/* What a failing test is told. */
import { AssertionError } from 'node:assert';
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { defineAfu, echo } from '../../src/afu/index.ts';
import { defineDriver, setDriverOps } from '../../src/driver/index.ts';
import { openAfu } from '../../src/file/index.ts';
import { serveDevices, until, WaitError } from '../../src/testing/index.ts';
import { cClient } from '../support/clients.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';

const quiet = echo({ irqsMin: 4 });

function eventPending(): boolean {
  throw new Error('dim');
}

/** An AFU whose driver cannot be asked. */
const dim = defineAfu({
  model: { name: 'still', attach() {} },
  driver: defineDriver({
    name: 'lamp',
    open(context, owner) {
      setDriverOps(context, { owner, eventPending, deliverEvent: () => 0 });
    },
  }),
});

async function failure(promise: Promise<unknown>): Promise<Error> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof Error, 'it rejects with an error');
  return error;
}

describe('until', () => {
  it('gives what the condition gives, and says what it waited for when that was nothing', async () => {
    assert.equal(await until('anything', () => Promise.resolve(0)), 0);
    const { name, message } = await failure(until('pigs fly', () => false, { timeoutMs: 3 }));
    assert.deepEqual([name, message], ['WaitError', 'waited 3 ms in vain until pigs fly']);
    const rejected = Promise.reject(new RangeError('in the condition'));
    await assert.rejects(
      until('anything', () => rejected),
      RangeError,
    );
  });
});

describe('a wait in vain', { skip: any(noFuse(), noCompiler()) }, () => {
  it('names what was awaited, the contexts, the last events, and the programs with what they wrote', async () => {
    await using host = await serveDevices({ afus: [quiet], timeoutMs: 50 });
    const script = 'echo on stderr >&2; exec "$0" "$1" read 2';
    const client = await host.spawn('sh', ['-c', script, cClient(), host.path()]);
    await host.waiting();
    host.inject.interrupt(0, 4);
    await host.event();
    await host.waiting();
    const error = await failure(host.event({ kind: 'interrupt', irq: 2, pe: 0 }));
    assert.ok(error instanceof WaitError);
    const lines = error.message.split('\n');
    assert.equal(lines[0], 'waited 50 ms in vain until interrupt 2 to pe 0 is delivered');
    assert.equal(
      lines[1],
      'afu0.0 pe 0: STARTED, 4 interrupts, somebody waits; raised 1, coalesced 0, delivered 1, dropped 0',
    );
    assert.equal(lines[2], 'delivered: 1 events, the last of them:');
    assert.match(lines[3]!, /^ {2}interrupt 4 to afu0\.0 pe 0, \d+ ms ago$/);
    assert.equal(lines[4], `${client.name} (pid ${client.pid}) runs`);
    assert.deepEqual(lines.slice(5), [
      '  stdout:',
      '    ioctl START_WORK 0',
      '    event afu_interrupt pe=0 irq=4 size=16',
      '  stderr:',
      '    on stderr',
    ]);
  });

  it('fails at once when a program failed and none is left', async () => {
    await using host = await serveDevices({ afus: [quiet] });
    const before = performance.now();
    await host.spawn('sh', ['-c', 'echo "libcapi.so: not found" >&2; exit 127']);
    const { message } = await failure(host.started(1));
    assert.ok(performance.now() - before < 5000);
    assert.match(
      message,
      /^a program failed, and none is left, before work is started on afu0\.0 pe 1\nno context is open/,
    );
    assert.match(message, /ended with status 127\n {2}stderr:\n {4}libcapi\.so: not found$/);
  });

  it('goes on after a program that the test itself has killed', async () => {
    await using host = await serveDevices({ afus: [quiet] });
    await (await host.spawn('sleep', ['600'])).kill();
    const started = host.started();
    await host.spawn(cClient(), [host.path(), 'read', '1']);
    assert.equal((await started).pe, 0);
  });

  it('a line that does not come: says whether the program runs, and what it wrote', async () => {
    await using host = await serveDevices({ afus: [quiet] });
    const program = await host.spawn('sh', ['-c', 'echo one; printf half; read x; echo bad >&2; exit 4']);
    assert.equal(await program.line(), 'one');
    const silent = await failure(program.line(20));
    assert.match(silent.message, /^waited 20 ms in vain for a line: sh -c .* runs\n {2}stdout:\n {4}one\n {4}half$/);
    const both = [program.line(), program.line()];
    program.send('');
    assert.equal(await both[0], 'half');
    assert.match((await failure(both[1]!)).message, /^no further line: .* ended with status 4\n.*stderr:\n {4}bad$/s);
  });
});

describe('complaints', { skip: noFuse() }, () => {
  it('fail the test at its end, with their text and their cause, after everything was taken down', async () => {
    const host = await serveDevices({ afus: [dim] });
    const file = openAfu(host.afu());
    file.poll();
    file.close();
    assert.equal(host.complaints.length, 1);
    const error = await failure(host.close());
    assert.ok(error instanceof AssertionError);
    assert.match(error.message, /complained:\n {2}driver lamp: eventPending, afu0\.0 pe 0: threw; .*\(Error: dim\)\n/);
    assert.equal((error.cause as Error).message, 'dim');
    await host.close();
  });

  it('that are expected do not: by an expression, by a function, or waited for', async () => {
    const expected = [/dim/g, (diagnostic: { source: string }): boolean => diagnostic.source === 'driver lamp'];
    for (const mayComplain of expected) {
      await using host = await serveDevices({ afus: [dim], mayComplain });
      await using file = openAfu(host.afu());
      file.poll();
      assert.deepEqual(host.complaints, []);
    }
    await using host = await serveDevices({ afus: [dim] });
    await using file = openAfu(host.afu());
    const complaint = host.complaint(/dim/);
    file.poll();
    assert.equal((await complaint).callback, 'eventPending');
  });

  it('of the FUSE session are among them', async () => {
    const driver = defineDriver({
      name: 'rude',
      controls: () => ({ broken: { read: () => assert.fail('in the control file') } }),
    });
    await using host = await serveDevices({ afus: [{ model: { name: 'still', attach() {} }, driver }] });
    const control = join(host.directory, 'debug/cxl/afu0.0/broken');
    await assert.rejects(readFile(control), { code: 'EIO' });
    assert.equal((await host.complaint(/in the control file/)).source, 'afukit/fuse');
  });

  it('are in the message of a wait in vain', async () => {
    await using host = await serveDevices({ afus: [dim], timeoutMs: 5 });
    await using file = openAfu(host.afu());
    file.poll();
    assert.match((await failure(host.waiting())).message, /\ncomplaint: driver lamp: eventPending/);
    await host.complaint(/dim/);
  });

  it('a context that this process has still open is one', async () => {
    const host = await serveDevices({ afus: [quiet] });
    const file = openAfu(host.afu());
    assert.equal((await failure(host.close())).message, 'still open in this process: afu0.0 pe 0');
    file.close();
  });
});
