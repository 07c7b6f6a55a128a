/* Packets that are almost what a kernel sends: each request has its one answer, and nothing stays behind. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import * as fc from 'fast-check';

import type { FileNode, ReadRequest } from '../../src/fuse/index.ts';
import { binaryFile, directory, symlink, textFile } from '../../src/fuse/index.ts';
import { operationOf, opcodes } from '../../src/fuse/operations/table.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import type { Answer, Field } from '../fuse/kernel.ts';
import {
  ioctlBody,
  Kernel,
  LITTLE,
  packet,
  pollBody,
  read64,
  readBody,
  releaseBody,
  u32,
  u64,
  writeBody,
} from '../fuse/kernel.ts';
import { runs } from './support.ts';

const { ENOSYS, ESTALE, EINTR } = constants.errno;
const O = FuseOpcode;

/** A device whose reads wait, whose ioctls answer later, and that counts what it holds. */
class Device implements FileNode {
  readonly kind = 'file';
  readonly parked = new Set<ReadRequest>();
  opened = 0;

  attributes(): { mode: number; uid: number; gid: number } {
    return { mode: 0o600, uid: 0, gid: 0 };
  }

  open(): ReturnType<FileNode['open']> {
    this.opened++;
    return {
      read: request => {
        this.parked.add(request);
        request.park(() => void this.parked.delete(request));
      },
      write: request => void request.reply(request.data.byteLength),
      ioctl: async request => {
        await Promise.resolve();
        request.reply(0, new Uint8Array(Math.min(request.outputSize, 100)));
      },
      poll: () => 1,
      release: () => void this.opened--,
    };
  }
}

/** A whole request of each sort, on nodes and handles that may be there. */
type Make = (node: number, fh: number, unique: number) => Field[];
const sorts: readonly (readonly [opcode: number, make: Make])[] = [
  [O.FUSE_LOOKUP, node => [['dev', 'text', 'bytes', 'link', 'sub', 'nothing'][node % 6]!]],
  [O.FUSE_FORGET, () => [u64(1)]],
  [O.FUSE_GETATTR, () => [u32(0), u32(0), u64(0)]],
  [O.FUSE_SETATTR, node => [u32(node), new Uint8Array(84)]],
  [O.FUSE_READLINK, () => []],
  [O.FUSE_OPEN, node => [u32(node % 3), u32(0)]],
  [O.FUSE_READ, (node, fh) => readBody(fh, 4096 * node, node % 2)],
  [O.FUSE_WRITE, (_, fh) => writeBody(fh, Uint8Array.of(1, 2, 3))],
  [O.FUSE_STATFS, () => []],
  [O.FUSE_RELEASE, (_, fh) => releaseBody(fh)],
  [O.FUSE_FLUSH, (_, fh) => [u64(fh), u32(0), u32(0), u64(0)]],
  [O.FUSE_OPENDIR, () => [u32(0), u32(0)]],
  [O.FUSE_READDIR, (node, fh) => readBody(fh, 4096, node % 9)],
  [O.FUSE_RELEASEDIR, (_, fh) => releaseBody(fh)],
  [O.FUSE_INTERRUPT, (node, _, unique) => [u64(unique - 2 * node)]],
  [O.FUSE_IOCTL, (node, fh) => ioctlBody(fh, 0xc008_ca01, new Uint8Array(8), 8 * node)],
  [O.FUSE_POLL, (node, fh) => pollBody(fh, node, true)],
  [O.FUSE_BATCH_FORGET, node => [u32(2), u32(0), u64(node), u64(1), u64(3), u64(1)]],
  [O.FUSE_DESTROY, () => []],
  [O.FUSE_MKDIR, () => [u32(0o755), u32(0), 'made']],
  [O.FUSE_GETXATTR, () => [u32(0), u32(0), 'user.x']],
];

type Change = (bytes: Uint8Array) => Uint8Array;
const UNIQUE = { from: 8, to: 16 } as const;

/** What spoils a packet; its unique stays, since no two requests have one. */
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Change>(bytes => bytes) },
  {
    weight: 4,
    arbitrary: fc
      .array(fc.tuple(fc.nat(4000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 })
      .map((spots): Change => bytes => {
        for (const [at, value] of spots) {
          const place = at % bytes.length;
          if (place < UNIQUE.from || place >= UNIQUE.to) bytes[place] = value;
        }
        return bytes;
      }),
  },
  {
    weight: 2,
    arbitrary: fc.nat(4000).map(
      (cut): Change =>
        bytes =>
          bytes.slice(0, cut % bytes.length),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.uint8Array({ minLength: 1, maxLength: 80 }).map(
      (tail): Change =>
        bytes =>
          new Uint8Array([...bytes, ...tail]),
    ),
  },
);
/** Whether the header says how long the packet is after all. */
const step = fc.record({
  sort: fc.constantFrom(...sorts),
  node: fc.nat(9),
  fh: fc.nat(9),
  change,
  honest: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** The kernel's side of a run: what it was told, so that it can give all of it back. */
class Run {
  readonly device = new Device();
  readonly kernel = new Kernel(
    directory({
      dev: this.device,
      text: textFile({ read: () => 'x'.repeat(5000), write: () => {} }),
      bytes: binaryFile({ size: 10, read: (offset, length) => new Uint8Array(length).fill(offset) }),
      link: symlink('dev'),
      sub: directory({ dev: this.device }),
    }),
  );
  readonly #nodes = new Map<number, number>();
  readonly #files = new Set<number>();
  readonly #waiting = new Map<number, number>();
  #unique = 1000;

  constructor() {
    this.kernel.init();
  }

  /** One packet; every answer is one that is waited for. */
  send({ sort: [opcode, make], node, fh, change, honest }: Step): void {
    const unique = (this.#unique += 2);
    const bytes = change(packet(opcode, { unique, nodeId: node, pid: 0 }, ...make(node, fh, unique)));
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (honest && bytes.length >= 4) view.setUint32(0, bytes.length, LITTLE);
    const sent = bytes.length < 40 ? undefined : view.getUint32(4, LITTLE);
    // What a mutated INIT may do is another test's; and a FORGET that says more than was told is no balance.
    if (sent === O.FUSE_INIT) return;
    if (sent !== undefined && operationOf(sent)?.reply !== false) this.#waiting.set(unique, sent);
    this.kernel.transport.deliver(bytes);
    this.take();
  }

  take(): void {
    for (const answer of this.kernel.answers()) {
      const opcode = this.#waiting.get(answer.unique);
      assert.ok(opcode !== undefined, `an answer to ${answer.unique}, which asked for none or had it`);
      this.#waiting.delete(answer.unique);
      this.#note(opcode, answer);
    }
  }

  #note(opcode: number, { errno, body }: Answer): void {
    if (errno === ENOSYS && operationOf(opcode))
      assert.ok(mayBeAbsent.has(opcode), `ENOSYS to ${operationOf(opcode)?.name}`);
    if (errno !== 0) return;
    if (opcode === O.FUSE_LOOKUP) {
      const id = Number(read64(body, 0));
      this.#nodes.set(id, (this.#nodes.get(id) ?? 0) + 1);
    }
    if (opcode === O.FUSE_OPEN || opcode === O.FUSE_OPENDIR) this.#files.add(Number(read64(body, 0)));
  }

  /** Everything that was handed out goes back, and then nothing is left. */
  async end(): Promise<void> {
    await turn();
    this.take();
    for (const unique of this.#waiting.keys()) {
      this.kernel.transport.deliver(packet(O.FUSE_INTERRUPT, { unique: 0 }, u64(unique)));
      const [answer, ...more] = this.kernel.answers();
      assert.deepEqual([answer?.unique, answer?.errno, more.length], [unique, EINTR, 0]);
    }
    assert.equal(this.device.parked.size, 0);
    for (const fh of this.#files) this.kernel.ask(O.FUSE_RELEASE, {}, ...releaseBody(fh));
    assert.equal(this.device.opened, 0, 'every open file was released');
    for (const [id, lookups] of this.#nodes) {
      this.kernel.send(O.FUSE_FORGET, { nodeId: id }, u64(lookups));
      const { errno } = this.kernel.ask(O.FUSE_GETATTR, { nodeId: id }, u32(0), u32(0), u64(0));
      assert.equal(errno, ESTALE, `node ${id} is forgotten`);
    }
    assert.equal(this.kernel.ask(O.FUSE_GETATTR, {}, u32(0), u32(0), u64(0)).errno, 0);
  }
}

/** Opcodes whose whole answer is that there is no such thing. */
const mayBeAbsent = new Set<number>();
for (const opcode of opcodes) {
  if (!operationOf(opcode)!.reply) continue;
  const kernel = new Kernel(directory({}));
  if (kernel.ask(opcode, {}, new Uint8Array(200)).errno === ENOSYS) mayBeAbsent.add(opcode);
}

describe('packets that are almost right', () => {
  it('are answered once each, never ENOSYS for being malformed, and leave nothing behind', async () => {
    assert.ok(![O.FUSE_POLL, O.FUSE_READ, O.FUSE_IOCTL, O.FUSE_OPEN].some(opcode => mayBeAbsent.has(opcode)));
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async steps => {
        const run = new Run();
        for (const each of steps) run.send(each);
        await run.end();
      }),
      runs(400),
    );
  });

  it('by the thousand take no more memory', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const run = new Run();
    const [steps] = fc.sample(fc.array(step, { minLength: 1500, maxLength: 1500, size: 'max' }), {
      numRuns: 1,
      seed: 1,
    });
    // What is opened or looked up is given back in the end only; here nothing is to pile up meanwhile.
    const passing = steps!.filter(
      ({ sort: [opcode] }) => opcode !== O.FUSE_OPEN && opcode !== O.FUSE_OPENDIR && opcode !== O.FUSE_READ,
    );
    const used = async (): Promise<number> => {
      for (const each of passing) run.send(each);
      await turn();
      run.take();
      run.kernel.warnings.length = 0;
      collect();
      return process.memoryUsage().heapUsed;
    };
    await used();
    const before = await used();
    for (let i = 0; i < 6; i++) await used();
    const grown = (await used()) - before;
    assert.ok(grown < 2 ** 20, `${grown} bytes more after ${7 * passing.length} packets`);
  });
});
