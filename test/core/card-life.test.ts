/* A card's life: links that go and come back, permanent failure, resets, modes, and what contexts see of all that. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Adapter, Afu, AfuBackend, AfuMode, Context } from '../../src/core/index.ts';
import { takeForRead } from '../../src/file/index.ts';
import { asleep, Backend, blamed, codeOf, drain, FAILED, READY, rig, startedRig, throwsBug, work } from './rig.ts';

const read = (context: Context): unknown => takeForRead(context, new Uint8Array(4096), 0, 4096);
const both: AfuMode[] = ['afu_directed', 'dedicated_process'];

/** A backend whose resets are counted, and end when the test says. */
class Resettable extends Backend {
  resets = 0;
  onReset: () => void | Promise<void> = () => {};

  reset(): void | Promise<void> {
    this.resets++;
    return this.onReset();
  }
}

function resettable(modes: AfuMode[] = both): { afu: Afu; backend: Resettable } & ReturnType<typeof rig> {
  const backend = new Resettable();
  return { ...rig({ backend, modes: modes as never }), backend };
}

describe('what ends a card’s contexts: they drain and then fail (C5)', () => {
  const endings: readonly (readonly [string, (adapter: Adapter) => void, boolean])[] = [
    ['the link is lost', adapter => adapter.loseLink(), false],
    ['the card fails', adapter => adapter.fail(), false],
    ['a forced reset', adapter => adapter.reset(true), true],
  ];
  for (const [what, end, readable] of endings) {
    it(what, () => {
      const { adapter, afu, context, backend } = startedRig();
      const never = afu.openContext();
      context.raiseAfuError(7n);
      context.raiseInterrupt(3);
      const sleepers = [context, never].map(each => asleep(each));
      end(adapter);
      assert.deepEqual([context.status, never.status], ['CLOSED', 'CLOSED']);
      assert.ok(
        sleepers.every(({ wakes }) => wakes > 0),
        'whoever waited learns it',
      );
      assert.deepEqual(backend.detached, [0]);
      context.raiseInterrupt(4);
      if (!readable) {
        // Without a link read says EIO though events are queued, and poll agrees.
        assert.deepEqual([codeOf(() => read(context)), context.poll()], ['EIO', FAILED]);
        adapter.probe();
      }
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), ['irq 3', 'error 7']);
      for (let again = 0; again < 2; again++) {
        assert.deepEqual([codeOf(() => read(context)), context.poll()], ['EIO', FAILED]);
        assert.deepEqual([codeOf(() => read(never)), never.poll()], ['EIO', FAILED]);
      }
      // A process element stays taken until its descriptor is closed.
      assert.equal(afu.openContext().pe, 2);
    });
  }
});

describe('link states', () => {
  it('down, back, failed, found again; what open gives in each', () => {
    const { adapter, afu } = rig();
    const opened = (): string | undefined => codeOf(() => afu.openContext().release());
    const state = (): unknown[] => [adapter.link, adapter.linkUp, adapter.gone, opened()];
    assert.deepEqual(state(), ['up', true, false, undefined]);
    adapter.loseLink();
    assert.deepEqual(state(), ['down', false, false, 'EIO']);
    adapter.restoreLink();
    assert.deepEqual(state(), ['up', true, false, undefined]);
    adapter.fail();
    assert.deepEqual(state(), ['failed', false, true, 'ENODEV']);
    assert.equal(
      codeOf(() => adapter.restoreLink()),
      'ENODEV',
    );
    adapter.loseLink();
    assert.deepEqual(state(), ['failed', false, true, 'ENODEV'], 'what has failed cannot lose its link');
    adapter.probe();
    assert.deepEqual(state(), ['up', true, false, undefined]);
  });

  it('the AFU is in its best mode again, in new device files; a card that was gone has appeared anew', () => {
    const { adapter, afu } = rig({ modes: ['dedicated_process', 'afu_directed'] });
    afu.setMode('dedicated_process');
    const { activations } = afu;
    adapter.probe();
    assert.deepEqual([afu.mode, afu.activations, adapter.appearances], ['dedicated_process', activations, 1]);
    adapter.loseLink();
    adapter.restoreLink();
    assert.deepEqual([afu.mode, afu.activations, adapter.appearances], ['afu_directed', activations + 1, 1]);
    adapter.fail();
    adapter.probe();
    assert.deepEqual([afu.activations, adapter.appearances], [activations + 2, 2]);
  });

  it('what was set through sysfs survives a lost link, and not a failed card', () => {
    const { adapter, afu } = rig({ irqsMax: 100, prefault: 'all' });
    const set = (): unknown[] => [
      afu.irqsMax,
      afu.prefaultMode,
      adapter.loadImageOnPerst,
      adapter.perstReloadsSameImage,
    ];
    const first = set();
    assert.deepEqual(first, [100, 'all', 'user', false]);
    afu.irqsMax = 200;
    afu.prefaultMode = 'none';
    adapter.loadImageOnPerst = 'none';
    adapter.perstReloadsSameImage = true;
    adapter.loseLink();
    adapter.restoreLink();
    assert.deepEqual(set(), [200, 'none', 'none', true]);
    adapter.fail();
    adapter.probe();
    assert.deepEqual(set(), first);
  });
});

describe('reset of the card', () => {
  it('EBUSY while work is started, then EINVAL when it would load the same image, then EIO without link', () => {
    const { adapter, afu } = rig();
    const context = afu.openContext();
    context.start(work());
    adapter.perstReloadsSameImage = true;
    assert.equal(
      codeOf(() => adapter.reset()),
      'EBUSY',
    );
    assert.equal(
      codeOf(() => adapter.reset(true)),
      'EINVAL',
    );
    assert.equal(context.status, 'STARTED');
    adapter.loseLink();
    assert.equal(
      codeOf(() => adapter.reset()),
      'EINVAL',
    );
    adapter.perstReloadsSameImage = false;
    assert.equal(
      codeOf(() => adapter.reset()),
      'EIO',
    );
  });

  it('a context that was never started does not keep it, and is CLOSED by it', () => {
    const { adapter, afu, backend } = resettable();
    const context = afu.openContext();
    adapter.reset();
    assert.deepEqual([context.status, backend.resets, adapter.appearances], ['CLOSED', 1, 2]);
    assert.equal(adapter.contextsLocked, false);
    afu.openContext().start(work());
  });

  it('loads the image that was chosen', () => {
    const { adapter } = rig();
    const images = (): string[] => [adapter.imageLoaded, adapter.loadImageOnPerst];
    assert.deepEqual(images(), ['user', 'user']);
    adapter.loadImageOnPerst = 'factory';
    adapter.reset();
    assert.deepEqual(images(), ['factory', 'factory']);
    adapter.loadImageOnPerst = 'none';
    adapter.reset();
    assert.deepEqual(images(), ['factory', 'factory']);
  });

  it('no work can be started from within it', () => {
    const { adapter, afu, backend } = resettable();
    const context = afu.openContext();
    const other = afu.openContext();
    context.start(work());
    let code: string | undefined;
    backend.onDetach = () => (code = codeOf(() => other.start(work())));
    adapter.reset(true);
    assert.equal(code, 'EBUSY');
  });

  it('a model that fails at it: EIO and a diagnostic, and the card is back all the same', () => {
    const { adapter, afu, backend, diagnostics } = resettable();
    backend.onReset = throwsBug;
    assert.equal(
      codeOf(() => adapter.reset()),
      'EIO',
    );
    assert.deepEqual(blamed(diagnostics), ['AFU model rig reset']);
    afu.openContext().start(work());
  });
});

describe('reset of an AFU', () => {
  it('EBUSY while any context is open, started or not or CLOSED; then EIO without link', () => {
    const { adapter, afu, backend } = resettable();
    const context = afu.openContext();
    const refused = (): string | undefined => codeOf(() => afu.reset());
    assert.equal(refused(), 'EBUSY');
    context.start(work());
    assert.equal(refused(), 'EBUSY');
    adapter.loseLink();
    assert.deepEqual([context.status, refused()], ['CLOSED', 'EBUSY']);
    context.release();
    assert.equal(refused(), 'EIO');
    assert.equal(backend.resets, 0);
    adapter.restoreLink();
    afu.reset();
    assert.equal(backend.resets, 1);
  });

  it('one that takes its time: EBUSY for another and for START_WORK, and not enabled until it has ended', async () => {
    const { afu, backend } = resettable();
    const ends: (() => void)[] = [];
    backend.onReset = () => new Promise<void>(resolve => ends.push(resolve));
    afu.reset();
    assert.equal(afu.enabled, false);
    assert.equal(
      codeOf(() => afu.reset()),
      'EBUSY',
    );
    const context = afu.openContext();
    assert.equal(
      codeOf(() => context.start(work())),
      'EBUSY',
    );
    assert.deepEqual([context.status, context.interrupts], ['OPENED', 0]);
    for (const end of ends) end();
    await new Promise(setImmediate);
    assert.equal(afu.enabled, true);
    context.start(work());
  });

  it('two that overlap: enabled when both have ended', async () => {
    const { adapter, afu, backend } = resettable();
    const ends: (() => void)[] = [];
    backend.onReset = () => new Promise<void>(resolve => ends.push(resolve));
    adapter.reset();
    adapter.reset();
    for (const end of ends) {
      assert.equal(afu.enabled, false);
      end();
      await new Promise(setImmediate);
    }
    assert.equal(afu.enabled, true);
  });

  it('a model that fails at once is EIO, one that fails later is reported, and both only once', async () => {
    const { afu, backend, diagnostics } = resettable();
    backend.onReset = throwsBug;
    assert.equal(
      codeOf(() => afu.reset()),
      'EIO',
    );
    backend.onReset = () => Promise.reject(new Error('later'));
    afu.reset();
    await new Promise(setImmediate);
    assert.deepEqual(blamed(diagnostics), ['AFU model rig reset', 'AFU model rig reset']);
    assert.equal(afu.enabled, true);
  });

  it('a dedicated AFU is reset after each use, also when the model fails at that; a directed one is not', () => {
    const { afu, backend, diagnostics } = resettable();
    const use = (): void => {
      const context = afu.openContext();
      context.start(work());
      context.release();
    };
    use();
    assert.equal(backend.resets, 0);
    afu.setMode('dedicated_process');
    use();
    assert.equal(backend.resets, 1);
    afu.openContext().release();
    assert.equal(backend.resets, 1, 'it was not used');
    backend.onReset = throwsBug;
    use();
    assert.deepEqual([backend.resets, diagnostics.length], [2, 1]);
    use();
  });

  it('a model without reset needs none', () => {
    const plain: AfuBackend = { name: 'plain', attachProcess() {}, detachProcess() {} };
    const { afu } = rig({ backend: plain });
    afu.reset();
    assert.equal(afu.enabled, true);
  });
});

describe('modes', () => {
  it('change with no context open, each time to new device files; also to the same one, and to none', () => {
    const { afu } = rig({ modes: ['dedicated_process', 'afu_directed'] });
    const steps: readonly (readonly [AfuMode, number, boolean])[] = [
      ['dedicated_process', 1, true],
      ['dedicated_process', 2, true],
      ['none', 2, false],
      ['afu_directed', 3, true],
    ];
    const before = afu.activations;
    for (const [mode, activations, enabled] of steps) {
      afu.setMode(mode);
      assert.deepEqual([afu.mode, afu.activations - before, afu.enabled], [mode, activations, enabled]);
    }
  });

  it('EBUSY first, while any context is open, whatever the mode and the link', () => {
    const { adapter, afu } = rig();
    const context = afu.openContext();
    context.detach();
    adapter.loseLink();
    for (const mode of ['afu_directed', 'dedicated_process', 'none'] as const) {
      assert.equal(
        codeOf(() => afu.setMode(mode)),
        'EBUSY',
      );
    }
    assert.equal(afu.mode, 'afu_directed');
  });

  it('EINVAL for one that is not supported, then EIO without link; both leave the AFU without a mode', () => {
    const { adapter, afu } = rig();
    const opened = (): string | undefined => codeOf(() => afu.openContext());
    assert.equal(
      codeOf(() => afu.setMode('dedicated_process')),
      'EINVAL',
    );
    assert.deepEqual([afu.mode, opened()], ['none', 'ENODEV']);
    adapter.loseLink();
    assert.deepEqual(
      (['dedicated_process', 'afu_directed', 'none'] as const).map(mode => codeOf(() => afu.setMode(mode))),
      ['EINVAL', 'EIO', undefined],
    );
    assert.deepEqual([afu.mode, opened()], ['none', 'ENODEV'], 'no mode comes before no link');
    adapter.restoreLink();
    assert.deepEqual([afu.mode, opened()], ['afu_directed', undefined]);
  });

  it('the number of process elements follows', () => {
    const { afu } = rig({ modes: ['dedicated_process', 'afu_directed'], numProcs: 2 });
    afu.setMode('dedicated_process');
    const only = afu.openContext();
    assert.deepEqual([only.master, codeOf(() => afu.openContext())], [true, 'ENOSPC']);
    only.release();
    afu.setMode('afu_directed');
    afu.openContext();
    assert.equal(afu.openContext().pe, 1);
  });
});

describe('irqs_max', () => {
  it('is irqs_min to the adapter’s number, else EINVAL and unchanged', () => {
    const { adapter, afu } = rig({ irqsMin: 4, irqsMax: 8 });
    for (const wrong of [3, -1, adapter.userIrqs + 1, 4.5, Number.NaN]) {
      assert.equal(
        codeOf(() => (afu.irqsMax = wrong)),
        'EINVAL',
      );
      assert.equal(afu.irqsMax, 8);
    }
    for (const right of [4, adapter.userIrqs]) {
      afu.irqsMax = right;
      assert.equal(afu.irqsMax, right);
    }
  });

  it('a guest’s is at most what the AFU began with', () => {
    const { afu } = rig({ irqsMax: 8 }, { guest: true });
    afu.irqsMax = 1;
    afu.irqsMax = 8;
    assert.equal(
      codeOf(() => (afu.irqsMax = 9)),
      'EINVAL',
    );
  });
});

describe('a guest', () => {
  it('can open an AFU in dedicated mode, and not start work on it', () => {
    const { afu } = rig({ modes: ['dedicated_process'] }, { guest: true });
    const context = afu.openContext();
    assert.equal(
      codeOf(() => context.start(work())),
      'EINVAL',
    );
    assert.equal(context.status, 'OPENED');
  });
});

describe('configuration records', () => {
  it('have a space of 256 bytes with their numbers where PCI has them, unless they bring their own', () => {
    const config = Uint8Array.of(1, 2, 3);
    const { afu } = rig({
      configurationRecords: [
        { vendor: 0x1014, device: 0xabcd, class: 0x12_34_56 },
        { vendor: 0, device: 0xffff, class: 0xff_ffff, config },
      ],
    });
    const [first, second] = afu.configurationRecords;
    const expected = new Uint8Array(256);
    expected.set([0x14, 0x10, 0xcd, 0xab]);
    expected.set([0x56, 0x34, 0x12], 9);
    assert.deepEqual([first!.config, second!.config], [expected, config]);
  });

  const wrong: readonly (readonly [string, object])[] = [
    ['vendor', { vendor: 0x1_0000 }],
    ['vendor', { vendor: -1 }],
    ['device', { device: 1.5 }],
    ['class', { class: 0x100_0000 }],
    ['config', { config: new Uint8Array(0) }],
    ['config', { config: new Uint8Array(4097) }],
  ];
  for (const [field, change] of wrong) {
    it(`a wrong ${field} is a RangeError that names it: ${JSON.stringify(change)}`, () => {
      const configurationRecords = [{ vendor: 1, device: 1, class: 1, ...change }];
      assert.throws(() => rig({ configurationRecords }), {
        name: 'RangeError',
        message: new RegExp(`^afu0\\.0: configurationRecords\\[0\\]\\.${field} `),
      });
    });
  }

  it('an error buffer of no bytes is none', () => {
    assert.equal(rig({ errorBuffer: new Uint8Array(0) }).afu.errorBuffer, undefined);
  });
});
