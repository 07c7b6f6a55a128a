/* `afukit run -- PROGRAM`: the devices in place, the program's ending passed on, everything taken down. */
import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { cClient } from '../support/clients.ts';
import { afukit, main, place, type Place } from '../support/cli.ts';
import { afukitOn } from '../support/machine.ts';
import { any, isRoot, noCompiler, noFuse, notRoot } from '../support/needs.ts';
import { start, type Program } from '../support/program.ts';

const LISTING = `afu0.0m
afu0.0s
afu0.1m
afu0.1s
`;

/** `afukit run -- sh -c SCRIPT`, as the leader of a process group of its own, as a shell with job control starts it. */
const shell = (t: TestContext, where: Place, script: string): Program =>
  afukit(t, where, ['run', '--', 'sh', '-c', script], { detached: true });

describe('afukit run', { skip: noFuse() || (isRoot && notRoot()), concurrency: 2 }, () => {
  it('the program finds /dev/cxl and /sys/class/cxl, and the machine does not', async t => {
    const where = await place(t);
    const script = 'ls /dev/cxl && cat /sys/class/cxl/afu0.0s/dev && cat /sys/class/cxl/afu0.1s/device/mode';
    const { code, stdout, stderr } = await shell(t, where, script).ended;
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${LISTING}242:3\nafu_directed\n`, stderr: '' });
  });

  it('an unmodified C program gets its events', { skip: noCompiler() }, async t => {
    const where = await place(t);
    // One interrupt: a ticker that is late leaves numbers out.
    const program = afukit(t, where, ['run', cClient(), '/dev/cxl/afu0.0s', 'epoll', '2', '--irqs', '1']);
    assert.deepEqual(await program.remaining(), [
      'ioctl START_WORK 0',
      'epoll POLLIN|POLLRDNORM',
      'event afu_interrupt pe=0 irq=1 size=16',
      'epoll POLLIN|POLLRDNORM',
      'event afu_interrupt pe=0 irq=1 size=16',
    ]);
  });

  it('what the program starts can list, inject and watch: AFUKIT_MOUNT names the mount, which is there', async t => {
    const script = 'test -d "$AFUKIT_MOUNT/debug/cxl" && "$0" "$1" inject link card0 down && "$0" "$1" ls';
    const args = ['run', '--', 'sh', '-c', script, process.execPath, main];
    const { code, stdout, stderr } = await afukit(t, await place(t), args).ended;
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /^card0 +down$/m);
  });

  const endings: readonly [what: string, script: string, code: number][] = [
    ['success', 'true', 0],
    ['its exit status', 'exit 7', 7],
    ['128 + n when SIGKILL ended it', 'kill -KILL $$', 128 + 9],
    ['128 + n when SIGTERM ended it', 'kill -TERM $$', 128 + 15],
  ];
  for (const [what, script, code] of endings) {
    it(`passes on ${what}`, async t => {
      const ending = await shell(t, await place(t), script).ended;
      assert.deepEqual([ending.code, ending.stdout, ending.stderr], [code, '', '']);
    });
  }

  it('a program that is not there is 127, one that cannot be executed 126', async t => {
    const where = await place(t);
    const missing = await afukit(t, where, ['run', 'no-such-program']).ended;
    assert.equal(missing.code, 127);
    assert.match(missing.stderr, /no-such-program: command not found/);
    const file = join(where.project, 'file');
    await writeFile(file, '#!/bin/sh\n');
    assert.equal((await afukit(t, where, ['run', file]).ended).code, 126);
    await chmod(file, 0o755);
    assert.equal((await afukit(t, where, ['run', file]).ended).code, 0);
  });

  it('arguments, standard input and the environment are the program’s own', async t => {
    const where = await place(t);
    const script = 'printf "%s|" "$@"; cat; pwd; echo "$MINE"';
    const args = ['run', 'sh', '-c', script, 'sh', '--json', 'a b', '', '--'];
    const program = afukit(t, { ...where, env: { ...where.env, MINE: 'kept' } }, args);
    program.child.stdin.end('from stdin\n');
    assert.equal((await program.ended).stdout, `--json|a b||--|from stdin\n${where.project}\nkept\n`);
  });

  it('Ctrl-C: SIGINT to the whole process group ends both', async t => {
    const program = shell(t, await place(t), 'echo ready; exec sleep 60');
    assert.equal(await program.line(), 'ready');
    process.kill(-program.pid, 'SIGINT');
    assert.equal((await program.ended).code, 128 + constants.signals.SIGINT);
  });

  it('Ctrl-C that the program survives is the program’s: it goes on with its devices', async t => {
    const program = shell(t, await place(t), 'trap "echo caught" INT; echo ready; read x; ls /dev/cxl; exit 3');
    assert.equal(await program.line(), 'ready');
    process.kill(-program.pid, 'SIGINT');
    // sh runs its trap when read has ended.
    program.child.stdin.end('go\n');
    const { code, stdout } = await program.ended;
    assert.equal(code, 3);
    assert.equal(stdout, `ready\ncaught\n${LISTING}`);
  });

  for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
    it(`${signal} to afukit alone ends the program, and everything is taken down`, async t => {
      const program = shell(t, await place(t), 'echo $$; exec sleep 60');
      const pid = Number(await program.line());
      assert.equal((await program.kill(signal)).code, 128 + constants.signals[signal]);
      assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    });
  }

  it(
    'a program that ends with its device open, and its reader asleep, is taken down too',
    { skip: noCompiler() },
    async t => {
      const program = afukit(t, await place(t), ['run', cClient(), '/dev/cxl/afu0.1s', 'block', '--timeout-ms', '1']);
      assert.equal((await program.ended).code, 3);
    },
  );
});

const user = any(noFuse(), notRoot());
describe('afukit run by an ordinary user', { skip: user, concurrency: 2 }, () => {
  const machine = { fuse: 'usable', user: true, detached: true } as const;

  async function run(t: TestContext, script: string): Promise<Program> {
    const where = await place(t);
    await chmod(dirname(where.project), 0o755);
    return afukitOn(t, where, machine, () => ['run', '--', 'sh', '-c', script]);
  }

  it('the devices are there and can be opened; the exit status is passed on', async t => {
    const program = await run(
      t,
      'id -u; ls /dev/cxl; exec 3<>/dev/cxl/afu0.0s && cat /sys/class/cxl/afu0.0s/dev; exit 5',
    );
    const { code, stdout, stderr } = await program.ended;
    assert.deepEqual([code, stdout, stderr], [5, `65534\n${LISTING}242:3\n`, '']);
  });

  it('what it starts can inject', async t => {
    const program = await run(
      t,
      'echo link card0 down >"$AFUKIT_MOUNT/debug/cxl/inject"; ls /dev/cxl; exec 3</dev/cxl/afu0.0s',
    );
    const { stdout, stderr } = await program.ended;
    assert.equal(stdout, LISTING);
    assert.match(stderr, /^[^\n]*afu0\.0s[^\n]*\n$/, 'it cannot be opened any more');
  });

  it('Ctrl-C takes everything down', async t => {
    const program = await run(t, 'echo ready; exec sleep 60');
    assert.equal(await program.line(), 'ready');
    process.kill(-program.pid, 'SIGINT');
    assert.equal((await program.ended).code, 130);
  });

  it('serve: SIGTERM leaves nothing mounted in its namespace', async t => {
    const where = await place(t);
    await chmod(dirname(where.project), 0o755);
    const program = await afukitOn(t, where, machine, at => ['serve', '--json', '--mount', at]);
    const { mount, pid } = JSON.parse(await program.line()) as { mount: string; pid: number };
    assert.equal(pid, program.pid);
    const look = 'echo in; grep -c "$0" /proc/self/mountinfo; read x; grep -c "$0" /proc/self/mountinfo';
    const inside = start(t, 'nsenter', ['-t', String(pid), '-m', 'sh', '-c', look, `${mount} `]);
    assert.deepEqual(await inside.lines(2), ['in', '1']);
    const { code, stderr } = await program.kill('SIGTERM');
    assert.deepEqual([code, stderr], [0, '']);
    inside.send('go');
    assert.equal(await inside.line(), '0');
  });
});
