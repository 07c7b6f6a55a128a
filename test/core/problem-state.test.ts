/* The problem state area: which part of it a context sees, when, and what mapping, loads and stores are refused with. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Context, ProblemState, Window, WindowMemory } from '../../src/core/index.ts';
import { blamed, codeOf, rig, startedRig, throwsBug, work } from './rig.ts';

const KIB = 1024;
const whole: ProblemState = { size: 128 * KIB };
/** Slaves have 8 KiB each from 64 KiB on. */
const shared: ProblemState = { size: 128 * KIB, perProcess: { offset: 64 * KIB, size: 8 * KIB } };

/** Memory that says what was done with it. */
class Recorded implements WindowMemory {
  readonly log: string[] = [];

  begin({ offset, size }: Window): Uint8Array {
    this.log.push(`begin ${offset} ${size}`);
    return new Uint8Array(size);
  }

  end(allOnes: boolean): void {
    this.log.push(`end ${allOnes}`);
  }
}

describe('the description', () => {
  const wrong: readonly (readonly [string, ProblemState, number?])[] = [
    ['size', { size: 0 }],
    ['size', { size: 65_535 }],
    ['size', { size: -65_536 }],
    ['size', { size: 2 ** 32 + 65_536 }],
    ['size', { size: Number.NaN }],
    ['perProcess', { size: 65_536, perProcess: { offset: 1, size: 4096 } }],
    ['perProcess', { size: 65_536, perProcess: { offset: 0, size: 0 } }],
    ['perProcess', { size: 65_536, perProcess: { offset: 0, size: 4095 } }],
    ['windows', { size: 65_536, perProcess: { offset: 0, size: 4096 } }, 17],
    ['windows', { size: 65_536, perProcess: { offset: 4096, size: 4096 } }, 16],
  ];
  for (const [what, problemState, numProcs = 1] of wrong) {
    it(`${JSON.stringify(problemState)} for ${numProcs}: a RangeError about the ${what}`, () => {
      assert.throws(() => rig({ problemState, numProcs }), { name: 'RangeError', message: new RegExp(what) });
    });
  }

  it('windows may fill the area to its end; a dedicated AFU needs room for one', () => {
    rig({ problemState: { size: 65_536, perProcess: { offset: 0, size: 4096 } }, numProcs: 16 });
    rig({ problemState: { size: 65_536, perProcess: { offset: 61_440, size: 4096 } }, modes: ['dedicated_process'] });
  });
});

describe('what a context sees', () => {
  const views: readonly (readonly [string, Parameters<typeof rig>[0], boolean | undefined, Window])[] = [
    ['nothing without an area', {}, undefined, { offset: 0, size: 0 }],
    ['a slave: all, without windows', { problemState: whole }, false, { offset: 0, size: 128 * KIB }],
    ['a slave: its window', { problemState: shared, numProcs: 8 }, false, { offset: 72 * KIB, size: 8 * KIB }],
    ['a master: all', { problemState: shared, numProcs: 8 }, true, { offset: 0, size: 128 * KIB }],
  ];
  for (const [what, options, master, expected] of views) {
    it(what, () => {
      const { afu } = rig(options);
      afu.openContext();
      assert.deepEqual(afu.openContext({ master }).window.place, expected);
    });
  }

  it('dedicated: all, whatever the windows', () => {
    const { afu } = rig({ problemState: shared, modes: ['dedicated_process'] });
    assert.deepEqual(afu.openContext().window.place, { offset: 0, size: 128 * KIB });
  });

  it('its memory from START_WORK until detach, with what the program asked for after that', () => {
    const { afu } = rig({ problemState: shared, numProcs: 8 });
    for (const mmioErrorsAllOnes of [true, false]) {
      const windowMemory = new Recorded();
      const context = afu.openContext();
      context.window.use(windowMemory);
      assert.deepEqual([context.window.bytes, windowMemory.log], [undefined, []]);
      context.start({ ...work(), mmioErrorsAllOnes });
      assert.equal(context.window.bytes?.length, 8 * KIB);
      context.detach();
      context.release();
      assert.equal(context.window.bytes, undefined);
      assert.deepEqual(windowMemory.log, ['begin 65536 8192', `end ${mmioErrorsAllOnes}`]);
    }
  });

  it('ends too when the AFU refuses the work, and begins again at the next try', () => {
    const { afu, backend } = rig({ problemState: whole });
    const windowMemory = new Recorded();
    const context = afu.openContext();
    context.window.use(windowMemory);
    backend.onAttach = throwsBug;
    codeOf(() => context.start(work()));
    backend.onAttach = () => {};
    context.start(work());
    assert.deepEqual(windowMemory.log, ['begin 0 131072', 'end false', 'begin 0 131072']);
  });

  it('a master’s area holds the slaves’ windows; the next owner of a process element finds its window empty', () => {
    const { afu } = rig({ problemState: shared, numProcs: 8 });
    const master = afu.openContext({ master: true });
    const slave = afu.openContext();
    for (const context of [master, slave]) context.start(work());
    slave.window.store(16, Uint8Array.of(1, 2, 3, 4));
    const seen = new Uint8Array(4);
    master.window.load(72 * KIB + 16, seen);
    assert.deepEqual([...seen], [1, 2, 3, 4]);
    slave.release();
    const next = afu.openContext();
    next.start(work());
    next.window.load(16, seen);
    assert.deepEqual([next.pe, ...seen], [1, 0, 0, 0, 0]);
  });
});

describe('map', () => {
  it('not STARTED is EIO, without link too, then beyond the window EINVAL, then EBUSY while the AFU is reset', async () => {
    const ends: (() => void)[] = [];
    const { adapter, afu, backend } = rig({ problemState: shared, numProcs: 8 });
    Object.assign(backend, { reset: () => new Promise<void>(resolve => ends.push(resolve)) });
    const context = afu.openContext();
    const map = (offset: number, length: number): string | undefined =>
      codeOf(() => context.window.map(offset, length));
    assert.equal(map(0, 1 << 30), 'EIO', 'OPENED');
    context.start(work());
    assert.equal(map(0, 8 * KIB), undefined);
    afu.resetHardware();
    assert.deepEqual([map(0, 8 * KIB + 1), map(0, 8 * KIB)], ['EINVAL', 'EBUSY']);
    for (const end of ends) end();
    await new Promise(setImmediate);
    assert.equal(map(0, 8 * KIB), undefined);
    adapter.loseLink();
    assert.equal(map(0, 1 << 30), 'EIO', 'CLOSED, without link');
    adapter.restoreLink();
    assert.equal(map(0, 4096), 'EIO', 'CLOSED');
  });

  it('without link EIO comes before EINVAL also when the context is STARTED', () => {
    const { adapter, context } = startedRig({ problemState: whole });
    Object.defineProperty(adapter, 'linkUp', { get: () => false });
    assert.equal(
      codeOf(() => context.window.map(0, 1 << 30)),
      'EIO',
    );
  });

  const sizes: readonly (readonly [number, number, string | undefined])[] = [
    [0, 128 * KIB, undefined],
    [124 * KIB, 4096, undefined],
    [128 * KIB, 0, undefined],
    [124 * KIB, 4097, 'EINVAL'],
    [128 * KIB, 4096, 'EINVAL'],
    [0, 128 * KIB + 1, 'EINVAL'],
    [-4096, 4096, 'EINVAL'],
    [0, -1, 'EINVAL'],
    [Number.NaN, 1, 'EINVAL'],
  ];
  for (const [offset, length, code] of sizes) {
    it(`${length} bytes at ${offset}: ${code ?? 'mapped'}`, () => {
      const { context } = startedRig({ problemState: whole });
      assert.equal(
        codeOf(() => context.window.map(offset, length)),
        code,
      );
    });
  }

  it('an AFU without an area: EINVAL for anything', () => {
    const { context } = startedRig();
    for (const length of [0, 4096]) {
      assert.equal(
        codeOf(() => context.window.map(0, length)),
        'EINVAL',
      );
    }
  });
});

describe('loads and stores', () => {
  const registers: readonly (readonly [number, number, string | undefined])[] = [
    [0, 4, undefined],
    [4, 4, undefined],
    [8, 8, undefined],
    [128 * KIB - 8, 8, undefined],
    [4, 8, 'EINVAL'],
    [2, 4, 'EINVAL'],
    [0, 1, 'EINVAL'],
    [0, 2, 'EINVAL'],
    [0, 16, 'EINVAL'],
    [0, 0, 'EINVAL'],
    [128 * KIB - 4, 8, 'EINVAL'],
    [128 * KIB, 4, 'EINVAL'],
  ];
  for (const [offset, length, code] of registers) {
    it(`${length} bytes at ${offset}: ${code ?? 'done'}`, () => {
      const { context } = startedRig({ problemState: whole });
      const bytes = Uint8Array.from({ length }, (_, index) => index + 1);
      assert.equal(
        codeOf(() => context.window.store(offset, bytes)),
        code,
      );
      const loaded = new Uint8Array(length);
      assert.equal(
        codeOf(() => context.window.load(offset, loaded)),
        code,
      );
      if (code === undefined) assert.deepEqual(loaded, bytes);
    });
  }

  it('a store is noticed by the AFU, a load is not; a model that fails at it is reported', () => {
    const { backend, context, diagnostics } = startedRig({ problemState: whole });
    const noticed: Context[] = [];
    Object.assign(backend, { stored: (each: Context) => noticed.push(each) });
    context.window.load(0, new Uint8Array(8));
    assert.deepEqual(noticed, []);
    context.window.store(0, new Uint8Array(8));
    assert.deepEqual(noticed, [context]);
    Object.assign(backend, { stored: throwsBug });
    context.window.store(0, new Uint8Array(8));
    assert.deepEqual(blamed(diagnostics), ['AFU model rig doorbell']);
  });

  it('EIO before START_WORK and after detach', () => {
    const context = rig({ problemState: whole }).afu.openContext();
    const refused = (): (string | undefined)[] => [
      codeOf(() => context.window.load(0, new Uint8Array(4))),
      codeOf(() => context.window.store(0, new Uint8Array(4))),
    ];
    assert.deepEqual(refused(), ['EIO', 'EIO']);
    context.start(work());
    assert.deepEqual(refused(), [undefined, undefined]);
    context.detach();
    assert.deepEqual(refused(), ['EIO', 'EIO']);
  });
});
