// The real kernel: programs in other processes open, read, write, poll and ioctl files of a mount, and die doing it.
import assert from 'node:assert/strict';
import type { ChildProcessByStdio } from 'node:child_process';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  accessSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { FileNode, Mount, MountOptions } from '../../src/fuse/index.ts';
import { clearStaleMount, directory, mount, MountError, symlink, textFile } from '../../src/fuse/index.ts';
import { parseMountinfo } from '../../src/fuse/mountinfo.ts';
import { QueueDevice } from './device.ts';

const server = fileURLToPath(new URL('fixtures/server.js', import.meta.url));
const mountsAt = (path: string) =>
  parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).filter(line => line.directory === path);

function whyNot(): string | false {
  if (process.platform !== 'linux') return 'FUSE needs Linux';
  if (process.getuid?.() !== 0) return 'mounting without fusermount3 needs root';
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch (error) {
    return `no usable /dev/fuse: ${String(error)}`;
  }
  if (spawnSync('python3', ['--version']).status !== 0) return 'no python3 for the client programs';
  return false;
}

const reason = whyNot();
// In CI a skipped mount test would pass for a tested one.
if (reason && process.env['CI']) test('the mount tests can run here', () => assert.fail(reason));
const options = { skip: reason, timeout: 30_000 };

const cleanups = new WeakMap<TestContext, (() => unknown)[]>();

/** After the test, last come first served: node:test runs its own hooks in the order of their making. */
function cleanup(t: TestContext, step: () => unknown): void {
  const steps = cleanups.get(t);
  if (steps) {
    steps.push(step);
    return;
  }
  const first = [step];
  cleanups.set(t, first);
  t.after(async () => {
    for (const step of first.toReversed()) await step();
  });
}

/** A fresh directory; whatever is mounted on it goes away after the test, and so does it. */
function scratch(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'afukit-mount-'));
  cleanup(t, () => {
    for (const line of mountsAt(path)) spawnSync('umount', ['-l', line.directory]);
    rmSync(path, { recursive: true });
  });
  return path;
}

const readers = ['stream', 'parked'] as const;

interface Mounted {
  mounted: Mount;
  device: QueueDevice;
  path: string;
  warnings: string[];
}

async function serve(t: TestContext, more: MountOptions = {}): Promise<Mounted> {
  const path = scratch(t);
  const device = new QueueDevice();
  const warnings: string[] = [];
  let text = 'first\n';
  const root = directory({
    device,
    text: textFile({ read: () => text, write: written => (text = written) }),
    link: symlink('text'),
    big: textFile({ read: () => 'x'.repeat(100_000) }),
  });
  const mounted = await mount(path, root, { onWarning: message => warnings.push(message), ...more });
  cleanup(t, () => mounted.unmount());
  return { mounted, device, path, warnings };
}

/** From outside: through fusectl where it is mounted, else a forced unmount, which aborts and then finds the file open. */
async function abort({ connection, directory }: Mount): Promise<void> {
  const control = `/sys/fs/fuse/connections/${connection}/abort`;
  if (existsSync(control)) writeFileSync(control, '1');
  else assert.notEqual((await once(spawn('umount', ['-f', directory]), 'exit'))[0], 0);
}

interface Client {
  child: ChildProcessByStdio<null, Readable, Readable>;
  /** The next line it prints. */
  line(): Promise<string>;
  /** What it printed and was not taken by `line`, once it has ended; fails when it ended badly. */
  rest(): Promise<string[]>;
  /** Its end: exit status, or the signal's name. */
  ended: Promise<number | string>;
}

const PRELUDE = `
import errno, fcntl, os, select, signal, struct, sys, threading
D = sys.argv[1]
def say(*words): os.write(1, (' '.join(map(str, words)) + '\\n').encode())
def attempt(call):
    try: return call()
    except OSError as e: return errno.errorcode[e.errno]
`;

/** A python program in a process of its own; D is the mount point. */
function python(t: TestContext, path: string, program: string): Client {
  const child = spawn('python3', ['-c', PRELUDE + program, path], { stdio: ['ignore', 'pipe', 'pipe'] });
  cleanup(t, () => child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, 'close').then(([code, signal]: (string | number | null)[]) => signal ?? code ?? 'unknown');
  return {
    child,
    ended,
    async line() {
      const { value, done } = await lines.next();
      return done ? assert.fail(`the program ended: ${stderr}`) : value;
    },
    async rest() {
      const rest: string[] = [];
      for (let next = await lines.next(); !next.done; next = await lines.next()) rest.push(next.value);
      assert.equal(await ended, 0, stderr);
      return rest;
    },
  };
}

for (const reader of readers) {
  test(`${reader}: read, write, ioctl, poll and the rest of the tree through another process`, options, async t => {
    const { path, device, mounted, warnings } = await serve(t, { reader });
    device.queue.push('one', 'two');
    const program = python(
      t,
      path,
      `
fd = os.open(D + '/device', os.O_RDWR)
p = select.poll(); p.register(fd, select.POLLIN)
say(p.poll(0) == [(fd, select.POLLIN)], os.read(fd, 100).decode(), os.read(fd, 100).decode(), p.poll(0))
say(os.write(fd, b'hello'))
b = bytearray(b'\\x00\\x01\\x02\\x03')
say(fcntl.ioctl(fd, 0xc004ca07, b), b.hex())
say(fcntl.ioctl(fd, 0x0000ca09))
fcntl.fcntl(fd, fcntl.F_SETFL, os.O_NONBLOCK)
say(attempt(lambda: os.read(fd, 100)), attempt(lambda: os.lseek(fd, 0, 0)), attempt(lambda: os.pread(fd, 1, 0)))
os.close(fd)
t = os.open(D + '/text', os.O_RDONLY)
say(os.pread(t, 3, 2).decode(), os.lseek(t, 0, 2), os.readlink(D + '/link'), sorted(os.listdir(D)))
open(D + '/text', 'w').write('second')
say(len(open(D + '/big').read()), len(os.read(os.open(D + '/big', 0), 1 << 20)))
say(open(D + '/link').read(), attempt(lambda: os.mkdir(D + '/x')), attempt(lambda: os.listdir(D + '/text')))
`,
    );
    assert.deepEqual(await program.rest(), [
      'True one two []',
      '5',
      '7 fffefdfc',
      '9',
      'EAGAIN ESPIPE ESPIPE',
      "rst 4096 text ['big', 'device', 'link', 'text']",
      '100000 100000',
      'second EPERM ENOTDIR',
    ]);
    assert.deepEqual(device.written, ['hello']);
    await device.until(({ released }) => released === 1);
    assert.equal(mountsAt(path)[0]?.type, 'fuse.afukit');
    await mounted.unmount();
    assert.deepEqual([mountsAt(path), warnings], [[], []]);
  });

  test(`${reader}: poll, edge-triggered epoll and a blocking read are woken from outside`, options, async t => {
    const { path, device } = await serve(t, { reader });
    const program = python(
      t,
      path,
      `
fd = os.open(D + '/device', os.O_RDONLY)
p = select.poll(); p.register(fd, select.POLLIN)
say('poll'); say(len(p.poll(20000)), os.read(fd, 9).decode())
e = select.epoll(); e.register(fd, select.EPOLLIN | select.EPOLLET)
say('epoll'); say(len(e.poll(20)))
say('edge'); say(len(e.poll(20)), os.read(fd, 9).decode(), os.read(fd, 9).decode())
say('read'); say(os.read(fd, 9).decode())
`,
    );
    assert.equal(await program.line(), 'poll');
    device.post('a');
    assert.deepEqual([await program.line(), await program.line()], ['1 a', 'epoll']);
    device.post('b');
    assert.deepEqual([await program.line(), await program.line()], ['1', 'edge']);
    // Nothing was read: only a new event is a new edge.
    device.post('c');
    assert.deepEqual([await program.line(), await program.line()], ['1 b c', 'read']);
    await device.until(({ parked }) => parked.length === 1);
    device.post('d');
    assert.deepEqual(await program.rest(), ['d']);
  });

  test(`${reader}: two threads sleep in read on one descriptor, and each gets its event`, options, async t => {
    const { path, device } = await serve(t, { reader });
    const program = python(
      t,
      path,
      `
fd = os.open(D + '/device', os.O_RDONLY)
ts = [threading.Thread(target=lambda: say(os.read(fd, 9).decode())) for _ in range(2)]
for t in ts: t.start()
for t in ts: t.join()
`,
    );
    await device.until(({ parked }) => parked.length === 2);
    device.post('one');
    device.post('two');
    assert.deepEqual((await program.rest()).sort(), ['one', 'two']);
  });

  test(
    `${reader}: a signal interrupts a sleeping reader with EINTR, and its event goes to the next`,
    options,
    async t => {
      const { path, device } = await serve(t, { reader });
      const program = python(
        t,
        path,
        `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
signal.signal(signal.SIGUSR1, lambda *_: None)
signal.siginterrupt(signal.SIGUSR1, False)
fd = os.open(D + '/device', os.O_RDONLY)
b = ctypes.create_string_buffer(9)
r = libc.read(fd, b, 9)
say(r, errno.errorcode[ctypes.get_errno()])
say(os.read(fd, 9).decode())
`,
      );
      await device.until(({ parked }) => parked.length === 1);
      program.child.kill('SIGUSR1');
      assert.equal(await program.line(), '-1 EINTR');
      assert.equal(device.cancelled, 1);
      device.post('kept');
      assert.deepEqual(await program.rest(), ['kept']);
    },
  );

  test(`${reader}: a SIGKILLed reader is cancelled and its file released`, options, async t => {
    const { path, device, warnings } = await serve(t, { reader });
    const program = python(t, path, `os.read(os.open(D + '/device', os.O_RDONLY), 9)`);
    await device.until(({ parked }) => parked.length === 1);
    program.child.kill('SIGKILL');
    assert.equal(await program.ended, 'SIGKILL');
    await device.until(({ cancelled, released }) => cancelled === 1 && released === 1);
    assert.deepEqual(warnings, []);
  });

  test(
    `${reader}: unmount with a sleeping reader and a sleeping poller wakes both, and takes the mount away`,
    options,
    async t => {
      const { path, device, mounted, warnings } = await serve(t, { reader });
      const program = python(
        t,
        path,
        `
fd = os.open(D + '/device', os.O_RDONLY)
def poll():
    p = select.poll(); p.register(fd, select.POLLIN); say(bool(p.poll()[0][1] & select.POLLERR))
t = threading.Thread(target=poll); t.start()
say(attempt(lambda: os.read(fd, 9))); t.join()
say(attempt(lambda: os.read(fd, 9)))
`,
      );
      await device.until(({ parked, polls }) => parked.length === 1 && polls > 0);
      await mounted.unmount();
      assert.deepEqual(mountsAt(path), []);
      const lines = await program.rest();
      assert.equal(lines.length, 3);
      const gone = new Set(['True', 'ENODEV', 'ENOTCONN', 'ECONNABORTED', 'EINTR']);
      assert.deepEqual(
        lines.filter(line => !gone.has(line)),
        [],
      );
      assert.deepEqual([device.cancelled, device.released, warnings], [1, 1, []]);
      await mounted.unmount();
    },
  );

  test(`${reader}: umount(8) from outside ends the session`, options, async t => {
    const { path, mounted } = await serve(t, { reader });
    const [status] = await once(spawn('umount', [path]), 'exit');
    assert.equal(status, 0);
    await mounted.closed;
    await mounted.unmount();
  });

  test(`${reader}: an abort of the connection ends the session, unmount then cleans up`, options, async t => {
    const { path, mounted, device, warnings } = await serve(t, { reader });
    const program = python(t, path, `say(attempt(lambda: os.read(os.open(D + '/device', os.O_RDONLY), 9)))`);
    await device.until(({ parked }) => parked.length === 1);
    await abort(mounted);
    await mounted.closed;
    assert.deepEqual(await program.rest(), ['ECONNABORTED']);
    assert.equal(mountsAt(path).length, 1);
    await mounted.unmount();
    assert.deepEqual([mountsAt(path), warnings, device.cancelled, device.released], [[], [], 1, 1]);
  });

  test(`${reader}: a server that exits takes its mount with it (unmountSync)`, options, async t => {
    const path = scratch(t);
    const { child, said } = await startServer(t, path, reader);
    assert.equal(said.directory, path);
    child.kill('SIGTERM');
    await once(child, 'exit');
    assert.deepEqual(mountsAt(path), []);
  });

  test(`${reader}: the mount of a SIGKILLed server is cleared away, a living one is not`, options, async t => {
    const path = scratch(t);
    const first = await startServer(t, path, reader);
    assert.equal(await clearStaleMount(path), false);
    await assert.rejects(mount(path, directory({})), (error: MountError) => error.code === 'EBUSY');
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await assert.rejects(stat(path), { code: 'ENOTCONN' });
    assert.equal(await clearStaleMount(path, 'other'), false);
    assert.equal(await clearStaleMount(path), true);
    assert.equal(await clearStaleMount(path), false);
    const second = await startServer(t, path, reader);
    second.child.kill('SIGKILL');
    await once(second.child, 'exit');
    // mount clears it away by itself.
    const mounted = await mount(path, directory({}), { reader });
    assert.equal(mountsAt(path).length, 1);
    await mounted.unmount();
  });
}

interface Said {
  code?: string;
  message?: string;
  directory?: string;
  connection?: number;
}

/** A server in a process of its own, and the line that it printed; `through` runs it inside other programs. */
async function startServer(t: TestContext, path: string, reader = 'auto', through: string[] = []) {
  const [program, ...args] = [...through, process.execPath, server, path, reader];
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  cleanup(t, () => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout });
  const [line]: unknown[] = await Promise.race([once(lines, 'line'), once(lines, 'close')]);
  if (typeof line !== 'string') assert.fail('the server said nothing');
  const said: Said = JSON.parse(line);
  return { child, said };
}

for (const spin of [true, false]) {
  test(
    `spin: ${spin}: a busy reader gets every answer, at once or by way of the event loop, and timers run`,
    options,
    async t => {
      let count = 0;
      let ticks = 0;
      const device: FileNode = {
        kind: 'file',
        attributes: () => ({ mode: 0o600, uid: 0, gid: 0 }),
        open: () => ({
          read(request) {
            const answer = Buffer.from(String(count++));
            if (count % 7 === 0) return new Promise(setImmediate).then(() => void request.replyWith(answer));
            if (count % 5 === 0) return Promise.resolve().then(() => void request.replyWith(answer));
            request.replyWith(answer);
            return undefined;
          },
        }),
      };
      const path = scratch(t);
      const mounted = await mount(path, directory({ device }), { spin });
      cleanup(t, () => mounted.unmount());
      const timer = setInterval(() => ticks++, 1);
      cleanup(t, () => clearInterval(timer));
      const client = python(
        t,
        path,
        `
fd = os.open(D + '/device', os.O_RDONLY)
say(all(int(os.read(fd, 64)) == i for i in range(5000)))
`,
      );
      assert.equal(await client.line(), 'True');
      assert.ok(ticks > 0);
      assert.equal(await client.ended, 0);
    },
  );
}

test('mount errors name what is wrong and what to do', options, async t => {
  const path = scratch(t);
  const file = join(path, 'file');
  writeFileSync(file, '');
  mkdirSync(join(path, 'full', 'x'), { recursive: true });
  const expected: readonly (readonly [string, string, RegExp])[] = [
    [join(path, 'none'), 'ENOENT', /does not exist: mkdir -p /],
    [join(path, 'none', 'deeper'), 'ENOENT', /does not exist: mkdir -p /],
    [file, 'ENOTDIR', /is not a directory/],
    [join(file, 'deeper'), 'ENOTDIR', /is not a directory/],
    [join(path, 'full'), 'ENOTEMPTY', /is not empty/],
  ];
  for (const [where, code, message] of expected) {
    await assert.rejects(mount(where, directory({})), (error: unknown) => {
      assert.ok(error instanceof MountError);
      assert.equal(error.code, code, where);
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  }
  await assert.rejects(mount(join(path, 'full', 'x'), directory({}), { fsName: 'a,b' }), /option fsName: "a,b"/);
});

test('a second mount on the same directory is EBUSY; the mount point may be a symbolic link', options, async t => {
  const path = scratch(t);
  mkdirSync(join(path, 'a b'));
  symlinkSync('a b', join(path, 'link'));
  await using mounted = await mount(join(path, 'link'), directory({}), { fsName: 'gpio', subtype: 'gpio' });
  assert.equal(mounted.directory, join(path, 'a b'));
  const [line] = mountsAt(mounted.directory);
  assert.deepEqual([line?.type, line?.source, line?.minor], ['fuse.gpio', 'gpio', mounted.connection]);
  await assert.rejects(mount(mounted.directory, directory({}), { subtype: 'gpio' }), /EBUSY: .* is already mounted/);
});

test('defaultPermissions keeps others out of a file that is not theirs', options, async t => {
  const path = scratch(t);
  const root = directory({ mine: textFile({ read: () => 'x' }, { mode: 0o600 }), all: textFile({ read: () => 'y' }) });
  await using mounted = await mount(path, root);
  const program = python(
    t,
    mounted.directory,
    `
os.setgroups([]); os.setgid(65534); os.setuid(65534)
say(attempt(lambda: open(D + '/mine').read()), open(D + '/all').read())
`,
  );
  assert.deepEqual(await program.rest(), ['EACCES y']);
});

/** Why the helper cannot be tried here, if so. */
function missing(...programs: string[]): string | false {
  if (reason) return reason;
  const absent = programs.find(program => spawnSync(program, ['--version']).error);
  return absent ? `no ${absent} here` : false;
}

/** In a mount namespace of its own: `setup`, then the program as nobody. The namespace's mounts die with it. */
const inNamespace = (setup: string, ...program: string[]) => [
  'unshare',
  '--mount',
  'sh',
  '-c',
  `${setup} && exec "$@"`,
  'sh',
  ...program,
];
const asNobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
// A device node that everybody may open, as most distributions have it, without touching this machine's.
const openFuse = (path: string) =>
  `mount -t tmpfs -o mode=755 none ${path} && mknod -m 666 ${path}/fuse c 10 229 && mount --bind ${path}/fuse /dev/fuse`;

function readableByNobody(): string | false {
  if (missing('setpriv')) return missing('setpriv');
  const [program, ...args] = [...asNobody, process.execPath, '--check', server];
  return spawnSync(program, args).status === 0 ? false : `nobody may not read ${server}`;
}

test(
  'an ordinary user mounts, serves and unmounts through fusermount3',
  { ...options, skip: missing('setpriv', 'unshare', 'fusermount3') || readableByNobody() },
  async t => {
    const [devices, path] = [scratch(t), scratch(t)];
    chownSync(path, 65534, 65534);
    const script = `
      set -e
      ${openFuse(devices)}
      exec setpriv --reuid=65534 --regid=65534 --clear-groups sh -c '
        "$1" "$2" "$3" &
        server=$!
        until grep -q " $3 fuse.afukit" /proc/mounts; do kill -0 $server; done
        read name < "$3/name"
        test "$name" = $server
        grep " $3 fuse.afukit" /proc/mounts | grep -q user_id=65534
        kill -USR2 $server
        wait $server
        ! grep " $3 " /proc/mounts
        echo good' sh "$@"`;
    const child = spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', process.execPath, server, path], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    cleanup(t, () => child.kill('SIGKILL'));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    }
    const [status] = await once(child, 'close');
    assert.equal(status, 0, output);
    assert.match(output, /^\{"connection":\d+.*\}\ngood\n$/);
  },
);

const refusals: readonly (readonly [string, (path: string) => string[], string, RegExp])[] = [
  [
    'no /dev/fuse',
    path => inNamespace(`mount -t tmpfs none ${path} && mount --bind ${path} /dev`),
    'ENODEV',
    /there is no \/dev\/fuse: modprobe fuse; in a container: docker run --device \/dev\/fuse/,
  ],
  [
    'no right to mount',
    () => ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'],
    'EACCES',
    /needs CAP_SYS_ADMIN/,
  ],
  [
    'no fusermount3',
    path => inNamespace(openFuse(path), ...asNobody, 'env', 'PATH=/nonexistent'),
    'ENOEXEC',
    /fusermount3 is missing; .*apt-get install fuse3/,
  ],
  [
    'a /dev/fuse that is closed to users',
    path => inNamespace(`${openFuse(path)} && chmod 600 ${path}/fuse`, ...asNobody),
    'EACCES',
    /closed to ordinary users .*: chmod 0666 \/dev\/fuse/,
  ],
];

for (const [what, through, code, message] of refusals) {
  const skip = missing('setpriv', 'unshare', 'fusermount3') || readableByNobody();
  test(`${what}: ${code} and the remedy`, { ...options, skip }, async t => {
    const path = scratch(t);
    const point = scratch(t);
    chownSync(point, 65534, 65534);
    const { child, said } = await startServer(t, point, 'auto', through(path));
    if (child.exitCode === null) await once(child, 'exit');
    assert.equal(said.code, code, said.message ?? 'it mounted');
    assert.match(said.message ?? '', message);
    assert.doesNotMatch(said.message ?? '', /\n/);
  });
}

test('nothing of these tests is left mounted', { skip: reason }, () => {
  const left = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).filter(line =>
    line.directory.startsWith(join(tmpdir(), 'afukit-mount-')),
  );
  assert.deepEqual(left, []);
});

test('unmount does not look for its programs in a PATH that leads into the mount', options, async t => {
  const path = scratch(t);
  const mounted = await mount(path, directory({ bin: directory({}) }));
  cleanup(t, () => mounted.unmount());
  const before = process.env['PATH'];
  cleanup(t, () => (process.env['PATH'] = before));
  process.env['PATH'] = `${join(path, 'bin')}:${before}`;
  await mounted.unmount();
  assert.deepEqual(mountsAt(path), []);
});
