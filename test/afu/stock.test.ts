import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import {
  afuOptions,
  type AfuDefinition,
  echo,
  memcpy,
  nullModel,
  registerModel,
  stockModel,
  stockModels,
  ticker,
} from '../../src/afu/index.ts';
import { Adapter, type Context } from '../../src/core/index.ts';
import { codeOf, drain, failedRead, read, work } from '../core/rig.ts';
import { modelRig, pledge } from './models.ts';

const adapterOf = (...definitions: AfuDefinition[]): Adapter => new Adapter({ afus: definitions.map(afuOptions) });

/** A ticker whose clock and timers move only when the test says. */
function mockedTicker(t: TestContext, definition: () => AfuDefinition, interrupts: number, wed = 0n) {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  let now = 1000;
  t.mock.method(performance, 'now', () => now);
  const context = adapterOf(definition()).afus[0]!.openContext();
  context.start({ ...work(interrupts), wed });
  const pass = (milliseconds: number): void => {
    for (let i = 0; i < milliseconds; i++) {
      now++;
      t.mock.timers.tick(1);
    }
  };
  return { context, pass };
}

describe('ticker', () => {
  it('raises interrupts 1, 2, ... up to its number and 1 again, one each period, the first after one period', t => {
    const { context, pass } = mockedTicker(t, () => ticker({ periodUs: 10_000 }), 3);
    pass(9);
    assert.deepEqual(drain(context), []);
    const got: string[][] = [];
    pass(1);
    got.push(drain(context));
    for (let i = 0; i < 4; i++) {
      pass(10);
      got.push(drain(context));
    }
    assert.deepEqual(got.flat(), ['irq 1', 'irq 2', 'irq 3', 'irq 1', 'irq 2']);
  });

  it('a work element descriptor other than 0 is the period', t => {
    const { context, pass } = mockedTicker(t, () => ticker({ periodUs: 500_000 }), 1, 5000n);
    pass(5);
    assert.deepEqual(drain(context), ['irq 1']);
  });

  it('ticks that nobody read coalesce; it neither stops nor catches up', t => {
    const { context, pass } = mockedTicker(t, () => ticker({ periodUs: 10_000 }), 1);
    pass(55);
    assert.deepEqual(drain(context), ['irq 1']);
    pass(5);
    assert.deepEqual(drain(context), ['irq 1']);
  });

  it('stops with detach', t => {
    const { context, pass } = mockedTicker(t, () => ticker({ periodUs: 10_000 }), 1);
    pass(10);
    context.detach();
    assert.deepEqual(drain(context), ['irq 1']);
    const sets = t.mock.method(globalThis, 'setTimeout');
    pass(50);
    assert.equal(sets.mock.callCount(), 0);
    assert.deepEqual(drain(context), []);
  });

  it('without interrupts it does not tick', t => {
    const { context, pass } = mockedTicker(t, () => ticker({ irqsMin: 0 }), 0);
    pass(500);
    assert.deepEqual(drain(context), []);
  });

  for (const wed of [0x7fff_1234_5678n, 2n ** 64n - 1n]) {
    it(`a descriptor that is an address, 0x${wed.toString(16)}, never asks a timer for more than it can sleep`, t => {
      const sets = t.mock.method(globalThis, 'setTimeout', () => 0 as unknown as NodeJS.Timeout);
      const context = adapterOf(ticker()).afus[0]!.openContext();
      context.start({ ...work(1), wed });
      assert.ok(sets.mock.callCount() <= 1);
      for (const {
        arguments: [, delay],
      } of sets.mock.calls)
        assert.ok(delay! <= 2 ** 31 - 1, String(delay));
      context.release();
    });
  }

  for (const periodUs of [0, 0.5, -1, Number.NaN]) {
    it(`a period of ${periodUs} is a RangeError`, () => {
      assert.throws(() => ticker({ periodUs }), RangeError);
    });
  }

  it('passes on what it does not know: the options of the AFU', () => {
    const { afus } = adapterOf(ticker({ numProcs: 2, irqsMin: 3, eventsPerRead: 4 }));
    assert.deepEqual([afus[0]!.numProcs, afus[0]!.irqsMin, afus[0]!.eventsPerRead], [2, 3, 4]);
  });
});

const write = (adapter: Adapter, ...bytes: number[]): void => {
  const afu = adapter.afus[0]!;
  void afu.driver!.driver.controls!(afu)['echo']!.write!(Uint8Array.from(bytes));
};

describe('echo', () => {
  it('gives what is written to its control file to every open context, started or not', () => {
    const adapter = adapterOf(echo());
    const contexts = [0, 1].map(() => adapter.afus[0]!.openContext());
    contexts[0]!.start(work());
    write(adapter, 1, 2);
    write(adapter, 3);
    for (const context of contexts) assert.deepEqual(drain(context), ['driver 1,2', 'driver 3']);
  });

  it('nobody has it open: ENXIO, also after the last one closed', () => {
    const adapter = adapterOf(echo());
    assert.equal(
      codeOf(() => write(adapter, 1)),
      'ENXIO',
    );
    adapter.afus[0]!.openContext().release();
    assert.equal(
      codeOf(() => write(adapter, 1)),
      'ENXIO',
    );
  });

  it('one reader is behind: EAGAIN and nobody gets it, so that it can be repeated', () => {
    const adapter = adapterOf(echo({ capacity: 1 }));
    const [slow, fast] = [0, 1].map(() => adapter.afus[0]!.openContext());
    write(adapter, 1);
    assert.equal(read(fast!).length, 1);
    assert.equal(
      codeOf(() => write(adapter, 2)),
      'EAGAIN',
    );
    failedRead(slow!);
    assert.equal(
      codeOf(() => write(adapter, 2)),
      'EAGAIN',
    );
    assert.deepEqual(drain(fast!), []);
    assert.deepEqual(drain(slow!), ['driver 1']);
    write(adapter, 2);
    assert.deepEqual([drain(slow!), drain(fast!)], [['driver 2'], ['driver 2']]);
  });

  it('too long for an event: EMSGSIZE and nobody gets it', () => {
    const adapter = adapterOf(echo());
    const context = adapter.afus[0]!.openContext();
    assert.equal(
      codeOf(() => write(adapter, ...new Uint8Array(4089))),
      'EMSGSIZE',
    );
    assert.deepEqual(drain(context), []);
  });

  it('one definition behind two AFUs: each has its own readers', () => {
    const definition = echo();
    const adapter = adapterOf(definition, definition);
    const contexts: Context[] = adapter.afus.map(afu => afu.openContext());
    write(adapter, 5);
    assert.deepEqual(
      contexts.map(context => drain(context)),
      [['driver 5'], []],
    );
  });
});

describe('null', () => {
  it('takes any work and raises nothing; what others raise arrives', () => {
    const context = adapterOf(nullModel({ numProcs: 1 })).afus[0]!.openContext();
    context.start({ ...work(2), wed: 2n ** 64n - 1n });
    assert.deepEqual(drain(context), []);
    context.raiseInterrupt(2);
    assert.deepEqual(drain(context), ['irq 2']);
    context.release();
  });
});

describe('registers', () => {
  const BELL = { offset: 0, width: 8, doorbell: true } as const;
  const ALARM = { offset: 8, width: 4, doorbell: true } as const;
  const five = Uint8Array.of(5, 5, 5, 5, 5, 5, 5, 5);

  it('by default: what is stored to CONTROL appears in STATUS, then interrupt 1; SCRATCH keeps what it is given', () => {
    const { context } = modelRig(registerModel()).start();
    context.window.store(0x10, five);
    context.window.store(0x08, five);
    const bytes = context.window.bytes!;
    assert.deepEqual([...bytes.subarray(0, 24)], [...new Uint8Array(16), ...five]);
    context.window.store(0x00, five);
    assert.deepEqual([...bytes.subarray(0, 16)], [...new Uint8Array(8), ...five]);
    assert.deepEqual(drain(context), ['irq 1']);
    context.release();
  });

  it('each doorbell has its interrupt; 0 is none, and what the program did not ask for is not raised', () => {
    const definition = registerModel({ registers: { BELL, ALARM }, interrupts: { BELL: 0, ALARM: 3 }, irqsMin: 1 });
    const { start, diagnostics } = modelRig(definition);
    const [three, two] = [start({ numInterrupts: 3 }), start({ numInterrupts: 2 })];
    for (const { context } of [three, two]) {
      context.window.store(0, five);
      context.window.store(8, five.subarray(4));
    }
    assert.deepEqual([drain(three.context), drain(two.context), diagnostics], [['irq 3'], [], []]);
  });

  it('a program that asks for nothing is given as many interrupts as are raised', () => {
    const { afu } = modelRig(registerModel({ registers: { BELL }, interrupts: { BELL: 7 } }));
    assert.equal(afu.irqsMin, 7);
  });

  it('onDoorbell comes before the interrupt, which waits for a promise', async () => {
    const order: string[] = [];
    const done = pledge();
    const { start } = modelRig(
      registerModel({
        registers: { BELL, ALARM },
        onDoorbell(element, register, value) {
          order.push(`${register} ${value}`);
          element.registers.write('ALARM', 0n);
          return register === 'BELL' ? done.promise : undefined;
        },
      }),
    );
    const { context } = start();
    context.window.store(0, five);
    assert.deepEqual([drain(context), order], [[], ['BELL 361700864190383365']]);
    context.window.store(8, five.subarray(4));
    assert.deepEqual([drain(context), order.length], [['irq 1'], 2]);
    done.resolve();
    await new Promise(setImmediate);
    assert.deepEqual(drain(context), ['irq 1']);
    context.release();
  });

  it('interrupts of what is no doorbell, or that cannot be, are a RangeError', () => {
    const registers = { BELL, PLAIN: { offset: 8, width: 8 } } as const;
    assert.throws(() => registerModel({ registers, interrupts: { PLAIN: 1 } }), /^RangeError: interrupts: PLAIN is no/);
    for (const number of [-1, 1.5, 2038]) {
      assert.throws(
        () => registerModel({ registers, interrupts: { BELL: number } }),
        /^RangeError: interrupts: BELL must/,
      );
    }
  });
});

describe('stockModel', () => {
  it('finds the stock models by name and nothing else', () => {
    const all = { ticker, echo, memcpy, null: nullModel, registers: registerModel };
    assert.deepEqual(stockModels, all);
    for (const [name, model] of Object.entries(all)) assert.equal(stockModel(name), model);
    for (const name of ['', 'Ticker', 'toString', '__proto__', 'constructor'])
      assert.equal(stockModel(name), undefined);
  });
});
