/* The stock model memcpy, in process. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import { CxlPslDsisr, hostOrder } from '../../src/abi/index.ts';
import { localMemory, memcpy, type MemcpyOptions } from '../../src/afu/index.ts';
import type { Context } from '../../src/core/index.ts';
import type { StartWorkOptions } from '../../src/file/index.ts';
import { asleep, drain } from '../core/rig.ts';
import { until } from '../support/until.ts';
import { ScriptedMemory, fault, modelRig, type ModelRig, type Started } from './models.ts';

const { CXL_PSL_DSISR_An_DM: DM, CXL_PSL_DSISR_An_M: M, CXL_PSL_DSISR_An_S: S } = CxlPslDsisr;
const little = hostOrder === 'little';
const BASE = 0x7f00_0000_0000n;
const TOP = 2n ** 64n;
const BUSY = 1n;
const FAULTED = 2n;

/** A program with `size` bytes for itself and work elements behind them. */
class Program {
  readonly bytes: Uint8Array;
  readonly rig: ModelRig;
  #elements = 0;
  readonly #size: number;

  constructor(size: number, options: MemcpyOptions = {}) {
    this.#size = size;
    this.bytes = new Uint8Array(size + 4096);
    for (let i = 0; i < size; i++) this.bytes[i] = i * 7 + (i >> 8);
    this.rig = modelRig(memcpy(options));
  }

  /** Writes a work element; returns its address. */
  element(source: bigint, target: bigint, length: number | bigint, reserved = 0n): bigint {
    const at = this.#size + 32 * this.#elements++;
    const view = new DataView(this.bytes.buffer, at, 32);
    [source, target, BigInt(length), reserved].forEach((value, i) => view.setBigUint64(8 * i, value, little));
    return BASE + BigInt(at);
  }

  start(wed = 0n, options: StartWorkOptions = {}): Started {
    return this.rig.start({ wed, memory: localMemory(this.bytes, BASE), ...options });
  }
}

const register = (context: Context, offset: number): bigint => {
  const bytes = new Uint8Array(8);
  context.window.load(offset, bytes);
  return new DataView(bytes.buffer).getBigUint64(0, little);
};
const completed = (context: Context): bigint => register(context, 8);
const status = (context: Context): bigint => register(context, 16);
const ring = ({ window }: Context, address: bigint): void => {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, address, little);
  window.store(0, bytes);
};
const idle = (context: Context): Promise<true> => until('it is idle', () => (status(context) & BUSY) === 0n);

describe('memcpy', () => {
  it('does the work element of START_WORK: copied, COMPLETED, interrupt 1', async () => {
    const program = new Program(64);
    const before = program.bytes.slice(0, 16);
    const { context, file } = program.start(program.element(BASE, BASE + 32n, 16));
    await file.ready();
    assert.deepEqual(drain(context), ['irq 1']);
    assert.deepEqual([completed(context), status(context)], [1n, 0n]);
    assert.deepEqual(program.bytes.subarray(32, 48), before);
    assert.deepEqual(program.rig.diagnostics, []);
    file.close();
  });

  it('a descriptor of 0 waits for doorbells; each is one more copy', async () => {
    const program = new Program(64);
    const { context, file } = program.start();
    await new Promise(setImmediate);
    assert.deepEqual([drain(context), completed(context)], [[], 0n]);
    for (const [i, target] of [16n, 32n, 48n].entries()) {
      ring(context, program.element(BASE, BASE + target, 16));
      await idle(context);
      assert.deepEqual([completed(context), drain(context)], [BigInt(i + 1), ['irq 1']]);
    }
    assert.deepEqual(program.bytes.subarray(48, 64), program.bytes.subarray(0, 16));
    file.close();
  });

  it('with 0 interrupts it raises none; COMPLETED says so all the same', async () => {
    const program = new Program(64, { irqsMin: 0 });
    const { context, file } = program.start(program.element(BASE, BASE + 32n, 16), { numInterrupts: 0 });
    await idle(context);
    assert.deepEqual([completed(context), drain(context), program.rig.diagnostics], [1n, [], []]);
    file.close();
  });

  it('a length of 0 is done, wherever source and target point; a work element may lie anywhere', async () => {
    const program = new Program(64);
    const odd = program.element(7n, TOP - 1n, 0);
    program.bytes.copyWithin(65, 64, 96);
    const { context, file } = program.start(odd + 1n);
    await idle(context);
    assert.deepEqual([drain(context), completed(context)], [['irq 1'], 1n]);
    file.close();
  });

  it('any overlap comes out as memmove does, whatever the chunk', async () => {
    const size = 20_000;
    const place = fc.nat(size);
    const copies = fc.record({
      source: place,
      target: place,
      length: fc.nat(size),
      chunk: fc.constantFrom(4096, 5000),
    });
    await fc.assert(
      fc.asyncProperty(copies, async ({ source, target, length: wanted, chunk }) => {
        const length = Math.min(wanted, size - source, size - target);
        const program = new Program(size, { chunkBytes: chunk });
        const expected = program.bytes.slice(0, size).copyWithin(target, source, source + length);
        const { context, file } = program.start(program.element(BASE + BigInt(source), BASE + BigInt(target), length));
        await file.ready();
        assert.deepEqual(drain(context), ['irq 1']);
        assert.ok(Buffer.from(expected).equals(program.bytes.subarray(0, size)));
        file.close();
      }),
      { numRuns: 40 },
    );
  });
});

describe('bad work elements', () => {
  const rows: readonly [what: string, wed: (program: Program) => bigint, events: string[]][] = [
    ['an address where nothing is', () => 0x1000n, [fault(0x1000n, DM | M)]],
    ['one that ends in nothing', ({ bytes }) => BASE + BigInt(bytes.length) - 8n, [fault(BASE + 64n + 4096n, DM | M)]],
    ['at the end of the addresses', () => TOP - 8n, [fault(TOP - 8n, DM | M)]],
    ['a bad source', program => program.element(0x40n, BASE, 16), [fault(0x40n, DM | M)]],
    ['a bad target', program => program.element(BASE, 0x40n, 16), [fault(0x40n, DM | M | S)]],
    ['a source that ends too soon', program => program.element(BASE + 4000n, BASE, 200), [fault(BASE + 4160n, DM | M)]],
    ['a reserved field', program => program.element(BASE, BASE + 16n, 16, 1n), ['error 1']],
    ['a length that wraps', program => program.element(BASE, BASE + 16n, TOP - 1n), ['error 3']],
    ['a target that wraps', program => program.element(BASE, TOP - 8n, 9), ['error 3']],
    [
      'a length that does not wrap, of nothing',
      program => program.element(TOP - 8n, BASE, 8),
      [fault(TOP - 8n, DM | M)],
    ],
  ];
  for (const [what, wed, events] of rows) {
    it(`${what}: ${events[0]!.split(' ')[0]}, STATUS says FAULTED, no interrupt; the next one is done`, async () => {
      const program = new Program(64);
      const { context, file } = program.start(wed(program));
      await until('it failed', () => status(context) === FAULTED);
      assert.deepEqual([drain(context), completed(context)], [events, 0n]);
      ring(context, program.element(BASE, BASE + 32n, 8));
      await idle(context);
      assert.deepEqual([drain(context), completed(context), status(context)], [['irq 1'], 1n, 0n]);
      assert.deepEqual([program.rig.diagnostics, context.status], [[], 'STARTED']);
      file.close();
    });
  }

  it('a length as large as memory can be ends where memory does, in turns', async () => {
    const program = new Program(64 * 1024, { chunkBytes: 4096 });
    const { context, file } = program.start(program.element(BASE, BASE, 2n ** 62n));
    await until('it failed', () => status(context) === FAULTED);
    assert.deepEqual(drain(context), [fault(BASE + 65_536n + 4096n, DM | M)]);
    file.close();
  });

  it('without memory to be seen it is a fault', async () => {
    const { context } = new Program(64).start(BASE, { memory: undefined });
    await until('it failed', () => status(context) === FAULTED);
    assert.deepEqual(drain(context), [fault(BASE, DM | M)]);
    context.release();
  });
});

describe('the queue', () => {
  it('holds so many while one is being copied; one more is an AFU error, and the others are done', async () => {
    const program = new Program(65_536, { chunkBytes: 4096, queueLength: 3 });
    const { context, file } = program.start(program.element(BASE, BASE + 32_768n, 32_768));
    await Promise.resolve();
    for (let i = 0; i < 4; i++) ring(context, program.element(BASE, BASE + 8n, 8));
    assert.equal(status(context), BUSY | FAULTED);
    await idle(context);
    assert.deepEqual(drain(context), ['irq 1', 'error 2']);
    assert.deepEqual([completed(context), status(context)], [4n, FAULTED]);
    file.close();
  });

  it('one that is rung from within an interrupt is done after those that wait', async () => {
    const program = new Program(64);
    const { context, file } = program.start(program.element(BASE, BASE + 16n, 8));
    let rings = 0;
    const sleeper = asleep(context, () => {
      if (rings++ < 5) ring(context, program.element(BASE, BASE + 16n, 8));
      context.waiters.add(sleeper);
    });
    await until('all are done', () => completed(context) === 6n);
    assert.deepEqual([status(context), drain(context), program.rig.diagnostics], [0n, ['irq 1'], []]);
    file.close();
  });

  it('others have their turn between two chunks', async () => {
    const program = new Program(65_536, { chunkBytes: 4096 });
    const { context, file } = program.start(program.element(BASE, BASE + 32_768n, 32_768));
    let turns = 0;
    for (; (status(context) & BUSY) !== 0n; turns++) await new Promise(setImmediate);
    assert.ok(turns >= 7, `${turns} turns`);
    assert.deepEqual(drain(context), ['irq 1']);
    file.close();
  });

  it('two programs are copied for at a time, and do not see each other’s bytes', async () => {
    const one = new Program(65_536, { chunkBytes: 4096 });
    const two = one.bytes.toReversed();
    const wed = one.element(BASE, BASE + 32_768n, 32_768);
    two.set(one.bytes.subarray(65_536), 65_536);
    const files = [one.start(wed), one.start(wed, { memory: localMemory(two, BASE) })];
    for (const { context } of files) await idle(context);
    for (const bytes of [one.bytes, two]) {
      assert.ok(Buffer.from(bytes.subarray(0, 32_768)).equals(bytes.subarray(32_768, 65_536)));
    }
    for (const { file } of files) file.close();
  });
});

describe('the end', () => {
  it('detached in the middle: it stops quietly and touches nothing any more', async () => {
    const program = new Program(65_536, { chunkBytes: 4096 });
    const { context, file } = program.start(program.element(BASE, BASE + 32_768n, 32_768));
    await new Promise(setImmediate);
    file.close();
    const then = program.bytes.slice();
    for (let i = 0; i < 20; i++) await new Promise(setImmediate);
    assert.deepEqual([Buffer.from(then).equals(program.bytes), program.rig.diagnostics], [true, []]);
    assert.equal(context.status, 'CLOSED');
  });

  it('detached by whoever is woken by its interrupt, or by its fault: nothing is touched after it', async () => {
    for (const [wed, kind] of [
      [(program: Program) => program.element(BASE, BASE, 8), 'interrupt'],
      [() => 8n, 'fault'],
      [(program: Program) => program.element(0n, 0n, 0, 1n), 'error'],
    ] as const) {
      const program = new Program(64);
      const { context, file } = program.start(wed(program));
      const raise = { interrupt: 'raiseInterrupt', fault: 'raiseFault', error: 'raiseAfuError' } as const;
      const original = context[raise[kind]].bind(context) as (...numbers: unknown[]) => void;
      Object.defineProperty(context, raise[kind], {
        value: (...numbers: unknown[]) => {
          original(...numbers);
          file.close();
        },
      });
      await new Promise(setImmediate);
      assert.deepEqual([context.status, program.rig.diagnostics], ['CLOSED', []], kind);
    }
  });

  it('a store that only fails later is a fault at its address: nothing is copied over', async () => {
    const memory = new ScriptedMemory(
      { base: 0x1000n, bytes: new Uint8Array(64) },
      { base: 0x2000n, bytes: new Uint8Array(64), writable: false },
    );
    const view = new DataView(memory.areas[0]!.bytes.buffer);
    [0x1000n, 0x2000n, 16n, 0n].forEach((value, i) => view.setBigUint64(8 * i, value, little));
    const { context } = modelRig(memcpy()).start({ wed: 0x1000n, memory });
    await until('it failed', () => status(context) === FAULTED);
    assert.deepEqual(drain(context), [fault(0x2000n, DM | CxlPslDsisr.CXL_PSL_DSISR_An_P | S)]);
    context.release();
  });
});

describe('memcpy’s options', () => {
  for (const options of [{ chunkBytes: 4095 }, { chunkBytes: 2 ** 31 }, { queueLength: 0 }, { queueLength: 1.5 }]) {
    it(`${JSON.stringify(options)} is a RangeError`, () => {
      const [name] = Object.keys(options);
      assert.throws(() => memcpy(options), {
        name: 'RangeError',
        message: new RegExp(`^${name} must be a whole number`),
      });
    });
  }
});
