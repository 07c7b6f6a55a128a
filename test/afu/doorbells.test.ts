/* When a model hears of what a program stored, and that nobody looks while nobody can have stored anything. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import type { AfuDefinition, AfuModel, ProcessElement } from '../../src/afu/index.ts';
import { throwsBug } from '../core/rig.ts';
import { until } from '../support/until.ts';
import { modelRig, pledge, said, type ModelRig } from './models.ts';

interface Rung extends ModelRig {
  /** `element id: register value` */
  readonly rung: string[];
}

function belled(definition: Partial<AfuDefinition> = {}, doorbell?: AfuModel['doorbell']): Rung {
  const rung: string[] = [];
  const model: AfuModel = {
    name: 'm',
    registers: {
      A: { offset: 0, width: 8, doorbell: true },
      B: { offset: 8, width: 4, doorbell: true },
      STATUS: { offset: 16, width: 8, readOnly: true },
    },
    attach() {},
    doorbell(element, register, value) {
      rung.push(`${element.id}: ${register} ${value}`);
      return doorbell?.(element, register, value);
    },
    ...definition.model,
  };
  return { ...modelRig({ ...definition, model }), rung };
}

const storeAt = (bytes: Uint8Array, offset: number, value: bigint): bigint =>
  Atomics.store(new BigUint64Array(bytes.buffer, bytes.byteOffset + offset, 1), 0, value);

const one = Uint8Array.of(1, 1, 1, 1, 1, 1, 1, 1);
const ONE = 0x0101_0101_0101_0101n;

/** Timers that pass only when the test says. */
function stillTime(t: TestContext): (milliseconds: number) => void {
  t.mock.timers.enable({ apis: ['setInterval'] });
  return milliseconds => t.mock.timers.tick(milliseconds);
}

describe('stores through a mapping', () => {
  it('are heard within the period, each doorbell with its value', t => {
    const pass = stillTime(t);
    const { start, rung } = belled({ doorbellMs: 3 });
    const { file } = start();
    const window = file.mmap(4096);
    storeAt(window, 0, 5n);
    pass(2);
    assert.deepEqual(rung, []);
    pass(1);
    assert.deepEqual(rung, ['0: A 5']);
    window[8] = 6;
    window[9] = 6;
    pass(3);
    assert.equal(rung.length, 2);
    file.close();
  });

  it('two within the period are one, of the later value; the reset value is none', t => {
    const pass = stillTime(t);
    const { start, rung } = belled();
    const { file } = start();
    for (const value of [1n, 2n]) storeAt(file.mmap(8), 0, value);
    pass(1);
    storeAt(file.mmap(8), 0, 0n);
    pass(1);
    assert.deepEqual(rung, ['0: A 2']);
    file.close();
  });

  it('to a readOnly register are undone within the period', t => {
    const pass = stillTime(t);
    const { start } = belled();
    const { file } = start();
    const window = file.mmap(24);
    storeAt(window, 16, 9n);
    pass(1);
    assert.equal(window[16]! + window[23]!, 0);
    file.close();
  });

  it('reach the element whose window it is', t => {
    const pass = stillTime(t);
    const { start, rung } = belled();
    const files = [start(), start(), start()].map(({ file }) => file);
    storeAt(files[1]!.mmap(8), 0, 1n);
    files[0]!.close();
    pass(1);
    assert.deepEqual(rung, ['1: A 1']);
  });

  it('with the real clock too', async () => {
    const { start, rung } = belled();
    const { file } = start();
    storeAt(file.mmap(8), 0, 7n);
    await until('the bell is heard', () => rung.length > 0);
    assert.deepEqual(rung, ['0: A 7']);
    file.close();
  });
});

describe('stores by a system call', () => {
  it('are heard at once, both of two', t => {
    stillTime(t);
    const { start, rung } = belled();
    const { context } = start();
    context.window.store(0, one);
    context.window.store(0, one);
    context.window.store(8, one.subarray(4));
    assert.deepEqual(rung, [`0: A ${ONE}`, `0: A ${ONE}`, `0: B ${ONE >> 32n}`]);
  });

  it('while attach goes on are heard when it is done, not before', async t => {
    const pass = stillTime(t);
    const attached = pledge();
    const order: string[] = [];
    const { start, rung } = belled({
      model: { name: 'm', attach: () => attached.promise, run: () => void order.push('run') },
    });
    const { context } = start();
    context.window.store(0, one);
    pass(5);
    assert.deepEqual(rung, []);
    attached.resolve();
    await new Promise(setImmediate);
    pass(1);
    assert.deepEqual([rung, order], [[`0: A ${ONE}`], ['run']]);
  });
});

/** How many timers there are. */
function counted(t: TestContext): () => number {
  const set = t.mock.method(globalThis, 'setInterval').mock;
  const cleared = t.mock.method(globalThis, 'clearInterval').mock;
  return () => set.callCount() - cleared.callCount();
}

describe('nobody looks', () => {
  it('before START_WORK and after the last detach; once for all while work is started', t => {
    const timers = counted(t);
    const { start, afu } = belled();
    const idle = afu.openContext();
    assert.equal(timers(), 0);
    const started = [start(), start()];
    assert.equal(timers(), 1);
    started[0]!.context.detach();
    assert.equal(timers(), 1);
    started[1]!.file.close();
    idle.release();
    assert.equal(timers(), 0);
    start().file.close();
    assert.equal(timers(), 0);
  });

  it('at a model without doorbells and readOnly registers, or whose attach refused', t => {
    const timers = counted(t);
    const plain = modelRig({ model: { name: 'm', registers: { A: { offset: 0, width: 8 } }, attach() {} } });
    plain.start();
    const refusing = belled({ model: { name: 'm', attach: throwsBug } });
    assert.throws(() => refusing.start(), { code: 'EIO' });
    assert.equal(timers(), 0);
  });

  it('and looking keeps no process alive', async () => {
    const { start } = belled();
    const { file } = start();
    assert.ok(!process.getActiveResourcesInfo().includes('Timeout'));
    file.close();
  });
});

describe('a doorbell’s callback', () => {
  it('that throws is reported and ends its own work; the others’ bells ring on', t => {
    const pass = stillTime(t);
    const { start, rung, diagnostics } = belled({}, element => {
      if (element.id === 0) throwsBug();
    });
    const [bad, good] = [start(), start()];
    for (const { file } of [bad, good]) storeAt(file.mmap(8), 0, 1n);
    pass(1);
    assert.deepEqual([bad.context.status, good.context.status], ['CLOSED', 'STARTED']);
    assert.deepEqual(said(diagnostics), ['AFU model m doorbell: threw']);
    storeAt(good.file.mmap(8), 0, 2n);
    pass(1);
    assert.deepEqual(rung, ['0: A 1', '1: A 1', '1: A 2']);
    good.file.close();
  });

  it('that detaches its element is not called for the next register', t => {
    const pass = stillTime(t);
    const { start, rung, diagnostics } = belled({}, (element: ProcessElement) => element.fail(1n));
    const { file } = start();
    const window = file.mmap(16);
    storeAt(window, 0, 1n);
    storeAt(window, 8, 1n);
    pass(1);
    assert.deepEqual([rung, diagnostics], [['0: A 1'], []]);
  });

  it('that rejects is reported too', async t => {
    const pass = stillTime(t);
    const { start, diagnostics } = belled({}, () => Promise.reject(new TypeError('my bug')));
    const { file, context } = start();
    storeAt(file.mmap(8), 0, 1n);
    pass(1);
    await new Promise(setImmediate);
    assert.deepEqual(said(diagnostics), ['AFU model m doorbell: rejected']);
    assert.equal(context.status, 'CLOSED');
  });
});
