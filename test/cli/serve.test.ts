/* `afukit serve` from its start to every way out: nothing stays mounted. */
import assert from 'node:assert/strict';
import { readFile, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { asleep } from '../support/asleep.ts';
import { mountsBelow } from '../support/cleanup.ts';
import { runC, runPython } from '../support/clients.ts';
import { afukit, main, place, refused, serving } from '../support/cli.ts';
import { any, noCompiler, noFuse, noPython, notRoot } from '../support/needs.ts';
import { start } from '../support/program.ts';
import { until } from '../support/until.ts';

describe('afukit serve', { skip: any(noFuse(), noCompiler()), concurrency: 2 }, () => {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    it(`${signal}: unmounts, also under a program that sleeps in read, and ends with 0`, async t => {
      const where = await place(t);
      const server = await serving(t, where);
      const client = runC(t, join(where.mountPoint, 'dev/cxl/afu0.1s'), 'block');
      await client.lines(2);
      await asleep(client.pid, 'read');
      const { code, stderr } = await server.end(signal);
      assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
      assert.deepEqual(mountsBelow(where.mountPoint), []);
      assert.match((await client.remaining())[0] ?? '', /^read -1 (?:ECONNABORTED|ENODEV|ENOTCONN)$/);
    });
  }

  it('an exception that nobody catches: the stack is shown, nothing stays mounted', async t => {
    const where = await place(t);
    const config = `export default { adapters: [{ afus: [{ model: {
      name: 'any', attach: () => {} },
      driver: { name: 'bad', open: () => void setTimeout(() => { throw new Error('from the timer'); }, 1) } }] }] };`;
    await writeFile(join(where.project, 'bad.mjs'), config);
    const server = await serving(t, where, ['--config', 'bad.mjs']);
    const client = runC(t, join(where.mountPoint, 'dev/cxl/afu0.0s'), 'read');
    const { code, stderr } = await server.program.ended;
    assert.equal(code, 1);
    assert.match(stderr, /Error: from the timer/);
    assert.deepEqual(mountsBelow(where.mountPoint), []);
    assert.match((await client.remaining()).at(-1) ?? '', /^read -1 /);
  });

  it('an AFU model whose timer throws: said with its name, the program gets EIO, other contexts go on', async t => {
    const where = await place(t);
    const config = `export default { adapters: [{ afus: [{ model: {
      name: 'bad', attach: () => void setTimeout(() => { throw new Error('from the timer'); }, 1) } },
      { model: 'ticker', periodUs: 1000 }] }] };`;
    await writeFile(join(where.project, 'bad.mjs'), config);
    const server = await serving(t, where, ['--config', 'bad.mjs']);
    const other = runC(t, join(where.mountPoint, 'dev/cxl/afu0.1s'), 'epoll', 2);
    const client = runC(t, join(where.mountPoint, 'dev/cxl/afu0.0s'), 'read');
    assert.equal((await client.remaining()).at(-1), 'read -1 EIO');
    assert.equal((await other.remaining()).at(-1), 'event afu_interrupt pe=0 irq=1 size=16');
    const { code, stderr } = await server.end();
    assert.equal(code, 0);
    assert.match(stderr, /AFU model bad: attach, afu0\.0 pe 0: threw afterwards \(Error: from the timer\)/);
  });

  it('umount from outside ends it, and it says so', async t => {
    const where = await place(t);
    const server = await serving(t, where);
    assert.equal((await start(t, 'umount', [where.mountPoint]).ended).code, 0);
    const { code, stderr } = await server.program.ended;
    assert.equal(code, 0);
    assert.match(stderr, /^afukit: \S+ was unmounted\n$/);
  });

  it('kill -9 of a reader leaves it serving, with the process element free again', async t => {
    const where = await place(t);
    await serving(t, where);
    const device = join(where.mountPoint, 'dev/cxl/afu0.0s');
    const victim = runC(t, device, 'read', 1000);
    await victim.lines(2);
    await victim.kill();
    await until('process element 0 is free', async () => {
      const said = await runC(t, device, 'afu-id').remaining();
      return said.includes('ioctl GET_PROCESS_ELEMENT 0 pe=0');
    });
    const next = await runC(t, device, 'epoll', 2).remaining();
    assert.equal(next.at(-1), 'event afu_interrupt pe=0 irq=1 size=16');
  });

  it('the default configuration serves decoded interrupts to Python’s epoll', { skip: noPython() }, async t => {
    const where = await place(t);
    await serving(t, where);
    const client = runPython(t, join(where.mountPoint, 'dev/cxl/afu0.0s'), 'epoll', '2');
    const interrupt = /^event 0?1000?1000?/;
    const [started, wake, event] = await client.lines(3);
    assert.deepEqual([started, wake], ['started', 'epoll POLLIN|POLLRDNORM']);
    assert.match(event!, interrupt);
  });

  it('idle, it uses no CPU: no timers, with a context open and a program asleep in poll', async t => {
    const where = await place(t);
    const server = await serving(t, where);
    const client = runC(t, join(where.mountPoint, 'dev/cxl/afu0.1s'), 'poll', '--seconds-free');
    await client.line();
    await asleep(client.pid, 'poll');
    const used = async (): Promise<string> => {
      const fields = (await readFile(`/proc/${server.program.pid}/stat`, 'latin1')).split(') ')[1]!.split(' ');
      const status = await readFile(`/proc/${server.program.pid}/status`, 'latin1');
      return `${fields[11]} ${fields[12]} ${/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)![1]}`;
    };
    // Node tidies up after its start; from then on not even its event loop wakes.
    await until('nothing is used in 300 ms', async () => {
      const before = await used();
      await start(t, 'sleep', ['0.3']).ended;
      return (await used()) === before;
    });
    await client.kill();
  });

  it('without --mount it makes a directory of its own, and takes it away', async t => {
    const where = await place(t);
    const program = afukit(t, where, ['serve']);
    const [first] = await program.lines(5);
    assert.match(first!, /^\S+\/tmp\/afukit-\w+\/dev\/cxl\/afu0\.0m  ticker$/);
    assert.equal((await program.kill('SIGINT')).code, 0);
    assert.deepEqual(await readdir(where.env['TMPDIR']!), []);
  });

  it('--trace prints the requests on stderr', async t => {
    const where = await place(t);
    const server = await serving(t, where, ['--trace']);
    await runC(t, join(where.mountPoint, 'dev/cxl/afu0.1s'), 'afu-id').ended;
    const { stderr } = await server.end();
    for (const operation of ['LOOKUP', 'OPEN', 'IOCTL', 'RELEASE'])
      assert.match(stderr, new RegExp(`rx.*\\b${operation}\\b`));
  });
});

const serve = (directory: string): string[] => ['serve', '--json', '--mount', directory];

describe('the mount point', { skip: noFuse(), concurrency: 2 }, () => {
  it('that does not exist is refused', async t => {
    const where = await place(t);
    assert.match(await refused(afukit(t, where, serve('./missing'))), /missing does not exist: mkdir/);
  });

  it('that is not a directory is refused', async t => {
    const where = await place(t);
    await writeFile(join(where.project, 'file'), '');
    assert.match(await refused(afukit(t, where, serve('file'))), /file is not a directory/);
  });

  it('that is not empty is refused', async t => {
    const where = await place(t);
    await writeFile(join(where.project, 'file'), '');
    assert.match(await refused(afukit(t, where, serve('.'))), /project is not empty/);
  });

  it('that is already mounted is refused, and the one who serves it goes on', async t => {
    const where = await place(t);
    const server = await serving(t, where);
    assert.match(await refused(afukit(t, where, serve(where.mountPoint))), /already mounted/);
    assert.equal(mountsBelow(where.mountPoint).length, 1);
    assert.equal((await server.end()).code, 0);
  });

  it('with the stale mount of a killed server is cleared, and served again', async t => {
    const where = await place(t);
    const first = await serving(t, where);
    await first.end('SIGKILL');
    const look = start(t, 'ls', [where.mountPoint], { env: { ...process.env, LC_ALL: 'C' } });
    assert.match((await look.ended).stderr, /Transport endpoint is not connected/);
    const second = await serving(t, where);
    assert.deepEqual(mountsBelow(where.mountPoint), [where.mountPoint]);
    assert.equal((await start(t, 'ls', [where.mountPoint]).ended).stdout, 'debug\ndev\nsys\n');
    assert.equal((await second.end()).code, 0);
  });

  it('may be a symbolic link, and have a space in its name', async t => {
    const where = await place(t);
    const link = join(where.project, 'a link');
    await symlink(where.mountPoint, link);
    const server = await serving(t, { ...where, mountPoint: link });
    assert.equal(server.mount, where.mountPoint);
  });

  it('with somebody else’s file system on it is refused or left alone', { skip: notRoot() }, async t => {
    const where = await place(t);
    const mounted = start(t, 'unshare', [
      '--mount',
      'sh',
      '-c',
      'mount -t tmpfs other "$1" && touch "$1/theirs" && exec "$2" "$3" serve --json --mount "$1"',
      'sh',
      where.mountPoint,
      process.execPath,
      main,
    ]);
    assert.match(await refused(mounted), /not empty/);
  });
});
