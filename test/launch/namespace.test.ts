import assert from 'node:assert/strict';
import { type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { namespaceCommand, NamespaceError, runInNamespace, spawnInNamespace } from '../../src/launch/namespace.ts';

const SETUP_ERROR = 250;
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
/** The machine's mounts but for those of tests that run beside this one. */
const ownMounts = (): string =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => !line.includes(' fuse'))
    .join('\n');

/** Everything that must be reachable for other users lies below this directory. */
let base = '';
let tree = '';
let driver = '';

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A process of runInNamespace's own, so that it can be another user's and be sent signals. */
const DRIVER = `
import { runInNamespace } from './namespace.js';
try {
  process.exitCode = await runInNamespace(JSON.parse(process.argv[2]));
} catch (error) {
  const { name, code, message, remedy } = error;
  console.log(JSON.stringify({ name, code, message, remedy }));
  process.exitCode = ${SETUP_ERROR};
}
`;

interface Who {
  readonly name: string;
  readonly prefix: readonly string[];
  readonly ordinary: boolean;
}

const root = process.getuid?.() === 0;
const IDENTITIES: Who[] = root
  ? [
      { name: 'root', prefix: [], ordinary: false },
      { name: 'uid 65534', prefix: NOBODY, ordinary: true },
      { name: 'root without CAP_SYS_ADMIN', prefix: ['setpriv', '--bounding-set=-sys_admin'], ordinary: true },
    ]
  : [{ name: 'an ordinary user', prefix: [], ordinary: true }];

/** Why this user can have no namespace here, found out without the code under test; undefined when it can. */
function impossible(who: Who): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  const namespace = ['unshare', ...(who.ordinary ? ['--user', '--map-current-user', '--keep-caps'] : []), '--mount'];
  const argv = [
    ...who.prefix,
    ...namespace,
    'sh',
    '-c',
    'mount -t tmpfs none /sys && exec "$0" -e 0',
    process.execPath,
  ];
  const { status, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
  return status === 0 ? undefined : `no mount namespace for ${who.name}: ${(stderr ?? '').trim()}`;
}

/** To be given to `describe`: skips where it must, but never in CI. */
function skipReason(who: Who): string | false {
  const reason = impossible(who);
  if (reason !== undefined && process.env['CI']) throw new Error(reason);
  return reason ?? false;
}

/** Without the number of the owner, for user 0 is not mapped in an ordinary user's namespace. */
const unowned = (line: string): string => line.replace(/ (?:0|65534)$/, '');

/** Not the tree, not the descriptors of the very process, and not the node that has to be another one. */
const comparable = (line: string): boolean => !/^\/dev\/(?:cxl|fd\/|ptmx\b)/.test(line);

const counts = (): number[] => ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'].map(signal => process.listenerCount(signal));

interface Running {
  readonly child: ReturnType<typeof spawn>;
  readonly result: Promise<Result>;
}

interface More extends SpawnOptions {
  readonly treeOf?: string;
  readonly environment?: NodeJS.ProcessEnv;
}

function start(who: Who, program: string, args: readonly string[], more: More = {}): Running {
  const { treeOf = tree, environment, ...options } = more;
  const parameters = JSON.stringify({ tree: treeOf, program, args, env: environment });
  const argv = [...who.prefix, process.execPath, driver, parameters];
  const child = spawn(argv[0] ?? '', argv.slice(1), { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  const result = (async (): Promise<Result> => {
    const [stdout, stderr] = await Promise.all([
      child.stdout === null ? '' : text(child.stdout),
      child.stderr === null ? '' : text(child.stderr),
      child.exitCode ?? once(child, 'close'),
    ]);
    return { code: child.exitCode, stdout, stderr };
  })();
  return { child, result };
}

function run(who: Who, program: string, args: readonly string[], more?: More): Promise<Result> {
  const { child, result } = start(who, program, args, more);
  child.stdin?.end();
  return result;
}

const shell = (who: Who, script: string, more?: More): Promise<Result> => run(who, 'sh', ['-c', script], more);

/** The same script without a namespace. */
function outside(who: Who, script: string): string {
  const argv = [...who.prefix, 'sh', '-c', script];
  return spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' }).stdout;
}

/** Waits until the program has said something. */
async function ready({ child }: Running): Promise<void> {
  assert.ok(child.stdout !== null);
  const { stdout } = child;
  await new Promise<void>((resolve, reject) => {
    stdout.once('data', () => resolve());
    stdout.once('end', () => reject(new Error('the program ended before it was ready')));
  });
}

const lines = (value: string): string[] => value.split('\n').filter(line => line !== '');
/** Classes' entries but for bdi, which has one for each mount, also of the tests that run beside this one. */
const lasting = (value: string): string[] => lines(value).filter(line => !/^\/sys\/class\/(?:cxl|bdi)\//.test(line));

function makeTree(name: string, mark: string): string {
  const at = join(base, name);
  mkdirSync(join(at, 'dev/cxl'), { recursive: true });
  mkdirSync(join(at, 'sys/class/cxl/afu0.0'), { recursive: true });
  writeFileSync(join(at, 'dev/cxl/afu0.0s'), mark);
  writeFileSync(join(at, 'sys/class/cxl/afu0.0/mode'), 'dedicated_process\n');
  return at;
}

before(() => {
  base = mkdtempSync(join(tmpdir(), 'afukit-namespace-'));
  chmodSync(base, 0o755);
  tree = makeTree('a tree', 'first\n');
  const extension = extname(import.meta.url);
  for (const name of ['namespace', 'namespace.sh']) {
    const module = fileURLToPath(new URL(`../../src/launch/${name}${extension}`, import.meta.url));
    copyFileSync(module, join(base, `${name}${extension}`));
  }
  writeFileSync(join(base, 'package.json'), '{"type":"module"}');
  driver = join(base, 'driver.js');
  writeFileSync(driver, DRIVER);
});

after(() => rmSync(base, { recursive: true, force: true }));

for (const who of IDENTITIES) {
  void describe(`the namespace of ${who.name}`, { skip: skipReason(who) }, () => {
    it('has the tree in /dev/cxl and /sys/class/cxl, and the host has not', async () => {
      const mounts = ownMounts();
      const had = [existsSync('/dev/cxl'), existsSync('/sys/class/cxl')];
      const running = start(who, 'sh', ['-c', 'echo ready; read line']);
      await ready(running);
      assert.deepEqual([existsSync('/dev/cxl'), existsSync('/sys/class/cxl')], had);
      assert.equal(ownMounts(), mounts);
      running.child.stdin?.end('go\n');
      assert.equal((await running.result).code, 0);
      assert.equal(ownMounts(), mounts);

      const { stdout } = await shell(who, 'cat /dev/cxl/* /sys/class/cxl/*/mode');
      assert.equal(stdout, 'first\ndedicated_process\n');
    });

    it('keeps every other entry of /dev', async () => {
      const links = 'for f in /dev/*; do [ -L "$f" ] && echo "$f $(readlink "$f")"; done; true';
      const nodes = 'for f in /dev/*; do [ -L "$f" ] || stat -c "%n %f %t %T %i %d %u" "$f"; done';
      const below = 'stat -c "%n %f %t %T %i %d" /dev/*/* 2>/dev/null';
      for (const script of [links, nodes, below]) {
        const there = lines((await shell(who, script)).stdout).filter(comparable);
        const here = lines(outside(who, script)).filter(comparable);
        assert.ok(here.length > 1);
        assert.deepEqual(there.map(unowned), here.map(unowned));
      }
    });

    it('has working devices, terminals and shared memory', async () => {
      const name = `afukit-${process.pid}-${who.name.replaceAll(' ', '-')}`;
      const script = `echo x >/dev/null && head -c 4 /dev/zero | wc -c && echo shared >/dev/shm/${name}
        { echo to-stdout >/dev/stdout; } | cat; echo from-stdin | cat /dev/stdin /dev/fd/0`;
      try {
        const { stdout, stderr } = await shell(who, script);
        assert.equal(stderr, '');
        assert.equal(stdout, '4\nto-stdout\nfrom-stdin\n');
        assert.equal(readFileSync(`/dev/shm/${name}`, 'utf8'), 'shared\n');
      } finally {
        rmSync(`/dev/shm/${name}`, { force: true });
      }
    });

    it('makes terminals', async t => {
      // script(1) makes a terminal, and tty(1) finds out its name
      const script = `script -qec 'tty && stty -a <"$(tty)" >/dev/null && echo fine' /dev/null`;
      if (!outside(who, script).includes('fine')) {
        t.skip('script(1) makes no terminal here');
        return;
      }
      const { stdout } = await shell(who, script);
      assert.match(stdout, /^\/dev\/(?:\.afukit\/)?pts\/\d+\r\nfine/);
    });

    it('keeps the controlling terminal and its name', async t => {
      const inner = [
        process.execPath,
        driver,
        JSON.stringify({ tree, program: 'sh', args: ['-c', 'tty; : </dev/tty'] }),
      ];
      const quoted = inner.map(word => `'${word}'`).join(' ');
      const script = join(base, 'in-terminal');
      writeFileSync(script, quoted);
      const seen = outside(who, `script -qec "tty; sh '${script}'" /dev/null`).split('\r\n');
      if (!seen[0]?.startsWith('/dev/pts')) {
        t.skip('script(1) makes no terminal here');
        return;
      }
      assert.deepEqual(seen.slice(1), [seen[0], '']);
    });

    it('keeps /sys/class with its relative links', async () => {
      const script = 'stat -L -c "%n %i %d" /sys/class/*/* 2>/dev/null; cat /sys/class/net/lo/address';
      const there = lasting((await shell(who, script)).stdout);
      const here = lasting(outside(who, script));
      assert.ok(here.length > 1);
      assert.deepEqual(there, here);
    });

    it('does not let the program make files in /dev or /sys/class of the host', async () => {
      const script = 'for d in /dev /sys/class; do { : >$d/afukit-probe; } 2>/dev/null && echo made; done; true';
      const { stdout } = await shell(who, script);
      if (!who.name.startsWith('root')) assert.equal(stdout, '');
      assert.ok(!existsSync('/dev/afukit-probe') && !existsSync('/sys/class/afukit-probe'));
    });

    it('passes the exit status on', async () => {
      for (const status of [0, 1, 3, 125, 255]) {
        assert.equal((await shell(who, `exit ${status}`)).code, status);
      }
    });

    it('reports a killed program as 128 + n', async () => {
      for (const [signal, status] of [
        ['KILL', 137],
        ['TERM', 143],
        ['INT', 130],
      ]) {
        assert.equal((await shell(who, `kill -${signal} $$`)).code, status);
      }
    });

    it('reports 127 for a program that is not found, 126 for one that cannot be executed', async () => {
      const closed = join(base, 'closed');
      mkdirSync(closed, { mode: 0o700, recursive: true });
      const missing = await run(who, 'no-such-program', [], {
        environment: { PATH: `${closed}:${process.env['PATH']}` },
      });
      assert.equal(missing.code, 127);
      assert.match(missing.stderr, /no-such-program: command not found/);
      assert.equal((await run(who, '/no/such/program', [])).code, 127);
      assert.equal((await run(who, '', [])).code, 127);
      assert.equal((await run(who, '/', [])).code, 126);
      assert.equal((await run(who, join(tree, 'dev/cxl/afu0.0s'), [])).code, 126);
    });

    it('hands arguments over byte for byte', async () => {
      const args = [
        '-x',
        '--',
        '',
        ' a  b ',
        `'"\\$HOME\`id\``,
        'two\nlines\n',
        '*',
        'ü€😀',
        'A=b',
        '-u',
        'x'.repeat(100_000),
      ];
      const { stdout } = await run(who, process.execPath, [
        '-e',
        'console.log(JSON.stringify(process.argv.slice(1)))',
        '--',
        ...args,
      ]);
      assert.deepEqual(JSON.parse(stdout), args);
    });

    it('starts programs of odd names', async () => {
      const bin = join(base, 'bin');
      mkdirSync(bin, { recursive: true });
      for (const name of ['-dash', 'A=b', 'a b', 'if']) {
        writeFileSync(join(bin, name), '#!/bin/sh\necho "${0##*/} $1"\n', { mode: 0o755 });
        const { stdout } = await run(who, name, ['-c'], { environment: { PATH: `${bin}:/usr/bin:/bin` } });
        assert.equal(stdout, `${name} -c\n`);
      }
    });

    it('keeps the environment, also what a shell would change', async () => {
      const given: NodeJS.ProcessEnv = {
        PATH: '/usr/bin:/bin',
        PWD: '/nowhere',
        IFS: 'x',
        'not-a-name': '1',
        'BASH_FUNC_mount%%': '() { echo hijacked; }',
        LD_PRELOAD: '',
        LC_ALL: 'C.UTF-8',
        EMPTY: '',
        LINES: '7',
        TWO: 'a\nb',
      };
      for (const environment of [given, { PATH: '/usr/bin:/bin' }, {}]) {
        const { stdout } = await run(who, '/usr/bin/env', ['-0'], { environment });
        const seen = stdout.split('\0').filter(entry => entry !== '');
        assert.deepEqual(
          seen.sort(),
          Object.entries(environment)
            .map(entry => entry.join('='))
            .sort(),
        );
      }
    });

    it('keeps the current directory and the umask', async () => {
      for (const cwd of [base, '/dev', '/dev/shm', '/sys/class/net']) {
        const { stdout } = await shell(who, 'pwd -P; umask', { cwd });
        assert.match(stdout, new RegExp(`^${cwd}\n0`));
      }
      const argv = [
        ...who.prefix,
        process.execPath,
        driver,
        JSON.stringify({ tree, program: 'sh', args: ['-c', 'umask'] }),
      ];
      const quoted = argv.map(word => `'${word}'`).join(' ');
      assert.equal(outside({ ...who, prefix: [] }, `umask 0777; ${quoted}`), '0777\n');
    });

    it('gives no capabilities that the caller has not', async () => {
      if (who.name.startsWith('root')) return;
      const { stdout } = await shell(who, 'grep -E "^Cap(Inh|Prm|Eff|Amb)" /proc/self/status');
      assert.deepEqual(
        lines(stdout).map(line => BigInt(`0x${line.split('\t')[1]}`)),
        [0n, 0n, 0n, 0n],
      );
    });

    it('can be made inside another one, and says when the current directory would be lost', async () => {
      const outer = makeTree('outer', 'outer\n');
      const inner = makeTree('inner', 'inner\n');
      mkdirSync(join(outer, 'dev/cxl/sub'), { recursive: true });
      const nested = JSON.stringify({ tree: inner, program: 'cat', args: ['/dev/cxl/afu0.0s'] });
      const ok = await run(who, process.execPath, [driver, nested], { treeOf: outer });
      assert.deepEqual([ok.code, ok.stdout], [0, 'inner\n'], ok.stdout);

      const script = 'cd /dev/cxl/sub && exec "$@"';
      const lost = await run(who, 'sh', ['-c', script, 'sh', process.execPath, driver, nested], { treeOf: outer });
      assert.equal(lost.code, SETUP_ERROR);
      assert.equal(JSON.parse(lost.stdout).code, 'directory');
      assert.match(JSON.parse(lost.stdout).message, /\/dev\/cxl\/sub/);
    });

    it('accepts a tree below /dev', async () => {
      const at = `/dev/shm/afukit-tree-${process.pid}`;
      mkdirSync(`${at}/dev/cxl`, { recursive: true });
      mkdirSync(`${at}/sys/class/cxl/afu0.0`, { recursive: true });
      try {
        const { stdout } = await shell(who, 'ls /sys/class/cxl', { treeOf: at });
        assert.equal(stdout, 'afu0.0\n');
      } finally {
        rmSync(at, { recursive: true });
      }
    });

    it('passes SIGTERM and SIGHUP on', async () => {
      for (const [signal, name] of [
        ['SIGTERM', 'TERM'],
        ['SIGHUP', 'HUP'],
      ] as const) {
        const running = start(who, 'sh', ['-c', `trap 'exit 9' ${name}; echo ready; while :; do sleep 0.02; done`]);
        await ready(running);
        running.child.kill(signal);
        assert.equal((await running.result).code, 9);
      }
    });

    it('leaves SIGINT and SIGQUIT of the terminal to the program', async () => {
      for (const [signal, name] of [
        ['SIGINT', 'INT'],
        ['SIGQUIT', 'QUIT'],
      ] as const) {
        const script = `trap 'n=x$n; [ $n = xx ] && exit 5' ${name}; echo ready; while :; do sleep 0.02; done`;
        const running = start(who, 'sh', ['-c', script], { detached: true });
        await ready(running);
        for (let i = 0; i < 2; i++) {
          process.kill(-(running.child.pid ?? Number.NaN), signal);
          await new Promise(resolve => setTimeout(resolve, 200));
        }
        assert.equal((await running.result).code, 5);
      }
    });

    it('may be made many times at once', async () => {
      const codes = await Promise.all([1, 2, 3, 4, 5].map(status => shell(who, `exit ${status}`)));
      assert.deepEqual(
        codes.map(({ code }) => code),
        [1, 2, 3, 4, 5],
      );
    });

    it('is refused for a directory that is no tree', async () => {
      for (const treeOf of ['/', join(base, 'missing'), join(tree, 'dev')]) {
        const { code, stdout } = await run(who, 'true', [], { treeOf });
        assert.equal(code, SETUP_ERROR);
        const error = JSON.parse(stdout);
        assert.deepEqual([error.name, error.code], ['NamespaceError', 'tree']);
        assert.ok(error.message.includes(treeOf) && error.message.endsWith(error.remedy));
      }
    });

    it('is refused with a remedy where user namespaces are forbidden', async () => {
      // the limit is each user namespace's own; it is raised to none in one that is made for it
      const script = 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set=-sys_admin "$@"';
      const prefix = [...who.prefix, 'unshare', '--user', '--map-root-user', 'sh', '-c', script, 'sh'];
      const { code, stdout } = await run({ ...who, prefix }, 'true', []);
      assert.equal(code, SETUP_ERROR, stdout);
      const error = JSON.parse(stdout);
      assert.equal(error.code, 'forbidden');
      assert.match(error.message, /unshare/);
      assert.match(error.remedy, /user\.max_user_namespaces/);
      assert.ok(!error.message.includes('\n'));
    });

    it('is refused with a remedy where a tool is missing', async () => {
      const script = 'mount --bind /dev/null "$(command -v setpriv)" && exec "$@"';
      const prefix = [...who.prefix, 'unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script, 'sh'];
      const { code, stdout } = await run({ ...who, prefix }, 'true', []);
      assert.equal(code, SETUP_ERROR, stdout);
      const error = JSON.parse(stdout);
      assert.equal(error.code, 'tool');
      assert.match(error.message, /'setpriv' is missing: install util-linux/);
    });
  });
}

const self: Who = IDENTITIES[0] ?? { name: 'nobody', prefix: [], ordinary: true };

void describe('runInNamespace, spawnInNamespace and namespaceCommand', { skip: skipReason(self) }, () => {
  it('restores the signal handlers', async () => {
    const had = counts();
    assert.equal(await runInNamespace({ tree, program: 'true', args: [] }), 0);
    assert.deepEqual(counts(), had);
    await assert.rejects(runInNamespace({ tree: base, program: 'true', args: [] }), NamespaceError);
    assert.deepEqual(counts(), had);
  });

  it('names a program that is too much for exec', async () => {
    const args = ['x'.repeat(1 << 20)];
    await assert.rejects(runInNamespace({ tree, program: 'true', args }), { name: 'NamespaceError', code: 'spawn' });
    await assert.rejects(runInNamespace({ tree, program: 'true', args: ['\0'] }), TypeError);
  });

  it('gives a command that becomes the program in the same process', async () => {
    const { command, args, env } = namespaceCommand({ tree, program: 'sh', args: ['-c', 'echo $$; cat /dev/cxl/*'] });
    const child = spawn(command, args, { env, stdio: ['inherit', 'pipe', 'inherit'] });
    assert.equal(await text(child.stdout), `${child.pid}\nfirst\n`);
  });

  it('gives a command that reports on standard error', async () => {
    const { command, args, env } = namespaceCommand({ tree: base, program: 'true', args: [] });
    const child = spawn(command, args, { env, stdio: ['inherit', 'inherit', 'pipe'] });
    const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    assert.equal(code, 125);
    assert.equal(stderr, 'afukit: [tree] the tree has no directory dev/cxl\n');
  });

  it('starts a program that is the caller’s own child, and says when it begins', async () => {
    const script = 'echo $$; read line; cat /dev/cxl/*; exit 5';
    const { child, ready: begins } = spawnInNamespace({ tree, program: 'sh', args: ['-c', script] });
    await begins;
    child.stdin.end('go\n');
    const [stdout, [code]] = await Promise.all([text(child.stdout), once(child, 'close')]);
    assert.deepEqual([stdout, code], [`${child.pid}\nfirst\n`, 5]);
  });

  it('tells why a program that is to be the caller’s child did not begin', async () => {
    const { child, ready: begins } = spawnInNamespace({ tree: base, program: 'true', args: [] });
    child.stdout.resume();
    child.stderr.resume();
    await assert.rejects(begins, { name: 'NamespaceError', code: 'tree' });
    const { child: none } = spawnInNamespace({ tree, program: 'true', args: [] }, { cwd: '/no/such' });
    assert.equal((await once(none, 'error'))[0].code, 'ENOENT');
  });
});
