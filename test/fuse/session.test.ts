// A connection's beginning, its trace and its end.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { directory, FuseError, MemoryTransport, Session, textFile } from '../../src/fuse/index.ts';
import { parseMountinfo } from '../../src/fuse/mountinfo.ts';
import { accepted, refused } from '../../src/fuse/operations/connection.ts';
import { FuseInitFlag, FuseInitFlag2, FuseOpcode } from '../../src/fuse/wire.ts';
import { Kernel, packet, read32, readBody, u32 } from './kernel.ts';

test('every capability of the kernel is either accepted or refused, with a reason', () => {
  const flags = [...Object.keys(FuseInitFlag), ...Object.keys(FuseInitFlag2)].sort();
  assert.deepEqual([...Object.keys(accepted), ...Object.keys(refused)].sort(), flags);
});

test('the smaller minor counts; 7.31 sends a short INIT and is served', async () => {
  const newer = new Kernel(directory({}));
  assert.equal(read32(newer.init(99).body, 4), 40);
  const older = new Kernel(directory({}));
  const { errno, body } = older.ask(FuseOpcode.FUSE_INIT, { nodeId: 0 }, u32(7), u32(31), u32(0), u32(8));
  assert.deepEqual([errno, body.byteLength, read32(body, 4), read32(body, 12)], [0, 64, 31, 8]);
  assert.equal(await older.session.ready, true);
});

test('a kernel before 7.31 is refused with EPROTO and the reason', async () => {
  const kernel = new Kernel(directory({}));
  assert.equal(kernel.init(30).errno, 71);
  await kernel.session.closed;
  assert.equal(await kernel.session.ready, false);
  assert.match(kernel.session.failure?.message ?? '', /speaks FUSE 7\.30; 7\.31 \(Linux 5\.2\)/);
});

test('a newer major is told ours and asks again', () => {
  const kernel = new Kernel(directory({}));
  const { errno, body } = kernel.ask(FuseOpcode.FUSE_INIT, { nodeId: 0 }, u32(8), u32(1), u32(0), u32(0));
  assert.deepEqual([errno, read32(body, 0), read32(body, 20)], [0, 7, 0]);
  assert.equal(kernel.init().errno, 0);
});

test('the trace shows what came and what went, in one line each', () => {
  const lines: string[] = [];
  const kernel = new Kernel(directory({ t: textFile({ read: () => 'hi' }) }), { trace: line => lines.push(line) });
  const fh = kernel.openName('t');
  kernel.ask(FuseOpcode.FUSE_READ, { nodeId: 2, pid: 77 }, ...readBody(fh, 100, 1));
  kernel.ask(FuseOpcode.FUSE_LOOKUP, {}, 'nix');
  kernel.ask(4711, {});
  assert.deepEqual(lines, [
    'rx 4: LOOKUP n1 p1 "t"',
    'tx 4: OK, 128 bytes',
    'rx 6: OPEN n2 p1 {flags 0, open_flags 0}',
    'tx 6: OK, 16 bytes',
    'rx 8: READ n2 p77 {fh 1, offset 1, size 100, read_flags 0, lock_owner 0, flags 0}',
    'tx 8: OK, 1 bytes',
    'rx 10: LOOKUP n1 p1 "nix"',
    'tx 10: 2=ENOENT',
    'rx 12: opcode 4711 n1 p1 0 bytes',
    'tx 12: 38=ENOSYS',
  ]);
});

test('an unexpected end is kept and reported; an expected one is quiet', async () => {
  const lost = new Kernel(directory({}));
  lost.transport.end(new Error('EFAULT: read'));
  await lost.session.closed;
  assert.match(lost.session.failure?.message ?? '', /EFAULT/);
  assert.match(lost.warnings.join(), /the connection ended: Error: EFAULT/);
  const unmounted = new Kernel(directory({}));
  unmounted.transport.end();
  await unmounted.session.closed;
  assert.deepEqual([unmounted.session.failure, unmounted.warnings], [undefined, []]);
});

test('a session that was never started closes too, and cannot be started after', async () => {
  const session = new Session(new MemoryTransport(), directory({}));
  session.close();
  await session.closed;
  assert.throws(() => session.start(), /started before or is closed/);
});

test('await using closes the session', async () => {
  const transport = new MemoryTransport();
  let session: Session;
  {
    await using inner = new Session(transport, directory({}));
    session = inner;
    inner.start();
  }
  await session.closed;
  transport.deliver(packet(FuseOpcode.FUSE_STATFS, {}));
  assert.deepEqual(transport.sent, []);
});

test('without onWarning a fault becomes a process warning', t => {
  const warned: unknown[] = [];
  t.mock.method(process, 'emitWarning', (...words: unknown[]) => warned.push(...words));
  const transport = new MemoryTransport();
  const session = new Session(transport, directory({}));
  session.start();
  transport.deliver(new Uint8Array(3));
  session.close();
  const text = 'afukit/fuse: a packet of 3 bytes is shorter than its header, it is dropped';
  assert.deepEqual(warned, [text, { type: 'FuseWarning' }]);
});

test('FuseError looks like a system error of Node', () => {
  const error = new FuseError('EBUSY', 'open');
  assert.deepEqual(
    [error.name, error.code, error.errno, error.syscall, error.message],
    ['FuseError', 'EBUSY', -16, 'open', 'EBUSY: open'],
  );
  assert.throws(() => new FuseError('EWHATEVER'), TypeError);
});

test('mountinfo: escapes, optional fields and odd lines', () => {
  const text = [
    '42 27 0:39 / /tmp/a\\040b\\134c\\011ü rw,relatime - fuse.afukit afu\\040kit rw,user_id=0',
    '43 27 0:40 /dev/cxl /tmp/x rw shared:1 master:2 - fuse.afukit  rw',
    '44 27 8:1 / / rw,relatime shared:1 - ext4 /dev/vda rw',
    'nonsense',
    '',
  ].join('\n');
  assert.deepEqual(parseMountinfo(text), [
    { minor: 39, root: '/', directory: '/tmp/a b\\c\tü', type: 'fuse.afukit', source: 'afu kit' },
    { minor: 40, root: '/dev/cxl', directory: '/tmp/x', type: 'fuse.afukit', source: '' },
    { minor: 1, root: '/', directory: '/', type: 'ext4', source: '/dev/vda' },
  ]);
});
