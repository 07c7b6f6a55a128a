// Files that can be mapped, as the kernel is told of them: inodes of their own, backing ids, and what happens without.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { FileNode, OpenFile, SessionOptions } from '../../src/fuse/index.ts';
import { directory, MemoryTransport } from '../../src/fuse/index.ts';
import { Inodes } from '../../src/fuse/inodes.ts';
import { FuseInitFlag2, FuseOpcode, FuseOpenFlag } from '../../src/fuse/wire.ts';
import { BackingTransport, Kernel, read32, read64, readBody, releaseBody, u32, u64 } from './kernel.ts';

const EBUSY = 16;
const SEEKABLE = FuseOpenFlag.FOPEN_DIRECT_IO | FuseOpenFlag.FOPEN_NOFLUSH;
const BACKED = SEEKABLE | FuseOpenFlag.FOPEN_PASSTHROUGH;

const node = (open: () => OpenFile = () => ({ backing: { fd: 7 } }), mappable = true): FileNode => ({
  kind: 'file',
  mappable,
  attributes: () => ({ mode: 0o600, uid: 0, gid: 0 }),
  open,
});

function started(file: FileNode, transport: MemoryTransport = new BackingTransport(), options: SessionOptions = {}) {
  const kernel = new Kernel(directory({ dev: file }), options, transport);
  kernel.init();
  return kernel;
}

/** open_flags and backing_id of the answer, after a LOOKUP of its own. */
function openDev(kernel: Kernel): [fh: number, flags: number, id: number] {
  const { errno, body } = kernel.ask(FuseOpcode.FUSE_OPEN, { nodeId: kernel.lookup('dev') }, u32(2), u32(0));
  assert.equal(errno, 0);
  return [Number(read64(body, 0)), read32(body, 8), read32(body, 12)];
}

test('each LOOKUP of a mappable file is another inode with the same number, and is not cached', () => {
  const kernel = started(node(), new MemoryTransport(), { entryTimeout: 5, attributeTimeout: 3 });
  const entries = [0, 1].map(() => kernel.ask(FuseOpcode.FUSE_LOOKUP, {}, 'dev').body);
  const ids = entries.map(body => Number(read64(body, 0)));
  assert.equal(new Set(ids).size, 2);
  const seen = entries.map(body => ({ ino: read64(body, 40), entry: read64(body, 16), attributes: read64(body, 24) }));
  assert.deepEqual(seen[0], seen[1]);
  assert.deepEqual([seen[0]?.entry, seen[0]?.attributes], [0n, 3n]);
  const stats = ids.map(nodeId => read64(kernel.ask(FuseOpcode.FUSE_GETATTR, { nodeId }, u64(0), u64(0)).body, 16));
  assert.deepEqual(stats, [seen[0]?.ino, seen[0]?.ino]);
  const fh = Number(read64(kernel.ask(FuseOpcode.FUSE_OPENDIR, { nodeId: 1 }, u32(0), u32(0)).body, 0));
  const listing = kernel.ask(FuseOpcode.FUSE_READDIR, { nodeId: 1 }, ...readBody(fh)).body;
  // Behind '.' and '..', which take 32 bytes each.
  assert.equal(read64(listing, 64), seen[0]?.ino);
});

test('what the kernel forgets of a mappable file is forgotten', () => {
  const inodes = new Inodes(directory({}));
  const file = node();
  const ids = [1, 2, 3].map(() => inodes.remember(file, 'dev'));
  assert.equal(inodes.size, 4);
  for (const id of ids) inodes.forget(id, 1);
  assert.equal(inodes.size, 1);
});

test('the backing file is registered at OPEN and given back at RELEASE, before release is called', () => {
  const transport = new BackingTransport();
  const file = { backing: { fd: 7 }, release: () => void transport.asked.push('release') };
  const kernel = started(
    node(() => file),
    transport,
  );
  assert.deepEqual(openDev(kernel), [1, BACKED, 0x1001]);
  assert.deepEqual(openDev(kernel), [2, BACKED, 0x1002]);
  kernel.ask(FuseOpcode.FUSE_RELEASE, {}, ...releaseBody(1));
  assert.deepEqual(transport.asked, ['open 7', 'open 7', 'close 0x1001', 'release']);
});

test('an inode that is open cannot be opened again: EBUSY, and nobody is asked; once closed it can', () => {
  let opens = 0;
  const kernel = started(node(() => ({ backing: { fd: ++opens } })));
  const nodeId = kernel.lookup('dev');
  const fh = kernel.open(nodeId);
  assert.equal(kernel.ask(FuseOpcode.FUSE_OPEN, { nodeId }, u32(0), u32(0)).errno, EBUSY);
  assert.equal(opens, 1);
  kernel.ask(FuseOpcode.FUSE_RELEASE, { nodeId }, ...releaseBody(fh));
  kernel.open(nodeId);
  assert.equal(opens, 2);
});

test('an OPEN whose caller is gone leaves neither id nor inode behind', () => {
  const transport = new BackingTransport();
  const kernel = started(node(), transport);
  const nodeId = kernel.lookup('dev');
  transport.accept = () => false;
  kernel.send(FuseOpcode.FUSE_OPEN, { nodeId }, u32(0), u32(0));
  transport.accept = () => true;
  assert.deepEqual(transport.asked, ['open 7', 'close 0x1001']);
  kernel.open(nodeId);
});

test('at the end of the connection files are released, and ids are left to the kernel', async () => {
  const transport = new BackingTransport();
  let released = 0;
  const kernel = started(
    node(() => ({ backing: { fd: 7 }, release: () => void released++ })),
    transport,
  );
  openDev(kernel);
  kernel.session.close();
  await kernel.session.closed;
  assert.deepEqual([released, transport.asked], [1, ['open 7']]);
});

const refused = new BackingTransport();
refused.refusal = new Error('FUSE_DEV_IOC_BACKING_OPEN: EPERM, the server has no CAP_SYS_ADMIN\nand more');

const without: readonly (readonly [string, Kernel, RegExp])[] = [
  ['a transport without backing files', started(node(), new MemoryTransport()), /this transport has no backing files$/],
  ['a refusal', started(node(), refused), /EPERM, the server has no CAP_SYS_ADMIN$/],
  ['a node that is not mappable', started(node(undefined, false)), /its node is not mappable$/],
];

for (const [what, kernel, reason] of without) {
  test(`${what}: the file opens without, seekable, and one warning says why`, () => {
    assert.deepEqual(openDev(kernel), [1, SEEKABLE, 0]);
    assert.deepEqual(openDev(kernel), [2, SEEKABLE, 0]);
    assert.equal(kernel.warnings.length, 1);
    assert.match(kernel.warnings[0] ?? '', /^afukit\/fuse: OPEN of "dev": mmap will be ENODEV: /);
    assert.match(kernel.warnings[0] ?? '', reason);
  });
}

test('a kernel without FUSE_PASSTHROUGH is not asked', () => {
  const transport = new BackingTransport();
  const kernel = new Kernel(directory({ dev: node() }), {}, transport);
  const { body } = kernel.init(45, 0x7ff & ~FuseInitFlag2.FUSE_PASSTHROUGH);
  assert.deepEqual([read32(body, 32), read32(body, 36)], [0, 0]);
  assert.deepEqual(openDev(kernel), [1, SEEKABLE, 0]);
  assert.deepEqual(transport.asked, []);
  assert.match(kernel.warnings.join(), /the kernel has no FUSE_PASSTHROUGH \(Linux 6\.9\)$/);
});

test('a mappable file whose open has no backing is a stream like any other, without a warning', () => {
  const kernel = started(node(() => ({})));
  const [, flags, id] = openDev(kernel);
  assert.equal(flags, SEEKABLE | FuseOpenFlag.FOPEN_NONSEEKABLE | FuseOpenFlag.FOPEN_STREAM);
  assert.deepEqual([id, kernel.warnings], [0, []]);
});

test('the trace shows what is registered and given back', () => {
  const lines: string[] = [];
  const kernel = started(node(), undefined, { trace: line => lines.push(line) });
  openDev(kernel);
  lines.length = 0;
  kernel.ask(FuseOpcode.FUSE_RELEASE, {}, ...releaseBody(1));
  openDev(kernel);
  assert.deepEqual(
    lines.filter(line => line.includes('BACKING')),
    ['tx -: BACKING_CLOSE 4097', 'tx -: BACKING_OPEN fd 7 = 4098'],
  );
});
