// Names, attributes, listings, and the ready-made nodes.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { DirectoryNode, FileNode, Node, TextFile } from '../../src/fuse/index.ts';
import { binaryFile, directory, FuseError, symlink, textFile } from '../../src/fuse/index.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import type { Field } from './kernel.ts';
import { Kernel, read32, read64, readBody, u32, u64, writeBody } from './kernel.ts';

const { FUSE_LOOKUP, FUSE_GETATTR, FUSE_SETATTR, FUSE_FORGET, FUSE_READLINK, FUSE_OPEN, FUSE_READ, FUSE_WRITE } =
  FuseOpcode;

const file = (mode = 0o644): FileNode => ({
  kind: 'file',
  attributes: () => ({ mode, uid: 7, gid: 8, size: 1025 }),
  open: () => ({}),
});

/** st_ino, st_size, st_blocks, st_mode, st_nlink, st_uid, st_gid of a fuse_attr. */
const attributesIn = (body: Buffer, at: number) => [
  Number(read64(body, at)),
  Number(read64(body, at + 8)),
  Number(read64(body, at + 16)),
  read32(body, at + 60),
  read32(body, at + 64),
  read32(body, at + 68),
  read32(body, at + 72),
];

test('LOOKUP and GETATTR give type, mode, owner, size and the inode number', () => {
  const kernel = new Kernel(directory({ a: file() }), { entryTimeout: 1.5, attributeTimeout: 0.25 });
  const { body } = kernel.ask(FUSE_LOOKUP, {}, 'a');
  assert.equal(body.byteLength, 128);
  assert.deepEqual([read64(body, 0), read64(body, 8)], [2n, 0n]);
  assert.deepEqual([read64(body, 16), read64(body, 24), read32(body, 32), read32(body, 36)], [1n, 0n, 5e8, 2.5e8]);
  const expected = [2, 1025, 3, 0o100644, 1, 7, 8];
  assert.deepEqual(attributesIn(body, 40), expected);
  const attr = kernel.ask(FUSE_GETATTR, { nodeId: 2 }, u32(0), u32(0), u64(0)).body;
  assert.deepEqual([attr.byteLength, ...attributesIn(attr, 16)], [104, ...expected]);
});

test('a missing name is ENOENT, a name in a file ENOTDIR, an error of the node its errno', () => {
  const angry: DirectoryNode = {
    kind: 'directory',
    attributes: () => ({ mode: 0o755, uid: 0, gid: 0 }),
    lookup() {
      throw new FuseError('EAGAIN', 'lookup');
    },
    entries: () => [],
  };
  const kernel = new Kernel(directory({ a: file(), angry }));
  assert.equal(kernel.ask(FUSE_LOOKUP, {}, 'b').errno, 2);
  assert.equal(kernel.ask(FUSE_LOOKUP, {}, 'toString').errno, 2);
  assert.equal(kernel.ask(FUSE_LOOKUP, { nodeId: kernel.lookup('a') }, 'b').errno, 20);
  assert.equal(kernel.ask(FUSE_LOOKUP, { nodeId: kernel.lookup('angry') }, 'b').errno, 11);
  assert.deepEqual(kernel.warnings, []);
});

test('the same node by two paths, and again after FORGET, is the same inode; ids are never reused', () => {
  const shared = file();
  const children = new Map<string, Node>([
    ['a', shared],
    ['b', shared],
  ]);
  const kernel = new Kernel(directory(children));
  const id = kernel.lookup('a');
  assert.equal(kernel.lookup('b'), id);
  const getattr = () => kernel.ask(FUSE_GETATTR, { nodeId: id }, u32(0), u32(0), u64(0)).errno;
  kernel.send(FUSE_FORGET, { nodeId: id }, u64(1));
  assert.equal(getattr(), 0);
  kernel.send(FUSE_FORGET, { nodeId: id }, u64(1));
  assert.equal(getattr(), 116);
  assert.equal(kernel.lookup('a'), id);
  children.set('a', file());
  assert.equal(kernel.lookup('a'), id + 1);
  kernel.send(FUSE_FORGET, { nodeId: 1 }, u64(1000));
  assert.equal(kernel.lookup('b'), id);
});

test('BATCH_FORGET forgets each as often as it says', () => {
  const kernel = new Kernel(directory({ a: file(), b: file() }));
  const [a, b] = [kernel.lookup('a'), kernel.lookup('b')];
  kernel.lookup('b');
  kernel.send(FuseOpcode.FUSE_BATCH_FORGET, {}, u32(2), u32(0), u64(a), u64(1), u64(b), u64(1));
  const getattr = (nodeId: number) => kernel.ask(FUSE_GETATTR, { nodeId }, u32(0), u32(0), u64(0)).errno;
  assert.deepEqual([getattr(a), getattr(b)], [116, 0]);
});

test('a LOOKUP whose answer was not taken does not count', () => {
  const kernel = new Kernel(directory({ a: file() }));
  kernel.transport.accept = () => false;
  kernel.send(FUSE_LOOKUP, {}, 'a');
  kernel.transport.accept = () => true;
  assert.equal(kernel.ask(FUSE_GETATTR, { nodeId: 2 }, u32(0), u32(0), u64(0)).errno, 116);
});

test('an OPEN whose answer was not taken is released', () => {
  let released = 0;
  const node: FileNode = { ...file(), open: () => ({ release: () => released++ }) };
  const kernel = new Kernel(directory({ a: node }));
  const nodeId = kernel.lookup('a');
  kernel.transport.accept = () => false;
  kernel.send(FUSE_OPEN, { nodeId }, u32(0), u32(0));
  assert.equal(released, 1);
});

const failing = (error: Error): FileNode => ({
  ...file(),
  open() {
    throw error;
  },
});

test('open: EISDIR, ELOOP, what the node throws, and EIO with a warning for an error without errno', () => {
  const kernel = new Kernel(
    directory({
      d: directory({}),
      l: symlink('d'),
      busy: failing(new FuseError('EBUSY', 'open')),
      oops: failing(new Error('oops')),
    }),
  );
  const open = (name: string) => kernel.ask(FUSE_OPEN, { nodeId: kernel.lookup(name) }, u32(0), u32(0)).errno;
  assert.deepEqual(['d', 'l', 'busy', 'oops'].map(open), [21, 40, 16, 5]);
  assert.equal(kernel.warnings.length, 1);
  assert.match(kernel.warnings[0] ?? '', /OPEN of "oops" \(node 5\): threw Error: oops/);
});

test('READLINK gives the target as it is now', () => {
  let target = 'one';
  const kernel = new Kernel(directory({ l: symlink(() => target), long: symlink('x'.repeat(4096)) }));
  const nodeId = kernel.lookup('l');
  assert.equal(kernel.ask(FUSE_READLINK, { nodeId }).body.toString(), 'one');
  target = 'zwölf';
  assert.equal(kernel.ask(FUSE_READLINK, { nodeId }).body.toString(), 'zwölf');
  assert.equal(kernel.ask(FUSE_READLINK, { nodeId: 1 }).errno, 22);
  assert.equal(kernel.ask(FUSE_READLINK, { nodeId: kernel.lookup('long') }).errno, 36);
});

const setattr = (valid: number): Field[] => [u32(valid), new Uint8Array(84)];

test('SETATTR: size only where the file can be written, times yes, mode and owner EPERM', () => {
  const kernel = new Kernel(directory({ rw: file(0o644), ro: file(0o444), d: directory({}) }));
  const ask = (name: string, valid: number) =>
    kernel.ask(FUSE_SETATTR, { nodeId: kernel.lookup(name) }, ...setattr(valid)).errno;
  assert.deepEqual([ask('rw', 0x8), ask('ro', 0x8), ask('d', 0x8)], [0, 1, 21]);
  assert.deepEqual([ask('ro', 0x1b0), ask('ro', 0x1), ask('rw', 0x2), ask('rw', 0x4)], [0, 1, 1, 1]);
});

/** Reads a whole directory in pieces of `size` bytes: [name, ino, type]. */
function list(kernel: Kernel, nodeId: number, size: number): [string, number, number][] {
  const fh = Number(read64(kernel.ask(FuseOpcode.FUSE_OPENDIR, { nodeId }, u32(0), u32(0)).body, 0));
  const found: [string, number, number][] = [];
  for (let offset = 0; ;) {
    const { body, errno } = kernel.ask(FuseOpcode.FUSE_READDIR, { nodeId }, ...readBody(fh, size, offset));
    assert.equal(errno, 0);
    assert.ok(body.byteLength <= size);
    if (body.byteLength === 0) return found;
    for (let at = 0; at < body.byteLength;) {
      const length = read32(body, at + 16);
      offset = Number(read64(body, at + 8));
      found.push([body.toString('utf8', at + 24, at + 24 + length), Number(read64(body, at)), read32(body, at + 20)]);
      at += (24 + length + 7) & ~7;
    }
  }
}

for (const size of [48, 100, 4096, 1 << 20]) {
  test(`READDIR in pieces of ${size} bytes lists everything once, with the inode numbers of LOOKUP`, () => {
    const names = Array.from({ length: 40 }, (_, index) => `f${index}`);
    const root = directory(new Map(names.map(name => [name, file()])));
    const kernel = new Kernel(root);
    const listed = list(kernel, 1, size);
    assert.deepEqual(
      listed.map(([name]) => name),
      ['.', '..', ...names],
    );
    assert.equal(listed.find(([name]) => name === 'f7')?.[1], kernel.lookup('f7'));
    assert.deepEqual(listed[0], ['.', 1, 4]);
  });
}

test('a file may name its inode number, and be listed without its type', () => {
  const device: FileNode = { ...file(), inode: 0xca0f2003, listedAs: 'unknown' };
  const kernel = new Kernel(directory({ device, other: file() }));
  assert.deepEqual(list(kernel, 1, 4096).slice(2), [
    ['device', 0xca0f2003, 0],
    ['other', kernel.lookup('other'), 8],
  ]);
  const nodeId = kernel.lookup('device');
  assert.ok(nodeId < 10, 'the id of the session is its own');
  assert.equal(attributesIn(kernel.ask(FUSE_LOOKUP, {}, 'device').body, 40)[0], 0xca0f2003);
  assert.equal(attributesIn(kernel.ask(FUSE_GETATTR, { nodeId }, u32(0), u32(0), u64(0)).body, 16)[0], 0xca0f2003);
});

test('READDIR leaves out what is not a file name, and says so', () => {
  const kernel = new Kernel(directory({ 'a/b': file(), '': file(), ok: file(), ['x'.repeat(256)]: file() }));
  assert.deepEqual(
    list(kernel, 1, 4096).map(([name]) => name),
    ['.', '..', 'ok'],
  );
  assert.equal(kernel.warnings.length, 3);
});

test('nothing can be created, removed or renamed: EPERM', () => {
  const kernel = new Kernel(directory({}));
  const opcodes = ['SYMLINK', 'MKNOD', 'MKDIR', 'UNLINK', 'RMDIR', 'RENAME', 'LINK', 'CREATE', 'RENAME2'] as const;
  for (const name of opcodes) assert.equal(kernel.ask(FuseOpcode[`FUSE_${name}`], {}, 'x', 'y').errno, 1, name);
});

test('ENOSYS on purpose: FLUSH, FSYNC, ACCESS and the extended attributes are never asked for again', () => {
  const kernel = new Kernel(directory({}));
  assert.equal(kernel.ask(FuseOpcode.FUSE_FLUSH, {}, u64(1), u64(0), u64(0)).errno, 38);
  for (const name of ['FSYNC', 'ACCESS', 'GETXATTR', 'LISTXATTR', 'SETXATTR'] as const) {
    assert.equal(kernel.ask(FuseOpcode[`FUSE_${name}`], {}, new Uint8Array(24)).errno, 38, name);
  }
});

test('STATFS and DESTROY are answered', () => {
  const kernel = new Kernel(directory({}));
  const { errno, body } = kernel.ask(FuseOpcode.FUSE_STATFS, {});
  assert.deepEqual([errno, body.byteLength, read32(body, 40), read32(body, 44)], [0, 80, 4096, 255]);
  assert.equal(kernel.ask(FuseOpcode.FUSE_DESTROY, {}).errno, 0);
});

test('textFile: asked at offset 0, the following pieces are of the same text; seekable', () => {
  let asked = 0;
  const kernel = new Kernel(directory({ t: textFile({ read: () => `${'é'.repeat(3)}${++asked}` }) }));
  const nodeId = kernel.lookup('t');
  const { body } = kernel.ask(FUSE_OPEN, { nodeId }, u32(0), u32(0));
  assert.equal(read32(body, 8), 0x21, 'FOPEN_DIRECT_IO and FOPEN_NOFLUSH, seekable');
  const fh = Number(read64(body, 0));
  const read = (size: number, offset: number) =>
    kernel.ask(FUSE_READ, { nodeId }, ...readBody(fh, size, offset)).body.toString('latin1');
  const text = Buffer.from('ééé1').toString('latin1');
  assert.deepEqual([read(4, 0), read(4, 4), read(4, 7), read(4, 99)], [text.slice(0, 4), text.slice(4), '', '']);
  assert.equal(asked, 1);
  read(4, 0);
  assert.equal(asked, 2);
});

test('textFile: write gets the text, may refuse; opening for what it cannot do is EACCES', () => {
  const written: string[] = [];
  const sink = textFile({
    write(text) {
      if (text === 'bad\n') throw new FuseError('EINVAL', 'write');
      written.push(text);
    },
  });
  const kernel = new Kernel(directory({ sink, source: textFile({ read: () => '' }) }));
  const nodeId = kernel.lookup('sink');
  const fh = kernel.open(nodeId, 1);
  const write = (text: string) => kernel.ask(FUSE_WRITE, { nodeId }, ...writeBody(fh, Buffer.from(text)));
  assert.equal(read32(write('wört\n').body, 0), 6);
  assert.equal(write('bad\n').errno, 22);
  assert.deepEqual(written, ['wört\n']);
  const open = (name: string, flags: number) =>
    kernel.ask(FUSE_OPEN, { nodeId: kernel.lookup(name) }, u32(flags), u32(0)).errno;
  assert.deepEqual([open('sink', 0), open('sink', 2), open('source', 1), open('source', 2)], [13, 13, 13, 13]);
});

test('textFile: a function is asked at each call for the file that is meant; none is ENXIO, and mode 0', () => {
  let file: TextFile | undefined = { read: () => 'one' };
  const node = textFile(() => file);
  const kernel = new Kernel(directory({ t: node }));
  const nodeId = kernel.lookup('t');
  const fh = kernel.open(nodeId, 0);
  const read = () => kernel.ask(FUSE_READ, { nodeId }, ...readBody(fh, 100, 0));
  const reopen = (flags: number) => kernel.ask(FUSE_OPEN, { nodeId }, u32(flags), u32(0)).errno;
  assert.deepEqual([read().body.toString(), mode(node), reopen(2)], ['one', 0o444, 13]);
  file = { read: () => 'two', write: () => {} };
  assert.deepEqual([read().body.toString(), mode(node), reopen(2)], ['two', 0o644, 0]);
  file = undefined;
  assert.deepEqual([read().errno, mode(node), reopen(0)], [6, 0, 6]);
});

test('textFile: bytes as they were written, attributes by a function, promises and their errnos', async () => {
  const written: string[] = [];
  const file: TextFile = {
    read: () => Promise.resolve('late'),
    write(_, bytes) {
      written.push(Buffer.from(bytes).toString('hex'));
      return bytes[0] === 0 ? Promise.reject(new FuseError('EBUSY', 'write')) : Promise.resolve();
    },
  };
  let uid = 1;
  const node = textFile(file, () => ({ uid: uid++, mode: 0o600 }));
  assert.deepEqual([node.attributes().uid, node.attributes().uid, mode(node)], [1, 2, 0o600]);
  const kernel = new Kernel(directory({ t: node }));
  const nodeId = kernel.lookup('t');
  const fh = kernel.open(nodeId, 2);
  const later = async (...ask: Parameters<Kernel['send']>) => {
    kernel.send(...ask);
    await new Promise(setImmediate);
    return kernel.answers()[0]!;
  };
  assert.equal((await later(FUSE_READ, { nodeId }, ...readBody(fh, 100, 0))).body.toString(), 'late');
  assert.equal(read32((await later(FUSE_WRITE, { nodeId }, ...writeBody(fh, Buffer.of(0xff, 0xfe)))).body, 0), 2);
  assert.equal((await later(FUSE_WRITE, { nodeId }, ...writeBody(fh, Buffer.of(0, 1)))).errno, 16);
  assert.deepEqual(written, ['fffe', '0001']);
  assert.deepEqual(kernel.warnings, []);
});

test('binaryFile: its size, a page for each read, nothing at the end; EACCES for writing, seekable', () => {
  const bytes = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
  const node = binaryFile({ size: 5000, read: (offset, length) => bytes.subarray(offset, offset + length) });
  assert.deepEqual([node.attributes().size, mode(node)], [5000, 0o444]);
  const kernel = new Kernel(directory({ b: node }));
  const nodeId = kernel.lookup('b');
  const { body } = kernel.ask(FUSE_OPEN, { nodeId }, u32(0), u32(0));
  assert.equal(read32(body, 8), 0x21);
  const fh = Number(read64(body, 0));
  const read = (size: number, offset: number) => kernel.ask(FUSE_READ, { nodeId }, ...readBody(fh, size, offset)).body;
  assert.deepEqual(
    [read(10, 3), read(8192, 0)],
    [Buffer.from(bytes.subarray(3, 13)), Buffer.from(bytes.subarray(0, 4096))],
  );
  const lengths = [read(8192, 4090), read(10, 4999), read(10, 5000), read(10, 9000)].map(
    ({ byteLength }) => byteLength,
  );
  assert.deepEqual(lengths, [910, 1, 0, 0]);
  for (const flags of [1, 2]) assert.equal(kernel.ask(FUSE_OPEN, { nodeId }, u32(flags), u32(0)).errno, 13);
});

const mode = (node: Node) => node.attributes().mode;

test('the helpers’ modes follow from what the nodes can do; attributes override', () => {
  assert.equal(mode(directory({})), 0o755);
  assert.equal(mode(symlink('x')), 0o777);
  assert.equal(mode(textFile({ read: () => '' })), 0o444);
  assert.equal(mode(textFile({ write: () => {} })), 0o200);
  assert.equal(mode(textFile({ read: () => '', write: () => {} })), 0o644);
  assert.deepEqual(textFile({}, { mode: 0o600, uid: 5, size: 1 }).attributes(), {
    mode: 0o600,
    uid: 5,
    gid: process.getgid?.() ?? 0,
    size: 1,
  });
});
