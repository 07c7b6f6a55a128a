/* Nothing is left: no mount, no process, no directory; however a test ends, or its process. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import { echo } from '../../src/afu/index.ts';
import { serveDevices, until, type Host } from '../../src/testing/index.ts';
import { mountsBelow, temporaryDirectory } from '../support/cleanup.ts';
import { cClient } from '../support/clients.ts';
import { any, noCompiler, noFuse, notRoot } from '../support/needs.ts';
import { start } from '../support/program.ts';

const quiet = echo();

/** Whether a process is there and runs: one that has ended may stay a zombie where nobody looks after orphans. */
function lives(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return false;
  }
}

/** A dead mount does not exist either, says existsSync. */
const left = (directory: string): boolean => mountsBelow(directory).length > 0 || existsSync(directory);

function assertGone(directory: string, ...pids: readonly number[]): void {
  assert.equal(left(directory), false, 'the mount and its directory');
  assert.deepEqual(pids.filter(lives), [], 'processes');
}

/** Our own children, the guards among them. */
async function children(): Promise<string[]> {
  const text = await readFile(`/proc/${process.pid}/task/${process.pid}/children`, 'latin1');
  return text.split(' ').filter(pid => pid !== '');
}

describe('the end of a host', { skip: any(noFuse(), noCompiler()) }, () => {
  it('takes everything down: programs that sleep in read, the mount, the directory, the guard', async () => {
    const had = await children();
    const host = await serveDevices({ afus: [quiet] });
    const client = await host.spawn(cClient(), [host.path(), 'block', '--seconds-free']);
    await host.waiting();
    assert.equal((await children()).length, had.length + 2);
    await host.close();
    assertGone(host.directory, client.pid);
    assert.equal((await client.ended).signal, 'SIGTERM');
    assert.deepEqual(await children(), had);
    assert.equal(host.afu().contexts.size, 0);
  });

  it('a test that throws: the same, and its own error is not lost', async () => {
    let seen: Host | undefined;
    const test = async (): Promise<void> => {
      await using host = await serveDevices({ afus: [quiet] });
      seen = host;
      await host.spawn(cClient(), [host.path(), 'block', '--seconds-free']);
      await host.waiting();
      throw new Error('the test’s own');
    };
    await assert.rejects(test(), /the test’s own/);
    assertGone(seen!.directory);
  });

  it('SIGTERM that is ignored is followed by SIGKILL, for what a program started as well', async () => {
    const host = await serveDevices({ afus: [quiet] });
    const script = 'trap "" TERM; exec 3<>"$0"; sleep 600 & echo $!; wait';
    const program = await host.spawn('sh', ['-c', script, host.path()]);
    const inner = Number(await program.line());
    await host.close();
    assert.equal((await program.ended).signal, 'SIGKILL');
    await until('what it started is gone', () => !lives(inner));
    assertGone(host.directory, program.pid);
  });

  it('what a program left behind goes too, though the program itself has ended', async () => {
    const host = await serveDevices({ afus: [quiet] });
    const program = await host.spawn('sh', ['-c', 'sleep 600 <&- >&- 2>&- & echo $!']);
    const inner = Number(await program.line());
    assert.equal((await program.ended).code, 0);
    assert.ok(lives(inner));
    await host.close();
    // Not our own child, so nobody has waited for its end.
    await until('the process is gone', () => !lives(inner));
    assertGone(host.directory);
  });

  it('SIGTERM leaves a program the time to end by itself', async () => {
    const host = await serveDevices({ afus: [quiet] });
    const script = 'trap "sleep 0.1; echo tidy; exit 5" TERM; echo ready; while :; do sleep 0.01; done';
    const program = await host.spawn('sh', ['-c', script]);
    await program.line();
    await host.close();
    assert.equal((await program.ended).code, 5);
    assert.deepEqual(await program.remaining(), ['tidy']);
  });

  it('twice, at the same time and after another, is once; then nothing can be spawned', async () => {
    const host = await serveDevices({ afus: [quiet] });
    await Promise.all([host.close(), host[Symbol.asyncDispose](), host.close()]);
    await host.close();
    assertGone(host.directory);
    await assert.rejects(host.spawn('true'), /the host is closed/);
  });

  it('a mount that was taken away', { skip: notRoot() }, async t => {
    const host = await serveDevices({ afus: [quiet] });
    const client = await host.spawn(cClient(), [host.path(), 'block', '--seconds-free']);
    await host.waiting();
    assert.equal((await start(t, 'umount', ['-i', '-c', '-l', '--', host.directory]).ended).code, 0);
    await host.close();
    assertGone(host.directory, client.pid);
  });
});

interface Served {
  readonly directory: string;
  readonly pids: readonly number[];
}

describe('the end of a process with a host', { skip: noFuse() }, () => {
  const program = fileURLToPath(new URL('../programs/testing-host.js', import.meta.url));

  async function served(t: TestContext, ending: string): Promise<{ host: ReturnType<typeof start>; there: Served }> {
    const place = join(await temporaryDirectory(t), 'tmp');
    await mkdir(place);
    const host = start(t, process.execPath, [program, ending], { env: { ...process.env, TMPDIR: place } });
    const there = JSON.parse(await host.line()) as Served;
    assert.equal(mountsBelow(there.directory).length, 1);
    assert.deepEqual(there.pids.filter(lives), there.pids);
    assert.deepEqual((await readdir(place)).length, 1);
    return { host, there };
  }

  for (const [ending, code] of [
    ['close', 0],
    ['exit', 3],
    ['throw', 1],
  ] as const) {
    it(`${ending}: nothing is left when it has ended`, async t => {
      const { host, there } = await served(t, ending);
      host.send('now');
      assert.equal((await host.ended).code, code);
      assertGone(there.directory);
      await until('the programs are gone', () => !there.pids.some(lives));
    });
  }

  for (const signal of ['SIGTERM', 'SIGINT', 'SIGKILL'] as const) {
    it(`${signal}, which nobody handles: nothing is left soon after`, async t => {
      const { host, there } = await served(t, 'close');
      assert.equal((await host.kill(signal)).signal, signal);
      await until('everything is gone', () => !left(there.directory) && !there.pids.some(lives));
    });
  }
});
