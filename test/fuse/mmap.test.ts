// The real kernel and a program in C: what it maps is memory that the server shares, all else still comes to the handler.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import type { TestContext } from 'node:test';
import { test } from 'node:test';

import { SharedMemory } from '../../src/devfs/shared-memory.ts';
import type {
  FileNode,
  IoctlRequest,
  Mount,
  MountOptions,
  OpenFile,
  ReadRequest,
  WriteRequest,
} from '../../src/fuse/index.ts';
import { directory, mount, Poll } from '../../src/fuse/index.ts';
import { StreamTransport } from '../../src/fuse/transport/stream.ts';
import { asleep } from '../support/asleep.ts';
import { atEnd, temporaryDirectory } from '../support/cleanup.ts';
import { Mapper } from '../support/clients.ts';
import { any, noCompiler, noFuse, noPassthrough } from '../support/needs.ts';
import { until } from '../support/until.ts';

const options = { skip: any(noFuse(), noPassthrough(), noCompiler()), timeout: 60_000 };
const PAGE = 4096;
/** _IOR(0xca, 1, uint32_t): the first word of the open file's memory, as the server sees it. */
const FIRST_WORD = '0x8004ca01';

/** One open file: memory of its own, and reads that wait until the test answers them. */
class MappedFile implements OpenFile {
  readonly backing = new SharedMemory(2 * PAGE);
  readonly parked: ReadRequest[] = [];
  readonly written: string[] = [];
  released = false;

  read(request: ReadRequest): void {
    if (request.offset > 0) {
      request.replyWith(Buffer.from(`at ${request.offset}`));
      return;
    }
    this.parked.push(request);
    request.park(() => {});
  }

  write(request: WriteRequest): void {
    this.written.push(`${request.offset} ${Buffer.from(request.data).toString()}`);
    request.reply(request.data.byteLength);
  }

  ioctl(request: IoctlRequest): void {
    request.reply(0, this.backing.bytes.slice(0, 4));
  }

  poll(): number {
    return this.parked.length > 0 ? Poll.POLLPRI : Poll.POLLIN;
  }

  release(): void {
    this.released = true;
  }
}

class MappedDevice implements FileNode {
  readonly kind = 'file';
  readonly mappable = true;
  readonly files: MappedFile[] = [];
  /** Closes each file's memory with its last descriptor. */
  forgetful = false;

  attributes(): { mode: number; uid: number; gid: number } {
    return { mode: 0o600, uid: process.getuid?.() ?? 0, gid: 0 };
  }

  open(): OpenFile {
    const file = new MappedFile();
    if (!this.forgetful) {
      this.files.push(file);
      return file;
    }
    file.release = () => file.backing.close();
    return file;
  }

  file(index: number): MappedFile {
    return this.files[index] ?? assert.fail(`nobody opened a file ${index}`);
  }
}

interface Served {
  device: MappedDevice;
  path: string;
  warnings: string[];
  mounted: Mount;
}

async function serve(t: TestContext, more: MountOptions = {}): Promise<Served> {
  const path = await temporaryDirectory(t);
  const device = new MappedDevice();
  const warnings: string[] = [];
  const mounted = await mount(path, directory({ device }), { onWarning: text => warnings.push(text), ...more });
  atEnd(t, async () => {
    await mounted.unmount();
    for (const { backing } of device.files) backing.close();
  });
  return { device, path: `${path}/device`, warnings, mounted };
}

/** The methods, to be called by their names alone. */
const bound = (mapper: Mapper) => ({
  program: mapper.program,
  call: mapper.call.bind(mapper),
  calls: mapper.calls.bind(mapper),
});

for (const reader of ['stream', 'parked'] as const) {
  test(`${reader}: two opens of one name have memory of their own, and one inode number`, options, async t => {
    const { device, path, warnings } = await serve(t, { reader });
    const { call, calls } = bound(new Mapper(t, path));
    assert.deepEqual(
      await calls('open 0 rw', 'open 1 rw', `map 0 0 rw shared ${2 * PAGE}`, `map 1 1 rw shared ${2 * PAGE}`),
      ['0', '0', '0', '0'],
    );
    const [number] = (await call('stat 0')).split(' ');
    assert.deepEqual(await calls('stat 0', 'stat 1'), [`${number} ${number}`, `${number} ${number}`]);
    await calls('store 0 0 65', 'store 1 5000 66');
    assert.deepEqual([device.file(0).backing.bytes[0], device.file(1).backing.bytes[5000]], [65, 66]);
    device.file(0).backing.bytes[5000] = 77;
    assert.deepEqual(await calls('load 0 5000', 'load 1 0', 'load 1 5000'), ['77', '0', '66']);
    device.file(1).backing.fill(0xff);
    assert.deepEqual(await calls('load 1 0', 'load 1 8191', 'load 0 0'), ['255', '255', '65']);
    assert.deepEqual(warnings, []);
  });
}

test('read, write, poll and ioctl of a mapped file reach the handler, at their offsets', options, async t => {
  const { device, path } = await serve(t);
  const { calls } = bound(new Mapper(t, path));
  await calls('open 0 rw', `map 0 0 rw shared ${PAGE}`, 'store 0 0 1', 'store 0 3 2');
  assert.deepEqual(
    await calls('pread 0 9 77', 'pwrite 0 hello 99', 'write 0 hi', 'read 0', 'poll 0 0', `ioctl 0 ${FIRST_WORD}`),
    ['5 at 77', '5', '2', '4 at 2', '1 0x1', '0 0x2000001'],
  );
  assert.deepEqual(device.file(0).written, ['99 hello', '0 hi']);
});

test('a thread that sleeps in read keeps others out of read, of nothing else', options, async t => {
  const { device, path } = await serve(t);
  const { call, calls, program } = bound(new Mapper(t, path));
  await calls('open 0 rw', 'thread 0');
  const file = device.file(0);
  await until('the read is parked', () => file.parked.length === 1);
  assert.deepEqual(
    await calls('poll 0 0', 'pread 0 9 7', 'pwrite 0 x 4', `map 0 0 rw shared ${PAGE}`, `ioctl 0 ${FIRST_WORD}`),
    ['0 0x0', '4 at 7', '1', '0', '0 0x0'],
  );
  // The second read waits for the file position that the first one holds; in the meantime nothing arrives here.
  assert.equal(await call('thread 0'), '0');
  await asleep(program.pid, 'read');
  assert.equal(file.parked.length, 1);
  file.parked[0]?.replyWith(Buffer.from('one'));
  const lines = await program.lines(2);
  assert.deepEqual(lines.sort(), ['thread 3 one', 'thread 4 at 3']);
});

test('what can be touched is as long as the backing file', options, async t => {
  const { device, path } = await serve(t);
  const { calls } = bound(new Mapper(t, path));
  await calls('open 0 rw');
  const { backing } = device.file(0);
  backing.resize(0);
  assert.deepEqual(await calls(`map 0 0 rw shared ${2 * PAGE}`, 'load 0 0'), ['0', 'SIGBUS']);
  backing.resize(PAGE);
  assert.deepEqual(await calls('store 0 0 1', 'load 0 0', `load 0 ${PAGE}`), ['0', '1', 'SIGBUS']);
  assert.equal(backing.bytes[0], 1);
  backing.resize(0);
  assert.deepEqual(await calls('load 0 0', 'store 0 0 1'), ['SIGBUS', 'SIGBUS']);
  backing.resize(2 * PAGE);
  assert.deepEqual(await calls('load 0 0', `load 0 ${PAGE}`), ['0', '0']);
});

test('a mapping is what the descriptor and its flags allow', options, async t => {
  const { device, path } = await serve(t);
  const { calls } = bound(new Mapper(t, path));
  await calls('open 0 r', 'open 1 w', 'open 2 rw');
  device.file(0).backing.fill(7);
  device.file(2).backing.fill(8);
  assert.deepEqual(
    await calls(
      `map 0 0 rw shared ${PAGE}`,
      `map 0 0 r shared ${PAGE}`,
      'load 0 0',
      'store 0 0 1',
      `map 1 1 w shared ${PAGE}`,
    ),
    ['-1 EACCES', '0', '7', 'SIGSEGV', '-1 EACCES'],
  );
  // A private mapping keeps its own stores to itself.
  assert.deepEqual(await calls(`map 2 2 rw private ${PAGE}`, 'store 2 0 9', 'load 2 0'), ['0', '0', '9']);
  assert.equal(device.file(2).backing.bytes[0], 8);
});

test('an open file cannot be opened again through its descriptor; one with only a path can, once', options, async t => {
  const { device, path, warnings } = await serve(t);
  const { calls } = bound(new Mapper(t, path));
  assert.deepEqual(await calls('open 0 rw', 'reopen 1 0', 'open 2 p', 'reopen 3 2', 'reopen 4 2', 'close 3'), [
    '0',
    '-1 EBUSY',
    '0',
    '0',
    '-1 EBUSY',
    '0',
  ]);
  await until('it is released', () => device.file(1).released);
  assert.deepEqual(await calls('reopen 4 2', `map 0 4 rw shared ${PAGE}`, 'store 0 0 3'), ['0', '0', '0']);
  assert.deepEqual(
    device.files.map(({ backing }) => backing.bytes[0]),
    [0, 0, 3],
  );
  assert.deepEqual(warnings, []);
});

test(
  'a mapping outlives its descriptor: release comes, and mappedElsewhere tells until the last is gone',
  options,
  async t => {
    const { device, path } = await serve(t);
    const { call, calls } = bound(new Mapper(t, path));
    await calls('open 0 rw', `map 0 0 rw shared ${PAGE}`, `map 1 0 r shared ${PAGE}`, `map 2 0 rw private ${PAGE}`);
    const { backing } = device.file(0);
    const gone = (): boolean => !backing.mappedElsewhere();
    await call('close 0');
    await until('release was called', () => device.file(0).released);
    assert.equal(gone(), false);
    backing.bytes[9] = 9;
    assert.deepEqual(await calls('load 0 9', 'unmap 0', 'load 1 9'), ['9', '0', '9']);
    assert.equal(gone(), false);
    await call('unmap 1');
    assert.equal(gone(), false);
    const child = Number(await call('fork'));
    await call('unmap 2');
    assert.equal(gone(), false);
    process.kill(child, 'SIGKILL');
    await until('nobody has it mapped', gone);
  },
);

test('an open without a mapping counts as long as it is open', options, async t => {
  const { device, path } = await serve(t);
  const { program, call } = bound(new Mapper(t, path));
  await call('open 0 r');
  assert.equal(device.file(0).backing.mappedElsewhere(), true);
  await program.kill();
  await until('nobody has it', () => !device.file(0).backing.mappedElsewhere());
});

test('unmount leaves mappings as they are', options, async t => {
  const { device, path, warnings, mounted } = await serve(t);
  const { calls } = bound(new Mapper(t, path));
  await calls('open 0 rw', `map 0 0 rw shared ${PAGE}`, 'open 1 rw', `map 1 1 rw shared ${PAGE}`, 'close 1');
  await until('one is released', () => device.file(1).released);
  await mounted.unmount();
  assert.equal(device.file(0).released, true);
  for (const { backing } of device.files) backing.fill(5);
  assert.deepEqual(await calls('load 0 0', 'load 1 1', 'store 0 0 6'), ['5', '5', '0']);
  assert.equal(device.file(0).backing.bytes[0], 6);
  assert.deepEqual(warnings, []);
});

test('where the kernel refuses, the file works without mmap, and one warning says why', options, async t => {
  t.mock.method(StreamTransport.prototype, 'openBacking', () => {
    throw new Error('EPERM, the server has no CAP_SYS_ADMIN');
  });
  const { path, warnings } = await serve(t, { reader: 'stream' });
  const { calls } = bound(new Mapper(t, path));
  assert.deepEqual(
    await calls(
      'open 0 rw',
      'open 1 rw',
      `map 0 0 rw shared ${PAGE}`,
      'pread 0 9 7',
      'poll 0 0',
      `ioctl 1 ${FIRST_WORD}`,
      'reopen 2 0',
    ),
    ['0', '0', '-1 ENODEV', '4 at 7', '1 0x1', '0 0x0', '0'],
  );
  assert.deepEqual(warnings, [
    'afukit/fuse: OPEN of "device": mmap will be ENODEV: EPERM, the server has no CAP_SYS_ADMIN',
  ]);
});

test('8 programs that open one name at once, 200 times each: never the same memory, nothing left', options, async t => {
  const counts = new Map<string, number>();
  const trace = (line: string): void => {
    const what = /BACKING_\w+|RELEASE/.exec(line)?.[0];
    if (what) counts.set(what, (counts.get(what) ?? 0) + 1);
  };
  const { device, path, warnings } = await serve(t, { trace });
  device.forgetful = true;
  const programs = Array.from({ length: 8 }, () => new Mapper(t, path));
  for (const program of programs) assert.equal(await program.call('open 0 r'), '0');
  const descriptors = readdirSync('/proc/self/fd').length;
  const ends = await Promise.all(programs.map(program => program.call(`race 200 ${FIRST_WORD}`)));
  assert.deepEqual(
    ends,
    programs.map(() => 'failed 0 wrong 0'),
  );
  const [first] = counts.keys();
  assert.equal(first, 'BACKING_OPEN');
  await until('the last file is released', () => counts.get('BACKING_CLOSE') === 1600);
  assert.equal(counts.get('BACKING_OPEN'), 1608);
  assert.equal(counts.get('RELEASE'), 1600);
  assert.equal(readdirSync('/proc/self/fd').length, descriptors);
  assert.deepEqual(warnings, []);
});
