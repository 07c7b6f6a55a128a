// Packets that no kernel sends: the session must survive every one, and answer each request at most once.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as fc from 'fast-check';

import type { FileNode } from '../../src/fuse/index.ts';
import { directory, symlink, textFile } from '../../src/fuse/index.ts';
import { operationOf, opcodes } from '../../src/fuse/operations/table.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import type { Field } from './kernel.ts';
import { ioctlBody, Kernel, packet, pollBody, readBody, releaseBody, u32, u64, writeBody } from './kernel.ts';

const EIO = 5;
const ENOSYS = 38;

const device: FileNode = {
  kind: 'file',
  attributes: () => ({ mode: 0o600, uid: 0, gid: 0 }),
  open: () => ({
    read: request => void request.reply(0),
    write: request => void request.reply(request.data.byteLength),
    ioctl: request => void request.reply(0, new Uint8Array(request.outputSize)),
    poll: () => 1,
  }),
};

function started(): Kernel {
  const kernel = new Kernel(
    directory({ dev: device, text: textFile({ read: () => 'x' }), link: symlink('dev'), sub: directory({}) }),
  );
  kernel.openName('dev'); // node 2, fh 1
  kernel.ask(FuseOpcode.FUSE_OPENDIR, { nodeId: 1 }, u32(0), u32(0)); // fh 2
  return kernel;
}

/** A whole, sensible request for every operation that reads its input. */
const requests: Readonly<Partial<Record<keyof typeof FuseOpcode, Field[]>>> = {
  FUSE_LOOKUP: ['dev'],
  FUSE_FORGET: [u64(1)],
  FUSE_GETATTR: [u32(0), u32(0), u64(0)],
  FUSE_SETATTR: [u32(0), new Uint8Array(84)],
  FUSE_OPEN: [u32(0), u32(0)],
  FUSE_READ: readBody(1),
  FUSE_WRITE: writeBody(1, Uint8Array.of(1, 2, 3)),
  FUSE_RELEASE: releaseBody(99),
  FUSE_FLUSH: [u64(1), u32(0), u32(0), u64(0)],
  FUSE_INIT: [u32(7), u32(45), u32(0), u32(0)],
  FUSE_OPENDIR: [u32(0), u32(0)],
  FUSE_READDIR: readBody(2),
  FUSE_RELEASEDIR: releaseBody(99),
  FUSE_INTERRUPT: [u64(4)],
  FUSE_IOCTL: ioctlBody(1, 0xc008ca01, new Uint8Array(8), 8),
  FUSE_POLL: pollBody(1, 7, true),
  FUSE_BATCH_FORGET: [u32(2), u32(0), u64(2), u64(1), u64(3), u64(1)],
};

test('the table of whole requests covers every operation with an input', () => {
  for (const opcode of opcodes) {
    const operation = operationOf(opcode);
    assert.ok(operation);
    const size = operation.input.SIZE + (operation.names ?? 0);
    if (size > 0) assert.ok(`FUSE_${operation.name}` in requests, operation.name);
  }
});

for (const honest of [true, false]) {
  const kind = honest ? 'whose header admits it' : 'whose header denies it';
  test(`a truncated packet ${kind} is one EIO, or dropped where no answer is expected`, () => {
    for (const [name, body] of Object.entries(requests)) {
      const opcode = FuseOpcode[name as keyof typeof FuseOpcode];
      const whole = packet(opcode, { nodeId: name === 'FUSE_LOOKUP' ? 1 : 2 }, ...body);
      for (let length = 0; length < whole.byteLength; length++) {
        const kernel = started();
        const cut = whole.slice(0, length);
        if (honest && length >= 4) new DataView(cut.buffer).setUint32(0, length, true);
        kernel.transport.deliver(cut);
        const label = `${name} cut to ${length}`;
        const answers = kernel.answers();
        const expected = length < 40 || operationOf(opcode)?.reply === false ? 0 : 1;
        assert.equal(answers.length, expected, label);
        assert.equal(kernel.warnings.length, 1, label);
        if (expected) assert.deepEqual([answers[0]?.errno, answers[0]?.unique], [EIO, 2], label);
        assert.equal(kernel.ask(FuseOpcode.FUSE_GETATTR, {}, u32(0), u32(0), u64(0)).errno, 0, label);
      }
    }
  });
}

test('a packet longer than its header says is EIO and a warning', () => {
  const kernel = started();
  const answer = kernel.ask(FuseOpcode.FUSE_READ, { nodeId: 2, length: 79 }, ...readBody(1));
  assert.equal(answer.errno, EIO);
  assert.match(kernel.warnings.join('\n'), /READ packet of 80 bytes says it has 79/);
});

test('an unknown opcode is ENOSYS without a warning', () => {
  const kernel = started();
  for (const opcode of [0, 7, 19, 52, 53, 4096, 0xffffffff]) {
    assert.equal(kernel.ask(opcode, {}).errno, ENOSYS, String(opcode));
  }
  assert.deepEqual(kernel.warnings, []);
});

test('unknown nodes and handles are refused: ESTALE and EBADF', () => {
  const kernel = started();
  const [ESTALE, EBADF] = [116, 9];
  const bySubject: readonly (readonly [number, number, Field[]])[] = [
    [ESTALE, FuseOpcode.FUSE_LOOKUP, ['dev']],
    [ESTALE, FuseOpcode.FUSE_GETATTR, [u32(0), u32(0), u64(0)]],
    [ESTALE, FuseOpcode.FUSE_SETATTR, [u32(0), new Uint8Array(84)]],
    [ESTALE, FuseOpcode.FUSE_READLINK, []],
    [ESTALE, FuseOpcode.FUSE_OPEN, [u32(0), u32(0)]],
    [ESTALE, FuseOpcode.FUSE_OPENDIR, [u32(0), u32(0)]],
    [EBADF, FuseOpcode.FUSE_READ, readBody(2)],
    [EBADF, FuseOpcode.FUSE_WRITE, writeBody(77, new Uint8Array(1))],
    [EBADF, FuseOpcode.FUSE_IOCTL, ioctlBody(77, 1, new Uint8Array(0), 0)],
    [EBADF, FuseOpcode.FUSE_POLL, pollBody(77, 1, true)],
    [EBADF, FuseOpcode.FUSE_RELEASE, releaseBody(77)],
    [EBADF, FuseOpcode.FUSE_READDIR, readBody(1)],
  ];
  for (const [errno, opcode, body] of bySubject) {
    assert.equal(kernel.ask(opcode, { nodeId: 4711 }, ...body).errno, errno, operationOf(opcode)?.name ?? '');
  }
});

const expectsAnswer = (bytes: Uint8Array) => {
  if (bytes.byteLength < 40) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return operationOf(view.getUint32(4, true))?.reply !== false;
};

const anyBytes = fc.uint8Array({ maxLength: 300 });
const anyRequest = fc
  .record({
    opcode: fc.oneof(fc.constantFrom(...opcodes), fc.integer({ min: 0, max: 60 })),
    unique: fc.oneof(fc.bigInt({ min: 1n, max: (1n << 53n) - 1n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
    nodeId: fc.oneof(fc.integer({ min: 0, max: 6 }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
    small: fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 24 }),
    tail: fc.uint8Array({ maxLength: 64 }),
  })
  .map(({ opcode, unique, nodeId, small, tail }) => packet(opcode, { unique, nodeId }, ...small.map(u32), tail));

for (const [name, arbitrary] of [
  ['random bytes', anyBytes],
  ['random requests with plausible fields', anyRequest],
] as const) {
  test(`${name} never throw and are answered once each`, { skip: process.arch === 's390x' }, () => {
    fc.assert(
      fc.property(fc.array(arbitrary, { maxLength: 12 }), packets => {
        const kernel = started();
        for (const bytes of packets) {
          kernel.transport.deliver(bytes);
          const answers = kernel.transport.take();
          assert.equal(answers.length, expectsAnswer(bytes) ? 1 : 0);
        }
      }),
      { numRuns: 1500, interruptAfterTimeLimit: 10_000 },
    );
  });
}
