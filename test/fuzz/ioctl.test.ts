/* Any ioctl command with any argument: the errno is the one that the fact sheet gives, and nothing else changes. */
import assert from 'node:assert/strict';
import { constants, endianness } from 'node:os';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { CxlIoctl, START_WORK_SIZE } from '../../src/abi/index.ts';
import { type Context, CxlError } from '../../src/core/index.ts';
import { IoctlTable } from '../../src/file/index.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import { rig, work } from '../core/rig.ts';
import { ioctlBody } from '../fuse/kernel.ts';
import { Calls } from '../support/clients.ts';
import { serve } from '../support/device.ts';
import { any, noFuse, noPython } from '../support/needs.ts';
import { runs, Tree } from './support.ts';

const { EIO, EINVAL, EFAULT, ENOSPC } = constants.errno;
const LITTLE = endianness() === 'LE';
const [IRQS_MIN, IRQS_MAX, TAKEN] = [2, 2000, 1990];
const { CXL_IOCTL_START_WORK: START, CXL_IOCTL_GET_PROCESS_ELEMENT: ELEMENT, CXL_IOCTL_GET_AFU_ID: ID } = CxlIoctl;
const TID = 8n;

interface Asked {
  readonly command: number;
  readonly argument: Uint8Array;
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const command = fc.oneof(
  { weight: 6, arbitrary: fc.constant(START) },
  { weight: 2, arbitrary: fc.constantFrom(ELEMENT, ID) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(START, ELEMENT, ID), fc.nat(31)).map(([all, bit]) => (all ^ (1 << bit)) >>> 0),
  },
  { weight: 1, arbitrary: u32 },
);

/** START_WORK as a program might almost have written it. */
const startWork = fc
  .record({
    flags: fc.oneof(fc.bigInt({ min: 0n, max: 15n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })),
    interrupts: fc.oneof(fc.integer({ min: -3, max: 60 }), fc.integer({ min: -32_768, max: 32_767 })),
    noise: fc.uint8Array({ minLength: 26, maxLength: 26 }),
    reserved: fc.option(fc.tuple(fc.integer({ min: 28, max: 63 }), fc.integer({ min: 1, max: 255 })), { freq: 4 }),
  })
  .map(({ flags, interrupts, noise, reserved }) => {
    const bytes = new Uint8Array(START_WORK_SIZE);
    bytes.set(noise.subarray(8), 8);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, flags, LITTLE);
    view.setInt16(24, interrupts, LITTLE);
    if (reserved) bytes[reserved[0]] = reserved[1];
    return bytes;
  });
const argument = fc.oneof(
  { weight: 4, arbitrary: startWork },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
);
const asked: fc.Arbitrary<Asked> = fc.record({ command, argument });

/** What START_WORK gives by the table of cxl-abi.md section 2, 0 for success; `free` interrupts are left. */
function startErrno(context: Context, argument: Uint8Array, free: number): number {
  const view = new DataView(argument.buffer, argument.byteOffset, argument.length);
  if (context.status !== 'OPENED') return EIO;
  if (argument.subarray(28, START_WORK_SIZE).some(byte => byte !== 0)) return EINVAL;
  const flags = view.getBigUint64(0, LITTLE);
  if (flags > 0xfn) return EINVAL;
  const count = flags & 2n ? view.getInt16(24, LITTLE) : IRQS_MIN;
  if (count < IRQS_MIN || count > IRQS_MAX) return EINVAL;
  return count > free ? ENOSPC : 0;
}

function expected(context: Context, { command, argument }: Asked, free: number): number {
  if (context.status === 'CLOSED' || !context.afu.adapter.linkUp) return EIO;
  const size = new Map<number, number>([
    [START, START_WORK_SIZE],
    [ELEMENT, 4],
    [ID, 64],
  ]).get(command);
  if (size === undefined) return EINVAL;
  if (argument.length < size) return EFAULT;
  return command === START ? startErrno(context, argument, free) : 0;
}

/** Started by exactly the one START_WORK that succeeded. */
function statusAfter(before: Context['status'], command: number, started: boolean): Context['status'] {
  return command === START && started ? 'STARTED' : before;
}

type Step = Asked | 'detach' | 'lose link' | 'restore link';
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 20, arbitrary: asked },
  { weight: 1, arbitrary: fc.constantFrom('detach' as const, 'lose link' as const, 'restore link' as const) },
);

describe('any ioctl', () => {
  it('through the table: the errno of the fact sheet, and no other change of the context', () => {
    const table = new IoctlTable();
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), steps => {
        const { adapter, afu } = rig({ irqsMin: IRQS_MIN, irqsMax: IRQS_MAX });
        afu.openContext().start(work(TAKEN));
        const context = afu.openContext();
        const free = adapter.userIrqs - TAKEN;
        for (const each of steps) {
          if (each === 'detach') context.detach();
          else if (each === 'lose link') adapter.loseLink();
          else if (each === 'restore link') adapter.restoreLink();
          else {
            const { status } = context;
            const errno = expected(context, each, free);
            let got = 0;
            try {
              table.call(context, each.command, each.argument.slice(), { pid: 0 });
            } catch (error) {
              assert.ok(error instanceof CxlError, String(error));
              got = -error.errno;
            }
            assert.equal(got, errno);
            assert.equal(context.status, statusAfter(status, each.command, got === 0));
          }
        }
      }),
      runs(1200),
    );
  });

  it('through a session, with any sizes: one answer, a documented errno, as many bytes as were asked for', () => {
    const sizes = fc.option(fc.tuple(fc.nat(300), fc.oneof(fc.nat(300), u32)), { freq: 3 });
    fc.assert(
      fc.property(fc.array(fc.record({ asked, sizes }), { minLength: 1, maxLength: 8 }), all => {
        const tree = new Tree({ irqsMin: IRQS_MIN, irqsMax: IRQS_MAX });
        const fh = tree.open('dev/cxl/afu0.0s', 2);
        const context = tree.afu.contexts.get(0)!;
        for (const { asked, sizes: odd } of all) {
          const [input, outputSize] = odd
            ? [asked.argument.subarray(0, odd[0]), odd[1]]
            : [
                (asked.command >>> 30) & 1 ? asked.argument : new Uint8Array(0),
                asked.command >>> 31 ? (asked.command >>> 16) & 0x3fff : 0,
              ];
          const { status } = context;
          // As the handle sees it: room for what goes in and for what comes out, the latter as far as a reply can be.
          const seen = new Uint8Array(Math.max(input.length, Math.min(outputSize, 69_632)));
          seen.set(input);
          const errno = expected(context, { command: asked.command, argument: seen }, tree.adapter.userIrqs);
          const tid =
            asked.command === START && errno === 0 && (new DataView(seen.buffer).getBigUint64(0, LITTLE) & TID) !== 0n;
          // The pid is nobody's, so what START_WORK brings back cannot be written.
          const body = ioctlBody(fh, asked.command, input, outputSize);
          const answer = tree.kernel.ask(FuseOpcode.FUSE_IOCTL, { nodeId: 2, pid: 0 }, ...body);
          assert.equal(answer.errno, tid ? EFAULT : errno);
          assert.equal(context.status, statusAfter(status, asked.command, errno === 0));
          if (answer.errno === 0) assert.equal(answer.body.length, 16 + Math.min(outputSize, 69_632));
        }
        assert.deepEqual(tree.kernel.warnings, []);
      }),
      runs(250),
    );
  });

  it('on the real mount, by a program', { skip: any(noFuse(), noPython()) }, async t => {
    const device = await serve(t, { irqsMin: IRQS_MIN, irqsMax: IRQS_MAX });
    const calls = new Calls(t, device.path());
    assert.equal(await calls.opened(), 'open 0');
    const context = device.context();
    // Of other letters some are the kernel's own, and mean something for any file.
    const ours = fc.oneof(command, u32).map(number => ((number & ~0xff00) | 0xca00) >>> 0);
    await fc.assert(
      fc.asyncProperty(ours, argument, async (command, given) => {
        const size = (command >>> 16) & 0x3fff;
        const memory = new Uint8Array(Math.max(size, 1));
        memory.set(given.subarray(0, memory.length));
        const copied = (command >>> 30) & 1 ? memory.subarray(0, size) : new Uint8Array(command >>> 31 ? size : 0);
        const { status } = context;
        const errno = expected(context, { command, argument: copied.slice() }, device.adapter.userIrqs);
        const answer = await calls.call('ioctl', command, Buffer.from(memory).toString('hex'));
        const code = Object.entries(constants.errno).find(([, number]) => number === errno)?.[0];
        assert.match(answer, code === undefined ? /^0 / : new RegExp(`^-1 ${code}$`));
        assert.equal(context.status, statusAfter(status, command, errno === 0));
      }),
      runs(150),
    );
    await calls.program.finish();
  });
});
