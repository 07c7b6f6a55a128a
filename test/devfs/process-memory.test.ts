/* A program's memory, from outside: by its protections, of that process and of no other one. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

import type { MemoryPiece } from '../../src/core/index.ts';
import { ProcessMemory } from '../../src/devfs/process-memory.ts';
import { temporaryDirectory } from '../support/cleanup.ts';
import { MemoryProgram } from '../support/memory-program.ts';
import { any, noCompiler, notRoot } from '../support/needs.ts';
import { start } from '../support/program.ts';
import { until } from '../support/until.ts';

const PAGE = Number(spawnSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }).stdout);
const page = BigInt(PAGE);
/** Where nobody maps anything by himself, on any architecture: a place that two programs can both have. */
const FIXED = 0x2000_0000_0000n;
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** By name a file without a name cannot be opened: that takes the kernel's links. */
const mayFollowLinks = !notRoot();

const piece = (address: bigint, length: number): MemoryPiece => ({ address, bytes: new Uint8Array(length) });
const filled = (address: bigint, length: number, value: number): MemoryPiece => ({
  address,
  bytes: new Uint8Array(length).fill(value),
});
const hex = ({ bytes }: MemoryPiece): string => Buffer.from(bytes).toString('hex');
const descriptors = (): number => readdirSync('/proc/self/fd').length;
const windows = (): number => readFileSync('/proc/self/maps', 'latin1').split('/dev/zero').length;

/** All that is to be seen of memory that is no more. */
function assertGone(memory: ProcessMemory, address: bigint): void {
  const read = filled(address, 16, 0xee);
  assert.equal(memory.read([read]), 0);
  assert.ok(hex(read) === 'ee'.repeat(16) || hex(read) === '00'.repeat(16), 'nothing was read');
  assert.equal(memory.write([filled(address, 16, 0xbb)]), 0);
  assert.equal(memory.failure(address, false), 'gone');
  assert.equal(memory.failure(address, true), 'gone');
  assert.equal(memory.compareExchange(address, 8, 0n, 1n), undefined);
}

const options = { skip: process.platform === 'linux' ? noCompiler() : 'process_vm_readv is a Linux facility' };

describe('memory of a process: transfers', options, () => {
  it('every byte arrives, at any address and length, from views into larger buffers too', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const at = await program.map({ kind: 'private', pages: 3 });
    const pattern = Uint8Array.from({ length: 2 * PAGE }, (_, i) => (i * 7) & 0xff);
    for (const [offset, length] of [
      [0, 1],
      [5, 13],
      [PAGE - 1, 2],
      [PAGE - 7, PAGE + 14],
      [1, 2 * PAGE],
    ] as const) {
      const bytes = pattern.subarray(3, 3 + length - (length === 2 * PAGE ? 3 : 0));
      const address = at + BigInt(offset);
      assert.equal(memory.write([{ address, bytes }]), bytes.length);
      const around = new Uint8Array(bytes.length + 64).fill(0xaa);
      assert.equal(memory.read([{ address, bytes: around.subarray(32, 32 + bytes.length) }]), bytes.length);
      assert.deepEqual(around.subarray(32, -32), bytes);
      assert.ok([...around.subarray(0, 32), ...around.subarray(-32)].every(byte => byte === 0xaa));
      const shown = Math.min(bytes.length, 4096);
      assert.equal(await program.ask('get', address, shown), Buffer.from(bytes.subarray(0, shown)).toString('hex'));
    }
  });

  it('pieces: in order, empty ones, none, and more than the kernel takes at once', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const at = await program.map({ kind: 'private', pages: 3 });
    assert.equal(memory.read([]), 0);
    assert.equal(memory.write([piece(8n, 0)]), 0);
    const scattered = [piece(at + 2n * page, 2), piece(0n, 0), piece(at, 1), piece(at + page - 1n, 2)];
    assert.equal(memory.read(scattered), 5);
    assert.deepEqual(scattered.map(hex), ['0303', '', '01', '0102']);
    const many = Array.from({ length: 2500 }, (_, i) => filled(at + BigInt(2499 - i), i % 100 === 0 ? 0 : 1, i & 0xff));
    assert.equal(memory.write(many), 2475);
    const back = many.map(({ address, bytes }) => piece(address, bytes.length));
    assert.equal(memory.read(back), 2475);
    assert.deepEqual(back.map(hex), many.map(hex));
  });

  it('what lies in shared memory of ours, in a small array or behind 64 KiB arrives just so', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const at = await program.map({ kind: 'private', pages: 64 });
    const shared = { address: at + page, bytes: new Uint8Array(new SharedArrayBuffer(100), 10, 20) };
    const large = piece(at, 64 * PAGE);
    assert.equal(memory.read([shared, piece(at, 3), large]), 20 + 3 + 64 * PAGE);
    assert.equal(hex(shared), '02'.repeat(20));
    for (let i = 0; i < 64; i++) assert.equal(large.bytes[i * PAGE + PAGE - 1], i + 1);
  });

  const obstacles: readonly [what: string, commands: readonly string[], read: boolean, write: boolean, why: string][] =
    [
      ['a hole', ['unmap'], false, false, 'unmapped'],
      ['a page without any access', ['protect', '---'], false, false, 'protected'],
      ['a read-only page', ['protect', 'r--'], true, false, 'protected'],
    ];
  for (const kind of ['private', 'shared'] as const) {
    for (const [what, [command = '', protection], readable, writable, why] of obstacles) {
      it(`${kind}: up to ${what}, to the byte, and never past it`, async t => {
        const program = await MemoryProgram.start(t);
        const memory = program.memory(t);
        const at = await program.map({ kind, pages: 4 });
        const middle = at + 2n * page;
        await program.ask(command, middle, 1, ...(protection ? [protection] : []));
        const from = at + page + 100n;
        const before = PAGE - 100;
        const pieces = (value: number): MemoryPiece[] => [
          filled(at, 10, value),
          filled(from, 2 * PAGE, value),
          filled(at + 3n * page, 10, value),
        ];
        const whole = 10 + 2 * PAGE + 10;
        const read = pieces(0xee);
        assert.equal(memory.read(read), readable ? whole : 10 + before);
        if (!readable) {
          assert.ok(read[1]!.bytes.subarray(0, before).every(byte => byte === 2));
          assert.ok(read[1]!.bytes.subarray(before).every(byte => byte === 0xee));
          assert.equal(hex(read[2]!), 'ee'.repeat(10));
        }
        assert.equal(memory.write(pieces(0xbb)), writable ? whole : 10 + before);
        assert.equal(await program.ask('get', at + 3n * page, 10), '04'.repeat(10), 'nothing behind it is written');
        if (readable) assert.equal(await program.ask('get', middle, 10), '03'.repeat(10), 'nor there');
        assert.equal(memory.failure(middle - 1n, true), undefined);
        assert.equal(memory.failure(middle, false), readable ? undefined : why);
        assert.equal(memory.failure(middle, true), why);
        assert.equal(memory.failure(middle + page, true), undefined);
        assert.equal(memory.problem, undefined);
      });
    }
  }

  it('a single piece that begins where nothing is: 0, whatever the direction', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const at = await program.map({ kind: 'private', protection: 'r--' });
    assert.equal(memory.write([filled(at, 1, 0xbb)]), 0);
    assert.equal(memory.read([piece(0n, 1)]), 0);
    assert.equal(await program.ask('get', at, 1), '01');
  });

  it('an address never wraps: not at 2^64, not below 0, not above', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const at = await program.map({ kind: 'private' });
    for (const address of [(1n << 64n) - 1n, -1n, (1n << 64n) + at, at - (1n << 64n)]) {
      assert.equal(memory.read([piece(at, 2), piece(address, 2), piece(at, 2)]), 2, String(address));
      assert.equal(memory.write([filled(at, 2, 9), filled(address, 2, 9), filled(at + 8n, 2, 9)]), 2);
      assert.equal(memory.failure(address, false), 'unmapped');
      assert.equal(memory.compareExchange(address - (address % 8n), 8, 0n, 0n), undefined);
    }
    assert.equal(await program.ask('get', at + 8n, 2), '0101');
  });

  it('memory behind the end of its file is unmapped', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const at = await program.map({ kind: 'memfd', pages: 2 });
    await program.ask('resize', 1);
    assert.equal(memory.read([piece(at, 2 * PAGE)]), PAGE);
    assert.equal(memory.failure(at + page, false), 'unmapped');
    assert.equal(memory.failure(at + page, true), 'unmapped');
  });
});

describe('memory of a process: whose it is', options, () => {
  it('no thread, no memory', async t => {
    const program = await MemoryProgram.start(t);
    await program.program.kill();
    assert.equal(ProcessMemory.of(0), undefined);
    assert.equal(ProcessMemory.of(program.pid), undefined);
  });

  it('any of its threads stands for the process', async t => {
    const program = await MemoryProgram.start(t);
    const at = await program.map({ kind: 'private' });
    const memory = program.memory(t, Number(await program.ask('thread')));
    assert.equal(memory.write([filled(at, 3, 0xbb)]), 3);
    assert.equal(await program.ask('get', at, 4), 'bbbbbb01');
  });

  type Use = readonly [what: string, use: (memory: ProcessMemory, at: bigint) => unknown, result: unknown];
  const swap: Use = ['compareExchange', (memory, at) => memory.compareExchange(at, 4, 0n, 1n), 0x0101_0101n];
  const uses: readonly Use[] = [
    ['read', (memory, at) => memory.read([piece(at, 2)]), 2],
    ['write', (memory, at) => memory.write([filled(at, 2, 9)]), 2],
    ['failure', (memory, at) => memory.failure(at, true), undefined],
    ...(mayFollowLinks ? [swap] : []),
  ];
  for (const [what, use, result] of uses) {
    it(`the first thread may end before the others, whichever started the work: ${what}`, async t => {
      const program = await MemoryProgram.start(t);
      const at = await program.map({ kind: 'shared' });
      const memory = program.memory(t);
      const other = Number(await program.ask('leave'));
      const zombie = (): boolean => /^State:\tZ/m.test(readFileSync(`/proc/${program.pid}/status`, 'latin1'));
      await until('the first thread has ended', zombie);
      assert.equal(use(memory, at), result);
      memory.close();
      assert.equal(program.memory(t, other).read([piece(at, 1)]), 1);
    });
  }

  for (const [where, before] of [
    ['elsewhere', []],
    ['at the same addresses', ['setarch', '-R']],
  ] as const) {
    it(`gone after exec, although the number is the same and the program is there again, ${where}`, async t => {
      const program = await MemoryProgram.start(t, before);
      await program.map({ kind: 'private', at: FIXED });
      const memory = program.memory(t);
      assert.equal(memory.read([piece(FIXED, 1)]), 1);
      assert.equal(await program.ask('exec'), `ready ${program.pid}`);
      await program.map({ kind: 'shared', at: FIXED });
      assertGone(memory, FIXED);
      assert.equal(await program.ask('get', FIXED, 16), '01'.repeat(16));
      // What starts work now has the new memory.
      const again = program.memory(t);
      assert.equal(again.read([piece(FIXED, 1)]), 1);
      assertGone(memory, FIXED);
    });
  }

  it('gone after exec, although another process keeps the memory alive', async t => {
    const program = await MemoryProgram.start(t);
    await program.map({ kind: 'private', at: FIXED });
    const memory = program.memory(t);
    await program.ask('share');
    assert.equal(memory.read([piece(FIXED, 1)]), 1);
    assert.equal(await program.ask('exec'), `ready ${program.pid}`);
    await program.map({ kind: 'private', at: FIXED });
    assertGone(memory, FIXED);
    assert.equal(await program.ask('get', FIXED, 16), '01'.repeat(16));
  });

  it('gone after the end of the process, waited for or not', async t => {
    const program = await MemoryProgram.start(t);
    const at = await program.map({ kind: 'shared' });
    const memory = program.memory(t);
    // Node waits for it only when this turn has ended.
    process.kill(program.pid, 'SIGKILL');
    while (!/^State:\tZ/m.test(readFileSync(`/proc/${program.pid}/status`, 'latin1')));
    assertGone(memory, at);
    await program.program.ended;
    assertGone(memory, at);
  });

  it('gone when the number is another process’s', { skip: notRoot() }, async t => {
    const first = await MemoryProgram.start(t);
    await first.map({ kind: 'shared', at: FIXED });
    const memory = first.memory(t);
    await first.program.kill();
    const second = await startAs(t, first.pid);
    if (!second) {
      t.skip('others took the number again and again');
      return;
    }
    await second.map({ kind: 'shared', at: FIXED });
    assertGone(memory, FIXED);
    assert.equal(await second.ask('get', FIXED, 16), '01'.repeat(16));
    assert.equal(second.memory(t).read([piece(FIXED, 1)]), 1);
  });

  it('after close all is gone, and nothing of it is left here', async t => {
    const program = await MemoryProgram.start(t);
    const at = await program.map({ kind: 'shared' });
    // What stays for good, as koffi, is there already.
    const warm = program.memory(t);
    warm.read([piece(at, 1)]);
    warm.compareExchange(at, 8, 0n, 0n);
    warm.close();
    const [files, mapped] = [descriptors(), windows()];
    const memories = Array.from({ length: 100 }, () => program.memory(t));
    assert.ok(descriptors() <= files + 2, 'contexts of one process share what is held for it');
    for (const memory of memories) {
      assert.equal(memory.read([piece(at, 1)]), 1);
      if (mayFollowLinks) assert.equal(memory.compareExchange(at, 8, 0n, 0n), 0x0101_0101_0101_0101n);
    }
    for (const memory of memories) {
      assert.equal(memory.failure(at, true), undefined);
      memory.close();
      memory.close();
      assertGone(memory, at);
    }
    assert.deepEqual([descriptors(), windows()], [files, mapped]);
  });
});

/** A program whose id is `pid`; undefined if others were quicker each time. */
async function startAs(t: TestContext, pid: number): Promise<MemoryProgram | undefined> {
  for (let attempt = 0; attempt < 50; attempt++) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1));
    const program = await MemoryProgram.start(t);
    if (program.pid === pid) return program;
    await program.program.kill();
  }
  return undefined;
}

describe('memory of a process: compare-and-swap', { skip: any(options.skip, notRoot()) }, () => {
  for (const kind of ['shared', 'memfd'] as const) {
    it(`${kind}: says what was there, and swaps only what was expected`, async t => {
      const program = await MemoryProgram.start(t);
      const memory = program.memory(t);
      const at = (await program.map({ kind, pages: 12 })) + page + 8n;
      const top = 0xffff_ffff_ffff_fffen;
      const were = 0x0202_0202_0202_0202n;
      assert.equal(memory.compareExchange(at, 8, 0n, 1n), were);
      assert.equal(memory.compareExchange(at, 8, were, top), were);
      assert.equal(await program.ask('get8', at), String(top));
      assert.equal(memory.compareExchange(at, 8, top, 0n), top);
      assert.equal(memory.compareExchange(at + 4n, 4, 0n, 0xffff_fffen), 0n);
      assert.equal(memory.compareExchange(at + 4n, 4, 0xffff_fffen, 7n), 0xffff_fffen);
      assert.equal(await program.ask('get4', at + 4n), '7');
      assert.equal(await program.ask('get4', at), '0');
      // More pages than are kept mapped.
      for (let round = 0; round < 2; round++) {
        for (let i = 0n; i < 11n; i++) {
          const word = at - 8n + i * page;
          const before = BigInt(await program.ask('get8', word));
          assert.equal(memory.compareExchange(word, 8, before, BigInt(round)), before);
          assert.equal(await program.ask('get8', word), String(round));
        }
      }
    });
  }

  for (const width of [4, 8] as const) {
    it(`${width} bytes: no count is lost while a thread of the program counts too`, async t => {
      const program = await MemoryProgram.start(t);
      const memory = program.memory(t);
      const at = await program.map({ kind: 'shared' });
      await program.ask('set8', at, 0);
      await program.ask('count', at, width);
      let [ours, tries, value] = [0, 0, 0n];
      for (const deadline = performance.now() + 1000; performance.now() < deadline; tries++) {
        const was = memory.compareExchange(at, width, value, value + 1n);
        assert.notEqual(was, undefined);
        if (was === value) ours++;
        value = was === value ? value + 1n : was!;
      }
      const theirs = Number(await program.ask('counted'));
      assert.equal(Number(await program.ask(`get${width}`, at)), ours + theirs);
      assert.ok(ours > 100 && theirs > 100 && tries > ours, `${ours} of ${tries} and ${theirs}`);
      t.diagnostic(`ours ${ours} of ${tries} tries, theirs ${theirs}`);
    });
  }

  it('not in private memory, nor without both accesses, nor at an odd address, nor where nothing is', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const own = await program.map({ kind: 'private' });
    assert.equal(memory.compareExchange(own, 8, 0x0101_0101_0101_0101n, 0n), undefined);
    const at = await program.map({ kind: 'shared', protection: 'r--' });
    assert.equal(memory.compareExchange(at, 8, 0x0101_0101_0101_0101n, 0n), undefined);
    await program.ask('protect', at, 1, 'rw-');
    assert.equal(memory.compareExchange(at + 4n, 8, 0x0101_0101_0101_0101n, 0n), undefined);
    assert.equal(memory.compareExchange(at + 4n, 4, 0x0101_0101n, 0n), 0x0101_0101n);
    await program.ask('protect', at, 1, 'r--');
    assert.equal(memory.compareExchange(at + 4n, 4, 0n, 9n), undefined);
    await program.ask('protect', at, 1, 'rw-');
    assert.equal(await program.ask('get4', at + 4n), '0');
    await program.ask('unmap', at, 1);
    assert.equal(memory.compareExchange(at, 4, 0n, 0n), undefined);
  });

  it('what the program maps there instead is what is swapped', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const at = await program.map({ kind: 'memfd', pages: 3 });
    assert.equal(memory.compareExchange(at, 8, 0x0101_0101_0101_0101n, 5n), 0x0101_0101_0101_0101n);
    await program.ask('remap', at, 2, 'shared');
    assert.equal(memory.compareExchange(at, 8, 5n, 6n), 0x0303_0303_0303_0303n);
    await program.ask('remap', at, 2, 'private');
    assert.equal(memory.compareExchange(at, 8, 5n, 6n), undefined);
    await program.ask('unmap', at, 3);
    await program.map({ kind: 'shared', at });
    assert.equal(memory.compareExchange(at, 8, 5n, 6n), 0x0101_0101_0101_0101n);
    await program.ask('unmap', at, 1);
    await program.map({ kind: 'private', at });
    assert.equal(memory.compareExchange(at, 8, 0x0101_0101_0101_0101n, 6n), undefined);
  });

  it('a file that got shorter does not end the server', async t => {
    const program = await MemoryProgram.start(t);
    const memory = program.memory(t);
    const at = (await program.map({ kind: 'memfd', pages: 2 })) + page;
    assert.equal(memory.compareExchange(at, 8, 0n, 0n), 0x0202_0202_0202_0202n);
    await program.ask('resize', 1);
    assert.equal(memory.compareExchange(at, 8, 0n, 0n), undefined);
    await program.ask('resize', 2);
    assert.equal(memory.compareExchange(at, 8, 0n, 3n), 0n);
    assert.equal(await program.ask('get8', at), '3');
  });
});

interface Seen {
  readonly count: number;
  readonly bytes: readonly number[];
  readonly swapped?: string;
  readonly failure?: string;
  readonly problem?: string;
}

const reader = fileURLToPath(new URL('../programs/memory-reader.js', import.meta.url));

function unreadable(): string | false {
  const [command, ...args] = [...NOBODY, process.execPath, '--check', reader];
  return spawnSync(command, args).status === 0 ? false : `nobody may not read ${reader}`;
}

async function seenBy(t: TestContext, pid: number, from: bigint, word: bigint): Promise<Seen> {
  const [command, ...args] = [...NOBODY, process.execPath, reader];
  const { code, stdout, stderr } = await start(t, command, [...args, String(pid), String(from), String(word)]).ended;
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as Seen;
}

describe(
  'memory of a process: an ordinary user’s server',
  { skip: any(options.skip, notRoot()) || unreadable() },
  () => {
    it('is forbidden what is another user’s, and says what helps', async t => {
      const program = await MemoryProgram.start(t);
      const at = await program.map({ kind: 'shared' });
      const { problem, ...rest } = await seenBy(t, program.pid, at, at);
      assert.deepEqual(rest, { count: 0, bytes: [0, 0, 0, 0], failure: 'forbidden' });
      assert.equal(
        problem,
        `cannot use the memory of process ${program.pid} (EACCES): it is user 0's, and the server runs as user 65534; ` +
          'run the server as that user, or as root',
      );
      assert.equal(await program.ask('get', at, 4), '01010101');
    });

    it('is forbidden what protects itself', async t => {
      const program = await MemoryProgram.start(t, NOBODY);
      const at = await program.map({ kind: 'shared' });
      await program.ask('undumpable');
      const { problem = '', failure } = await seenBy(t, program.pid, at, at);
      assert.equal(failure, 'forbidden');
      assert.match(problem, /\(EACCES\): (?:it is protected from others|kernel\.yama)/);
    });

    it('may what is of its own user; swaps in a file, which has a name, and not in memory without one', async t => {
      const scope = readScope();
      if (scope > 0) {
        t.skip(`kernel.yama.ptrace_scope is ${scope}`);
        return;
      }
      const directory = await temporaryDirectory(t);
      await chmod(directory, 0o777);
      const program = await MemoryProgram.start(t, NOBODY);
      const file = BigInt(await program.ask('file', 0n, 1, 'rw-', join(directory, 'doorbells')));
      await program.ask('set8', file, 1);
      const nameless = await program.map({ kind: 'shared' });
      await program.ask('set8', nameless, 1);
      assert.deepEqual(await seenBy(t, program.pid, nameless, file), { count: 4, bytes: [1, 0, 0, 0], swapped: '1' });
      assert.equal(await program.ask('get8', file), '2');
      assert.equal((await seenBy(t, program.pid, file, nameless)).swapped, undefined);
    });
  },
);

function readScope(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/yama/ptrace_scope', 'latin1'));
  } catch {
    return 0;
  }
}
