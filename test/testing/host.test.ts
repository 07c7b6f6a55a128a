/* What a test does with a host: programs, events, faults, and waits. */
import assert from 'node:assert/strict';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { echo, ticker } from '../../src/afu/index.ts';
import { openAfu } from '../../src/file/index.ts';
import { serveDevices, whyNot } from '../../src/testing/index.ts';
import { temporaryDirectory } from '../support/cleanup.ts';
import { cClient } from '../support/clients.ts';
import { any, isRoot, noCompiler, noFuse, notRoot } from '../support/needs.ts';

const STARTED = 'ioctl START_WORK 0';
const quiet = echo({ irqsMin: 4 });

describe('a host', { skip: any(noFuse(), noCompiler()) }, () => {
  it('a program reads the four kinds of event, in the words of `afukit inject`', async () => {
    await using host = await serveDevices({ afus: [quiet] });
    const client = await host.spawn(cClient(), [host.path(), 'read', '4']);
    const context = await host.waiting();
    assert.equal(context, host.context(0));
    host.inject.error(0, 0x2an);
    await host.event({ kind: 'error' });
    await host.waiting('afu0.0/0');
    host.inject.fault('afu0.0/0', 0x1000n, 0x4000_0000_0000_0000n);
    await host.event({ kind: 'fault', pe: 0 });
    await host.waiting(context);
    host.inject.interrupt(context, 3);
    const { at, ...interrupt } = await host.event({ kind: 'interrupt', irq: 3 });
    assert.deepEqual(interrupt, { context, afu: 'afu0.0', pe: 0, kind: 'interrupt', irq: 3 });
    assert.ok(at <= performance.now());
    await host.waiting();
    host.inject.event(0, 'own');
    await host.event({ kind: 'driver', afu: 'afu0.0' });
    assert.deepEqual(await client.remaining(), [
      STARTED,
      'event afu_error pe=0 error=0x2a',
      'event data_storage pe=0 addr=0x1000 dsisr=0x4000000000000000',
      'event afu_interrupt pe=0 irq=3 size=16',
      'event afu_driver pe=0 data=6f776e',
    ]);
    assert.deepEqual(
      host.delivered.map(({ kind }) => kind),
      ['error', 'fault', 'interrupt', 'driver'],
    );
    const { code, signal, stderr } = await client.ended;
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
    await host.idle();
  });

  it('each event is given to one wait, also when it is already past', async () => {
    await using host = await serveDevices({ afus: [quiet] });
    await using file = openAfu(host.afu());
    file.startWork();
    for (const irq of [2, 1, 2]) {
      host.inject.interrupt(0, irq);
      file.readSync(new Uint8Array(4096));
    }
    const seen = [await host.event({ irq: 2 }), await host.event(), await host.event({ irq: 2 })];
    assert.deepEqual(seen, [host.delivered[0], host.delivered[1], host.delivered[2]]);
    await assert.rejects(host.event({}, { timeoutMs: 5 }), /until any event is delivered/);
  });

  it('cards, AFUs, device files, sysfs and the environment have their names', async () => {
    await using host = await serveDevices({
      adapters: [{ afus: [ticker(), echo({ modes: ['dedicated_process'] })] }, { card: 3, afus: [echo()] }],
      permissions: { mode: 0o640 },
    });
    assert.deepEqual(
      host.adapters.map(({ name }) => name),
      ['card0', 'card3'],
    );
    assert.equal(host.afu('afu3.0').adapter, host.adapter('card3'));
    assert.equal(host.path(), join(host.directory, 'dev/cxl/afu0.0s'));
    assert.equal((await stat(host.path('afu0.1d'))).mode & 0o777, 0o640);
    assert.equal(await readFile(host.sysfs('afu0.1/mode'), 'utf8'), 'dedicated_process\n');
    assert.equal(host.env['AFUKIT_MOUNT'], host.directory);
    assert.equal(host.env['PATH'], process.env['PATH']);
    assert.throws(() => host.afu('afu1.0'), /there is no AFU afu1\.0; there are afu0\.0, afu0\.1, afu3\.0/);
    assert.throws(() => host.adapter('card1'), /there is no card card1; there are card0, card3/);
    assert.throws(() => host.context('afu3.0/2'), /afu3\.0 pe 2 is not open; no context is/);
    assert.throws(() => host.context('0'), /"0" is no context: write afuC\.S\/PE/);
  });

  it('a program has the directory, the environment and the standard streams that it is given', async () => {
    await using host = await serveDevices({ afus: [quiet] });
    const script = 'pwd; echo "$AFUKIT_MOUNT $MINE ${HOME-none}"; cat; echo no >&2; exit 7';
    const env = { MINE: 'mine', HOME: undefined };
    const program = await host.spawn('sh', ['-c', script], { cwd: '/usr', env });
    program.write('to stdin');
    const { code, stdout, stderr } = await program.finish();
    assert.deepEqual([code, stdout, stderr], [7, `/usr\n${host.directory} mine none\nto stdin`, 'no\n']);
    await assert.rejects(host.spawn('/no/such/program'), { code: 'ENOENT' });
  });

  it('detach, link and reset do to programs what they do to the card', async () => {
    await using host = await serveDevices({ afus: [quiet] });
    const reader = await host.spawn(cClient(), [host.path(), 'read', '1']);
    await host.waiting();
    host.inject.detach(0);
    assert.deepEqual(await reader.remaining(), [STARTED, 'read -1 EIO']);
    await host.idle();

    const second = await host.spawn(cClient(), [host.path(), 'read', '1']);
    const context = await host.waiting();
    host.inject.link('down');
    assert.throws(() => host.inject.interrupt(context, 1), /afu0\.0 pe 0 is CLOSED: nothing can be raised on it/);
    assert.deepEqual(await second.remaining(), [STARTED, 'read -1 EIO']);
    host.inject.link('up');
    await host.idle();
    host.inject.reset('afu0.0');

    const third = await host.spawn(cClient(), [host.path(), 'read', '1']);
    await host.waiting();
    assert.throws(() => host.inject.reset('afu0.0'), { code: 'EBUSY' });
    host.inject.reset();
    assert.deepEqual(await third.remaining(), [STARTED, 'read -1 EIO']);
    host.inject.link('fail', 'card0');
    assert.throws(() => host.inject.link('up'), { code: 'ENODEV' });
    host.inject.probe();
    assert.equal(host.adapter().link, 'up');
  });

  it('has a directory of the test’s choosing, and leaves it', async t => {
    const directory = await temporaryDirectory(t);
    {
      await using host = await serveDevices({ afus: [quiet], mount: directory });
      assert.deepEqual((await readdir(host.directory)).toSorted(), ['debug', 'dev', 'sys']);
      await assert.rejects(serveDevices({ afus: [quiet], mount: directory }), { name: 'MountError', code: 'EBUSY' });
    }
    assert.deepEqual(await readdir(directory), []);
  });

  it('refuses what cannot be', async () => {
    await assert.rejects(serveDevices({ afus: [] }), /1 to 4 AFUs/);
    const twice = { card: 1, afus: [quiet] };
    await assert.rejects(serveDevices({ adapters: [twice, twice] }), /two have the card number 1/);
    await assert.rejects(serveDevices({ afus: [quiet], mount: '/no/such/place' }), { code: 'ENOENT' });
  });
});

describe('namespace: true', { skip: any(noFuse(), noCompiler()) || (isRoot && notRoot()) }, () => {
  it('the program finds /dev/cxl and /sys/class/cxl, has its events, and its exit status and signals are its own', async () => {
    assert.equal(whyNot({ namespace: true }), false);
    await using host = await serveDevices({ afus: [quiet] });
    const script = 'ls /dev/cxl; cat /sys/class/cxl/afu0.0/mode; exec "$@"';
    const args = ['-c', script, 'sh', cClient(), '/dev/cxl/afu0.0s', 'read', '1'];
    const client = await host.spawn('sh', args, { namespace: true });
    assert.deepEqual(await client.lines(4), ['afu0.0m', 'afu0.0s', 'afu_directed', STARTED]);
    await host.waiting();
    host.inject.interrupt(0, 1);
    assert.deepEqual(await client.remaining(), ['event afu_interrupt pe=0 irq=1 size=16']);
    assert.equal((await client.ended).code, 0);
    const status = await host.spawn('sh', ['-c', 'exit 9'], { namespace: true });
    assert.equal((await status.ended).code, 9);
    const sleeper = await host.spawn('sleep', ['600'], { namespace: true });
    assert.equal((await sleeper.kill('SIGTERM')).signal, 'SIGTERM');
    assert.equal((await (await host.spawn('no-such-program', [], { namespace: true })).ended).code, 127);
  });

  it('a program that cannot be started there is said so', async () => {
    await using host = await serveDevices({ afus: [quiet] });
    await assert.rejects(host.spawn('true', [], { namespace: true, cwd: '/no/such' }), { code: 'ENOENT' });
    const late = await host.spawn('/no/such/program', [], { namespace: true });
    assert.equal((await late.ended).code, 127);
  });
});
