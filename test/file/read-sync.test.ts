import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeEvents } from '../../src/abi/index.ts';
import type { CxlFile } from '../../src/file/index.ts';
import { brief, codeOf, FAILED, READY } from '../core/rig.ts';
import { openRig, type OpenRig, startedFile } from './files.ts';

const whole = new Uint8Array(4096);
const short = new Uint8Array(4095);
const readCode = (file: CxlFile, buffer: Uint8Array): string | undefined => codeOf(() => file.readSync(buffer));

const drained = ({ context }: OpenRig): void => context.detach();
const cut = ({ adapter }: OpenRig): void => adapter.loseLink();
const close = ({ file }: OpenRig): void => file.close();

describe('read checks in the kernel order: the earlier of two failures is the errno', () => {
  const rows: [string, ((rig: OpenRig) => void)[], Uint8Array, string][] = [
    ['closed file before link down', [cut, close], short, 'EBADF'],
    ['closed file before a short buffer', [close], short, 'EBADF'],
    ['link down before a short buffer', [cut], short, 'EIO'],
    ['link down before nothing pending', [cut], whole, 'EIO'],
    ['a short buffer before CLOSED', [drained], short, 'EINVAL'],
    ['a short buffer before nothing pending', [], short, 'EINVAL'],
    ['CLOSED before EAGAIN', [drained], whole, 'EIO'],
    ['nothing pending', [], whole, 'EAGAIN'],
    ['an empty buffer', [], new Uint8Array(), 'EINVAL'],
  ];
  for (const [name, states, buffer, code] of rows) {
    it(`${name}: ${code}`, () => {
      const rig = startedFile();
      for (const state of states) state(rig);
      assert.equal(readCode(rig.file, buffer), code);
    });
  }

  it('link down is EIO even if events are queued', () => {
    const { adapter, file, context } = startedFile();
    context.raiseInterrupt(1);
    adapter.loseLink();
    assert.equal(readCode(file, whole), 'EIO');
    assert.equal(file.poll(), FAILED);
  });

  it('a short buffer takes nothing', () => {
    const { file, context } = startedFile();
    context.raiseInterrupt(1);
    assert.equal(readCode(file, short), 'EINVAL');
    assert.equal(file.readSync(whole), 16);
  });

  it('never started: EAGAIN, no error', () => {
    const { file } = openRig();
    assert.equal(readCode(file, whole), 'EAGAIN');
    assert.equal(file.poll(), 0);
  });
});

describe('readSync', () => {
  it('returns the size of one event and leaves the buffer beyond it alone', () => {
    const { file, context } = startedFile();
    context.raiseFault(1n, 2n);
    context.raiseAfuError(3n);
    const buffer = new Uint8Array(5000).fill(0xa5);
    assert.equal(file.readSync(buffer), 40);
    assert.ok(buffer.subarray(40).every(byte => byte === 0xa5));
    assert.equal(file.readSync(buffer), 24);
    assert.ok(buffer.subarray(40).every(byte => byte === 0xa5));
  });

  it('fills the buffer up to eventsPerRead', () => {
    const { file, context } = startedFile({ eventsPerRead: 2 });
    for (const number of [1, 2, 3]) context.raiseInterrupt(number);
    const buffer = new Uint8Array(4096);
    assert.deepEqual(decodeEvents(buffer, file.readSync(buffer)).map(brief), ['irq 1', 'irq 2']);
    assert.deepEqual(decodeEvents(buffer, file.readSync(buffer)).map(brief), ['irq 3']);
  });

  it('works in a view that does not start at its memory, and in a Node Buffer', () => {
    const { file, context } = startedFile();
    const memory = new Uint8Array(4096 + 100).fill(0xa5);
    context.raiseInterrupt(3);
    assert.equal(file.readSync(memory.subarray(50, 50 + 4096)), 16);
    assert.deepEqual(decodeEvents(memory.subarray(50), 16).map(brief), ['irq 3']);
    assert.ok(memory.subarray(0, 50).every(byte => byte === 0xa5));
    context.raiseInterrupt(4);
    const buffer = Buffer.alloc(4096);
    assert.deepEqual(decodeEvents(buffer, file.readSync(buffer)).map(brief), ['irq 4']);
  });

  it('drains what is pending after detach, then EIO and POLLERR', () => {
    const { file, context } = startedFile();
    context.raiseInterrupt(1);
    context.detach();
    assert.equal(file.poll(), READY);
    assert.equal(file.readSync(whole), 16);
    assert.equal(readCode(file, whole), 'EIO');
    assert.equal(file.poll(), FAILED);
  });
});

describe('close', () => {
  it('is idempotent, frees the process element and makes everything EBADF', async () => {
    const { afu, file } = startedFile();
    file.close();
    file.close();
    assert.equal(afu.contexts.size, 0);
    assert.equal(
      codeOf(() => file.poll()),
      'EBADF',
    );
    assert.equal(readCode(file, whole), 'EBADF');
    await assert.rejects(file.read(whole), { code: 'EBADF', syscall: 'read' });
    await assert.rejects(file.ready(), { code: 'EBADF', syscall: 'poll' });
  });

  it('asyncDispose closes', async () => {
    const { file, context } = startedFile();
    await file[Symbol.asyncDispose]();
    assert.ok(context.released);
  });
});
