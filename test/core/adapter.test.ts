import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Adapter, type AfuOptions, MAX_ADAPTERS, MAX_PROCESS_ELEMENTS, MAX_SLICES } from '../../src/core/index.ts';
import { Backend, blamed, codeOf, owner, rig, throwsBug, work } from './rig.ts';

const backend = new Backend();
const slices = (count: number): AfuOptions[] => Array.from({ length: count }, () => ({ backend }));

describe('options outside their range are RangeErrors that name the option', () => {
  const cards = [-1, MAX_ADAPTERS, 0.5, Number.NaN, '0'];
  for (const card of cards) {
    it(`card ${String(card)}`, () => {
      assert.throws(() => new Adapter({ card: card as number, afus: slices(1) }), {
        name: 'RangeError',
        message: /card/,
      });
    });
  }
  for (const count of [0, MAX_SLICES + 1]) {
    it(`${count} AFUs`, () => {
      assert.throws(() => new Adapter({ afus: slices(count) }), { name: 'RangeError', message: /AFU/ });
    });
  }
  const wrong: [keyof AfuOptions, unknown, Partial<AfuOptions>?][] = [
    ['numProcs', 0],
    ['numProcs', MAX_PROCESS_ELEMENTS + 1],
    ['numProcs', 1.5],
    ['irqsMin', -1],
    ['irqsMin', 2038],
    ['irqsMax', 2038],
    ['irqsMax', -1],
    ['irqsMax', 3, { irqsMin: 4 }],
    ['irqsMax', Number.NaN],
    ['eventsPerRead', 0],
    ['eventsPerRead', 1.5],
    ['eventsPerRead', Infinity],
  ];
  for (const [option, value, others] of wrong) {
    it(`${option} ${String(value)}${others ? ` with ${JSON.stringify(others)}` : ''}`, () => {
      assert.throws(() => rig({ ...others, [option]: value }), { name: 'RangeError', message: new RegExp(option) });
    });
  }
});

describe('the adapter', () => {
  it('takes every number at the edge of its range', () => {
    for (const card of [0, MAX_ADAPTERS - 1]) assert.equal(new Adapter({ card, afus: slices(1) }).card, card);
    const { afu } = rig({ numProcs: MAX_PROCESS_ELEMENTS, irqsMin: 2037, irqsMax: 2037, eventsPerRead: 1 });
    assert.deepEqual([afu.numProcs, afu.irqsMin, afu.irqsMax], [MAX_PROCESS_ELEMENTS, 2037, 2037]);
  });

  it('has 2040 interrupts but one and two for each slice, and that is the default of irqsMax', () => {
    for (const count of [1, 2, 3, 4]) {
      const adapter = new Adapter({ afus: slices(count) });
      assert.equal(adapter.userIrqs, 2039 - 2 * count);
      for (const afu of adapter.afus) assert.deepEqual([afu.irqsMin, afu.irqsMax], [1, adapter.userIrqs]);
    }
  });

  it('names itself, its AFUs and their contexts as the kernel does', () => {
    const adapter = new Adapter({ card: 3, afus: slices(2) });
    const context = adapter.afus[1]!.openContext();
    assert.deepEqual([adapter.name, adapter.afus[1]!.name, context.name], ['card3', 'afu3.1', 'afu3.1 pe 0']);
  });

  it('writes one line on the console for a diagnostic that nobody takes', t => {
    const lines = t.mock.method(console, 'warn', () => {});
    const adapter = new Adapter({ afus: slices(1) });
    const context = adapter.afus[0]!.openContext();
    codeOf(() => context.setDriverOps({ owner: owner('bad') } as never));
    assert.equal(lines.mock.callCount(), 1);
    assert.match(String(lines.mock.calls[0]!.arguments[0]), /^afukit: driver bad: setDriverOps, afu0\.0 pe 0: [^\n]+$/);
  });
});

describe('modes', () => {
  const cases: [AfuOptions['modes'], string, number][] = [
    [undefined, 'afu_directed', 512],
    [['afu_directed'], 'afu_directed', 512],
    [['dedicated_process'], 'dedicated_process', 1],
    [['dedicated_process', 'afu_directed'], 'afu_directed', 512],
  ];
  for (const [modes, mode, numProcs] of cases) {
    it(`${String(modes)}: the first mode is ${mode}, with ${numProcs} process elements`, () => {
      const { afu } = rig({ modes });
      assert.deepEqual([afu.mode, afu.numProcs], [mode, numProcs]);
    });
  }

  it('an AFU that supports no mode is refused or has none, so that open is ENODEV', () => {
    let made;
    try {
      made = rig({ modes: [] });
    } catch (error) {
      assert.ok(error instanceof RangeError);
      return;
    }
    const { afu } = made;
    assert.equal(afu.mode, 'none');
    assert.equal(
      codeOf(() => afu.openContext()),
      'ENODEV',
    );
  });

  it('dedicated contexts are masters unless asked otherwise, directed ones slaves', () => {
    assert.equal(rig({ modes: ['dedicated_process'] }).afu.openContext().master, true);
    const { afu } = rig();
    assert.deepEqual([afu.openContext().master, afu.openContext({ master: true }).master], [false, true]);
  });
});

describe('the link', () => {
  it('without it open and start are EIO; with it again new contexts work, the old stay CLOSED', () => {
    const { adapter, afu } = rig();
    const old = afu.openContext();
    const started = afu.openContext();
    started.start(work());
    adapter.loseLink();
    assert.equal(adapter.linkUp, false);
    assert.equal(
      codeOf(() => afu.openContext()),
      'EIO',
    );
    assert.equal(
      codeOf(() => old.start(work())),
      'EIO',
    );
    adapter.restoreLink();
    assert.equal(adapter.linkUp, true);
    assert.deepEqual([old.status, started.status], ['CLOSED', 'CLOSED']);
    const fresh = afu.openContext();
    fresh.start(work());
    assert.equal(fresh.status, 'STARTED');
  });

  it('losing it gives all interrupts back and tells the backend of each started context', () => {
    const { adapter, afu, backend } = rig();
    for (let i = 0; i < 3; i++) afu.openContext().start(work(600));
    assert.equal(
      codeOf(() => afu.openContext().start(work(600))),
      'ENOSPC',
    );
    adapter.loseLink();
    assert.deepEqual(backend.detached, [0, 1, 2]);
    adapter.restoreLink();
    afu.openContext().start(work(2037));
  });

  it('losing it twice is losing it once', () => {
    const { adapter, afu, backend } = rig();
    afu.openContext().start(work());
    adapter.loseLink();
    adapter.loseLink();
    assert.deepEqual(backend.detached, [0]);
  });

  it('a backend that throws in detach does not keep the other contexts open', () => {
    const { adapter, afu, backend, diagnostics } = rig();
    const contexts = [0, 1, 2].map(() => afu.openContext());
    for (const context of contexts) context.start(work(600));
    backend.onDetach = throwsBug;
    adapter.loseLink();
    assert.ok(contexts.every(context => context.status === 'CLOSED'));
    assert.deepEqual(
      blamed(diagnostics),
      Array.from({ length: 3 }, () => 'AFU model rig detach'),
    );
    adapter.restoreLink();
    backend.onDetach = () => {};
    afu.openContext().start(work(2037));
  });
});
