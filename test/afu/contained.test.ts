/* What a model does wrong ends its own work at most, is said with its name, and nobody else notices. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { CxlPslDsisr } from '../../src/abi/index.ts';
import { defineModel, type AfuModel, type ProcessElement } from '../../src/afu/index.ts';
import { CxlError, type Guard } from '../../src/core/index.ts';
import { codeOf, drain, throwsBug } from '../core/rig.ts';
import { elementOf, fault, modelRig, pledge, said, type ModelRig } from './models.ts';

const rigOf = (model: Partial<AfuModel>, more: object = {}): ModelRig =>
  modelRig({ ...more, model: { name: 'm', attach() {}, ...model } });
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));
const FAULT = fault(0x40n, CxlPslDsisr.CXL_PSL_DSISR_An_DM | CxlPslDsisr.CXL_PSL_DSISR_An_M);
const badAccess = ({ memory }: ProcessElement): void => void memory.read(0x40n, 1);

describe('attach that takes its time', () => {
  it('START_WORK does not wait for it; run begins when it is done', async () => {
    const order: string[] = [];
    const attached = pledge();
    const { start, diagnostics } = rigOf({
      attach: () => attached.promise,
      run: () => void order.push('run'),
    });
    const { context } = start();
    assert.equal(context.status, 'STARTED');
    await settled();
    assert.deepEqual(order, []);
    attached.resolve();
    await settled();
    assert.deepEqual([order, diagnostics], [['run'], []]);
    context.detach();
  });

  it('that rejects is reported, and the context drained and CLOSED', async () => {
    const { start, diagnostics } = rigOf({
      async attach(element) {
        element.interrupt(1);
        await Promise.resolve();
        throwsBug();
      },
    });
    const { context } = start();
    await settled();
    assert.equal(context.status, 'CLOSED');
    assert.deepEqual(drain(context), ['irq 1']);
    assert.deepEqual(said(diagnostics), ['AFU model m attach: rejected']);
  });

  for (const ms of [undefined, 20]) {
    it(`that never ends is reported after ${ms ?? 5000} ms and detached; run never begins, others go on`, async t => {
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const ran: number[] = [];
      const { start, diagnostics } = rigOf(
        {
          attach: element => (element.id === 0 ? new Promise(() => {}) : undefined),
          run: element => void ran.push(element.id),
        },
        { attachTimeoutMs: ms },
      );
      const [hung, other] = [start(), start()];
      t.mock.timers.tick((ms ?? 5000) - 1);
      assert.equal(hung.context.status, 'STARTED');
      t.mock.timers.tick(1);
      assert.deepEqual([hung.context.status, other.context.status], ['CLOSED', 'STARTED']);
      const said = diagnostics.map(({ source, problem }) => `${source}: ${problem}`);
      assert.deepEqual(said, [`AFU model m: has not finished after ${ms ?? 5000} ms; the process element is detached`]);
      await settled();
      assert.deepEqual(ran, [1]);
    });
  }

  it('detached meanwhile: no timer is left, and what the signal threw is nobody’s fault', async t => {
    const clear = t.mock.method(globalThis, 'clearTimeout');
    const { start, diagnostics } = rigOf({
      attach: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    });
    start().file.close();
    assert.equal(clear.mock.callCount(), 1);
    await settled();
    assert.deepEqual(diagnostics, []);
  });

  it('what it throws of its own after detach is still said', async () => {
    const { start, diagnostics } = rigOf({
      attach: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('mine')))),
    });
    start().file.close();
    await settled();
    assert.deepEqual(said(diagnostics), ['AFU model m attach: rejected']);
  });
});

describe('run', () => {
  it('begins after START_WORK was answered, and not when the work is over by then', async () => {
    const ran: number[] = [];
    const { start } = rigOf({ run: element => void ran.push(element.id) });
    const [first, second] = [start(), start()];
    assert.deepEqual(ran, []);
    first.context.detach();
    await settled();
    assert.deepEqual(ran, [1]);
    second.context.detach();
  });

  it('may last until the signal says stop, which is no failure', async () => {
    let stopped = false;
    const { start, diagnostics } = rigOf({
      async run({ signal }) {
        try {
          await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
        } finally {
          stopped = true;
        }
      },
    });
    const { context } = start();
    await settled();
    context.detach();
    await settled();
    assert.deepEqual([stopped, diagnostics], [true, []]);
  });

  for (const [how, run] of [
    ['throws', throwsBug],
    ['rejects', async () => throwsBug()],
  ] as const) {
    it(`that ${how} is reported, its context CLOSED, another one started`, async () => {
      let first = true;
      const { start, diagnostics } = rigOf({
        run() {
          if (first) {
            first = false;
            return run();
          }
          return undefined;
        },
      });
      const [bad, good] = [start(), start()];
      await settled();
      assert.deepEqual([bad.context.status, good.context.status], ['CLOSED', 'STARTED']);
      assert.deepEqual(said(diagnostics), [`AFU model m run: ${how === 'throws' ? 'threw' : 'rejected'}`]);
    });
  }

  it('has a CxlError of its own reported as well: nobody asked it', async () => {
    const { start, diagnostics } = rigOf({
      run: () => {
        throw new CxlError('EBUSY', 'run');
      },
    });
    start();
    await settled();
    assert.deepEqual(said(diagnostics), ['AFU model m run: threw']);
  });
});

describe('a bad address that escapes', () => {
  const registers = { BELL: { offset: 0, width: 8, doorbell: true } } as const;
  const places: Readonly<Record<string, Partial<AfuModel>>> = {
    attach: { attach: badAccess },
    'an async attach': {
      async attach(element) {
        await Promise.resolve();
        badAccess(element);
      },
    },
    run: { run: badAccess },
    'an async run': {
      async run(element) {
        await Promise.resolve();
        badAccess(element);
      },
    },
    doorbell: { doorbell: badAccess },
  };
  for (const [place, callbacks] of Object.entries(places)) {
    it(`from ${place}: the program has its event, nothing is reported, and the work is not over`, async () => {
      const { start, diagnostics } = rigOf({ registers, ...callbacks });
      const { context } = start();
      await settled();
      if (place === 'doorbell') context.window.store(0, new Uint8Array(8).fill(1));
      assert.deepEqual(drain(context), [FAULT]);
      assert.deepEqual([context.status, diagnostics], ['STARTED', []]);
      context.detach();
    });
  }

  it('from attach: run is not begun, for attach is not done; doorbells are heard', async () => {
    const order: string[] = [];
    const { start } = rigOf({
      registers,
      attach: badAccess,
      run: () => void order.push('run'),
      doorbell: () => void order.push('doorbell'),
    });
    const { context } = start();
    await settled();
    context.window.store(0, new Uint8Array(8).fill(1));
    assert.deepEqual(order, ['doorbell']);
    context.detach();
  });
});

describe('fail', () => {
  it('drains the error, then the context is over', () => {
    const { element, context, diagnostics } = elementOf();
    element.interrupt(1);
    element.fail(9n);
    element.fail(10n);
    assert.equal(context.status, 'CLOSED');
    assert.deepEqual(drain(context), ['irq 1', 'error 9']);
    assert.deepEqual([context.drained, element.attached, diagnostics.length], [true, false, 0]);
  });

  it('in attach: START_WORK is EIO, the model is told of the detach, and run is not begun', async () => {
    const order: string[] = [];
    const { start } = rigOf({
      attach: element => element.fail(1n),
      detach: () => void order.push('detach'),
      run: () => void order.push('run'),
    });
    assert.equal(
      codeOf(() => start()),
      'EIO',
    );
    await settled();
    assert.deepEqual(order, ['detach']);
  });
});

describe('interrupts that were not given', () => {
  it('are said up to a number: a model that counts upwards does not fill the log', () => {
    const { element, diagnostics } = elementOf();
    for (let number = 2; number < 1000; number++) element.interrupt(number);
    assert.equal(diagnostics.length, 16);
    assert.match(diagnostics.at(-1)!.problem, /^raised interrupt 17, .*; from here on nothing is said/);
  });
});

/** Knows whose code runs, as the command line's guard does. */
function guarding(): { guard: Guard; throwLater: (error: Error) => void } {
  let failed: (error: unknown) => void = throwsBug;
  const guard: Guard = (work, tell) => {
    const before = failed;
    failed = tell;
    try {
      return work();
    } finally {
      failed = before;
    }
  };
  return { guard, throwLater: error => failed(error) };
}

describe('what a model began and that throws later', () => {
  it('each callback is run with the guard, also what listens for the signal, and reset', () => {
    const { guard, throwLater } = guarding();
    const seen: string[] = [];
    const note = (name: string) => (): void => {
      seen.push(name);
      throwLater(new Error('later'));
    };
    const model: AfuModel = {
      name: 'm',
      attach({ signal }) {
        note('attach')();
        signal.addEventListener('abort', note('abort'));
      },
      detach: note('detach'),
      reset: note('reset'),
    };
    const { adapter, start, diagnostics } = modelRig({ model }, { guard });
    assert.throws(() => start(), { code: 'EIO' });
    assert.deepEqual(seen, ['attach', 'abort', 'detach']);
    adapter.reset(true);
    assert.deepEqual(said(diagnostics), [
      'AFU model m attach: threw afterwards',
      'AFU model m detach: threw afterwards',
      'AFU model m detach: threw afterwards',
      'AFU model m reset: threw',
    ]);
  });
});

const idle = (reset: () => void | Promise<void>): ModelRig => rigOf({ reset });

const never = (t: TestContext): (() => Promise<void>) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  return () => new Promise(() => {});
};

describe('reset', () => {
  it('at once: the AFU is enabled when it returns', () => {
    let resets = 0;
    const { afu } = idle(() => void resets++);
    afu.reset();
    assert.deepEqual([resets, afu.enabled], [1, true]);
  });

  it('that throws is EIO to who asked, and reported', () => {
    const { afu, diagnostics } = idle(throwsBug);
    assert.equal(
      codeOf(() => afu.reset()),
      'EIO',
    );
    assert.deepEqual([said(diagnostics), afu.enabled], [['AFU model m reset: threw'], true]);
  });

  it('that takes its time: not enabled until then', async () => {
    const done = pledge();
    const { afu } = idle(() => done.promise);
    afu.reset();
    assert.equal(afu.enabled, false);
    done.resolve();
    await settled();
    assert.equal(afu.enabled, true);
  });

  for (const [how, reset] of [
    ['rejects', () => () => Promise.reject(new TypeError('my bug'))],
    ['never ends', never],
  ] as const) {
    it(`that ${how} is reported, and the AFU is not lost for ever`, async t => {
      const { afu, diagnostics } = idle(reset(t));
      afu.reset();
      if (how === 'never ends') t.mock.timers.tick(5000);
      await settled();
      assert.equal(afu.enabled, true);
      assert.deepEqual(said(diagnostics), ['AFU model m reset: threw']);
      if (how === 'never ends') assert.match(String(diagnostics[0]!.error), /has not finished after 5000 ms/);
    });
  }

  it('a dedicated AFU is reset after each use, when its model knows of the detach', () => {
    const order: string[] = [];
    const { start } = rigOf(
      { detach: () => void order.push('detach'), reset: () => void order.push('reset') },
      { modes: ['dedicated_process'] },
    );
    start().file.close();
    start().context.detach();
    assert.deepEqual(order, ['detach', 'reset', 'detach', 'reset']);
  });
});

describe('defineModel', () => {
  it('knows the names of its registers', () => {
    const model = defineModel({
      name: 'm',
      registers: { BELL: { offset: 0, width: 8, doorbell: true } },
      attach(element) {
        element.registers.write('BELL', 0n);
        // @ts-expect-error there is no such register
        assert.throws(() => element.registers.write('BALL', 0n), RangeError);
      },
    });
    modelRig({ model }).start();
  });
});
