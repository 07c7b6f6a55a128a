/* `afukit ls`: the table, the document, and which mount is meant. */
import assert from 'node:assert/strict';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import type { State } from '../../src/devfs/index.ts';
import { servedMount } from '../../src/cli/served-mount.ts';
import { runC } from '../support/clients.ts';
import { afukit, place, refused, serving, type Place } from '../support/cli.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';

const listed = async (t: TestContext, where: Place, ...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await afukit(t, where, ['ls', '--mount', where.mountPoint, ...args]).ended;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  return stdout;
};

describe('afukit ls', { skip: any(noFuse(), noCompiler()), concurrency: 2 }, () => {
  it('a table of cards, AFUs and contexts', async t => {
    const where = await place(t);
    await serving(t, where);
    const client = runC(t, join(where.mountPoint, 'dev/cxl/afu0.1s'), 'block');
    await client.lines(2);
    const inject = afukit(t, where, ['inject', '--mount', where.mountPoint, 'event', 'afu0.1/0', '00']);
    assert.equal((await inject.ended).code, 0);
    await client.ended;
    const holder = runC(t, join(where.mountPoint, 'dev/cxl/afu0.1m'), 'hold');
    await holder.line();
    const pid = String(holder.pid);
    const pad = ' '.repeat(Math.max(0, pid.length - 3));
    assert.deepEqual((await listed(t, where)).split('\n'), [
      `NAME          STATE         MODEL   DRIVER  PID${pad}  COMMAND  IRQS  PENDING  RAISED  DELIVERED  DROPPED`,
      'card0         up',
      '  afu0.0      afu_directed  ticker  -',
      '  afu0.1      afu_directed  echo    echo',
      `    afu0.1/0  OPENED                echo    ${pid}  client   0     -        0       0          0`,
      '',
    ]);
    await holder.finish();
  });

  it('what is pending, in the order in which it is read', async t => {
    const where = await place(t);
    const config = `export default { adapters: [{ card: 3, afus: [{ irqsMin: 9, model: { name: 'any', attach() {} } }] }] };`;
    await writeFile(join(where.project, 'some.mjs'), config);
    await serving(t, where, ['--config', 'some.mjs']);
    const client = runC(t, join(where.mountPoint, 'dev/cxl/afu3.0s'), 'drain', '--seconds-free');
    await client.line();
    const lines = ['interrupt 3', 'interrupt 1', 'interrupt 2', 'interrupt 7', 'fault 1', 'error 2', 'event 00'];
    const commands = lines.map(line => line.replace(' ', ' afu3.0/0 '));
    await writeFile(join(where.mountPoint, 'debug/cxl/inject'), commands.join('\n'));
    assert.match(await listed(t, where), / {2}9 {5}driver 1, irq 1-3,7, fault, error  7 {7}0 {10}0$/m);
    const { adapters } = JSON.parse(await listed(t, where, '--json')) as State;
    const [context] = adapters[0]!.afus[0]!.contexts;
    assert.deepEqual(context?.pending, { driver: 1, interrupts: [1, 2, 3, 7], fault: true, error: true });
    assert.equal(context?.counters.raised, 7);
    client.send('go');
    assert.equal((await client.remaining()).at(-1), 'poll 0');
  });
});

describe('which mount is meant', { skip: noFuse(), concurrency: 2 }, () => {
  it('the one of --mount, else of AFUKIT_MOUNT; also by a relative path or a link', async t => {
    const where = await place(t);
    await serving(t, where);
    await symlink(where.mountPoint, join(where.project, 'link'));
    for (const mount of [where.mountPoint, '../mnt', 'link', 'link/'])
      assert.match((await afukit(t, where, ['ls', '-m', mount]).ended).stdout, /^card0/m, mount);
    const variable = { ...where, env: { ...where.env, AFUKIT_MOUNT: where.mountPoint } };
    assert.match((await afukit(t, variable, ['ls']).ended).stdout, /^card0/m);
  });

  it('one that is none is refused, with those that there are', async t => {
    const where = await place(t);
    await serving(t, where);
    const said = await refused(afukit(t, where, ['ls', '--mount', '.']));
    assert.match(said, /^nothing of afukit's is mounted on \.; there are: /);
    assert.ok(said.includes(where.mountPoint));
  });

  it('one whose server was killed: one line', async t => {
    const where = await place(t);
    const server = await serving(t, where);
    await server.end('SIGKILL');
    for (const verb of [['ls'], ['inject', 'probe', 'card0'], ['watch']]) {
      const [name, ...rest] = verb as [string, ...string[]];
      const said = await refused(afukit(t, where, [name, '--mount', where.mountPoint, ...rest]));
      assert.equal(said, `${where.mountPoint} is not served any more`);
    }
    // The next server clears it.
    assert.equal((await (await serving(t, where)).end()).code, 0);
  });
});

/** A mount table with these lines. */
const table = async (t: TestContext, ...lines: string[]): Promise<string> => {
  const { project } = await place(t);
  await mkdir(join(project, 'proc'));
  const file = join(project, 'proc/mountinfo');
  await writeFile(file, lines.map(line => `${line}\n`).join(''));
  delete process.env['AFUKIT_MOUNT'];
  return file;
};

describe('without --mount and AFUKIT_MOUNT', () => {
  const one = '42 27 0:39 / /tmp/a\\040b rw - fuse.afukit afukit rw';
  const part = '43 27 0:39 /dev/cxl /dev/cxl rw - fuse.afukit afukit rw';
  const other = '44 27 0:40 / /tmp/c rw - fuse.afukit afukit rw';
  const foreign = '45 27 0:41 / /tmp/d rw - fuse.sshfs sshfs rw';

  it('the only one there is; a part of it that is mounted elsewhere does not count', async t => {
    assert.equal(await servedMount(undefined, await table(t, foreign, one, part)), '/tmp/a b');
  });

  it('none, or several: one line', async t => {
    await assert.rejects(servedMount(undefined, await table(t, foreign)), /nothing is served here: start afukit serve/);
    await assert.rejects(servedMount(undefined, await table(t, one, other)), /--mount: \/tmp\/a b, \/tmp\/c$/);
  });
});
