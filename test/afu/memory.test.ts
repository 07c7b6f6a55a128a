/* The program's memory as a model sees it: exact first bad addresses, DSISR, the end of the addresses, misuse. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { AddressError, localMemory, type EffectiveMemory } from '../../src/afu/index.ts';
import { CxlPslDsisr } from '../../src/abi/index.ts';
import { CxlError } from '../../src/core/index.ts';
import { drain } from '../core/rig.ts';
import { PAGE, ScriptedMemory, elementOf, fault, pledge, said } from './models.ts';

const { CXL_PSL_DSISR_An_DM: DM, CXL_PSL_DSISR_An_M: M, CXL_PSL_DSISR_An_P: P, CXL_PSL_DSISR_An_S: S } = CxlPslDsisr;
const TOP = 2n ** 64n;

const counting = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => i & 0xff);

function addressError(access: () => unknown): AddressError {
  try {
    access();
  } catch (error) {
    if (error instanceof AddressError) return error;
    throw error;
  }
  throw new Error('it was possible');
}

const area = (base: number, more: object = {}): { base: bigint; bytes: Uint8Array } => ({
  base: BigInt(base),
  bytes: counting(PAGE),
  ...more,
});

/** Two pages, then one that must not be written, then one that must not be read, then nothing. */
const scripted = (): ScriptedMemory =>
  new ScriptedMemory(area(0x1000), area(0x2000), area(0x3000, { writable: false }), area(0x4000, { readable: false }));

describe('memory of a program', () => {
  it('is read and written where its addresses say, whole and in pieces', () => {
    const bytes = counting(64);
    const { element, diagnostics } = elementOf({ memory: localMemory(bytes, 0x1000n) });
    const { memory } = element;
    assert.deepEqual(memory.read(0x1010n, 4), Uint8Array.of(16, 17, 18, 19));
    const into = new Uint8Array(3);
    memory.readInto(0x103dn, into);
    assert.deepEqual(into, Uint8Array.of(61, 62, 63));
    memory.write(0x1000n, Uint8Array.of(9, 8));
    assert.deepEqual(bytes.subarray(0, 3), Uint8Array.of(9, 8, 2));
    const [one, two] = [new Uint8Array(2), new Uint8Array(1)];
    const pieces = [
      { address: 0x1004n, bytes: one },
      { address: 0x1001n, bytes: two },
    ];
    memory.readv(pieces);
    assert.deepEqual([...one, ...two], [4, 5, 8]);
    memory.writev(pieces.map(({ address, bytes }) => ({ address: address + 0x20n, bytes })));
    assert.deepEqual([bytes[0x24], bytes[0x25], bytes[0x21]], [4, 5, 8]);
    assert.deepEqual(diagnostics, []);
  });

  it('nothing at a bad address is no access', () => {
    const { element, context } = elementOf({ memory: localMemory(new Uint8Array(8), 0x1000n) });
    assert.equal(element.memory.read(0x0n, 0).length, 0);
    element.memory.writev([{ address: TOP - 1n, bytes: new Uint8Array(0) }]);
    assert.deepEqual(drain(context), []);
  });

  const partial: readonly [what: string, access: (memory: EffectiveMemory) => unknown, bad: bigint, dsisr: bigint][] = [
    ['a load that runs out of what is mapped', memory => memory.read(0xff0n, 0x20), 0xff0n, DM | M],
    ['a load into what must not be read', memory => memory.read(0x3ff0n, 0x20), 0x4000n, DM | P],
    ['a store into what must not be written', memory => memory.write(0x2ffdn, counting(9)), 0x3000n, DM | P | S],
    ['a store beyond everything', memory => memory.write(0x4fffn, counting(2)), 0x5000n, DM | M | S],
    [
      'the third of several pieces',
      memory =>
        memory.readv([0x1000n, 0x2ffen, 0x3ffen, 0x1000n].map(address => ({ address, bytes: new Uint8Array(4) }))),
      0x4000n,
      DM | P,
    ],
  ];
  for (const [what, access, bad, dsisr] of partial) {
    it(`${what}: the first bad address, to the program and to the model`, () => {
      const { element, context, diagnostics } = elementOf({ memory: scripted() });
      const error = addressError(() => access(element.memory));
      assert.deepEqual([error.address, error.dsisr, error.store], [bad, dsisr, (dsisr & S) !== 0n]);
      assert.deepEqual(drain(context), [fault(bad, dsisr)]);
      assert.equal(context.status, 'STARTED');
      assert.deepEqual(diagnostics, []);
    });
  }

  it('what comes before the bad byte is transferred', () => {
    const memory = scripted();
    const { element } = elementOf({ memory });
    const error = addressError(() => element.memory.write(0x2ffen, Uint8Array.of(1, 2, 3)));
    assert.equal(error.reason, 'protected');
    assert.deepEqual(memory.areas[1]!.bytes.subarray(-2), Uint8Array.of(1, 2));
    const into = new Uint8Array(4).fill(0xee);
    addressError(() => element.memory.readInto(0x3ffen, into));
    assert.deepEqual(into, Uint8Array.of(0xfe, 0xff, 0xee, 0xee));
  });

  it('it became possible in between: still a fault, for nobody knows what was read', () => {
    const memory = scripted();
    memory.read = () => 0;
    const { element, context } = elementOf({ memory });
    assert.equal(addressError(() => element.memory.read(0x1000n, 1)).reason, 'unmapped');
    assert.deepEqual(drain(context), [fault(0x1000n, DM | M)]);
  });

  it('a program without memory to be seen: every address is bad', () => {
    const { element, context } = elementOf();
    assert.equal(addressError(() => element.memory.read(0x1234n, 1)).reason, 'gone');
    assert.equal(addressError(() => element.memory.compareExchange(8n, 8, 0n, 0n)).reason, 'gone');
    assert.deepEqual(drain(context), [fault(8n, DM | M | S)]);
  });
});

const top = (): ScriptedMemory => new ScriptedMemory({ base: TOP - 16n, bytes: counting(16) });

describe('the end of the addresses', () => {
  it('the last byte has an address', () => {
    const { element } = elementOf({ memory: localMemory(counting(16), TOP - 16n) });
    assert.deepEqual(element.memory.read(TOP - 1n, 1), Uint8Array.of(15));
    assert.deepEqual(element.memory.read(TOP - 16n, 16), counting(16));
  });

  for (const make of [top, () => localMemory(counting(16), TOP - 16n)]) {
    it(`an access that goes on after it is bad at 0, and no door is asked for more (${make().constructor.name})`, () => {
      const { element, context } = elementOf({ memory: make() });
      const into = new Uint8Array(20).fill(0xee);
      assert.equal(addressError(() => element.memory.readInto(TOP - 4n, into)).address, 0n);
      assert.deepEqual(into.subarray(0, 5), Uint8Array.of(12, 13, 14, 15, 0xee));
      assert.equal(addressError(() => element.memory.write(TOP - 1n, counting(2))).address, 0n);
      assert.deepEqual(drain(context), [`fault 0/${DM | M | S}`]);
    });
  }

  it('pieces after it are not touched, those before it are', () => {
    const memory = top();
    const { element } = elementOf({ memory });
    const pieces = [TOP - 8n, TOP - 2n, TOP - 16n].map(address => ({ address, bytes: new Uint8Array(4) }));
    addressError(() => element.memory.readv(pieces));
    assert.deepEqual(memory.calls, [`read 0xfffffffffffffff8+4,0xfffffffffffffffe+2`]);
    assert.deepEqual(pieces[2]!.bytes, new Uint8Array(4));
  });

  it('what an addition carried beyond 64 bits, or below 0, is cut', () => {
    const { element } = elementOf({ memory: top() });
    assert.deepEqual(element.memory.read(2n * TOP - 1n, 1), Uint8Array.of(15));
    assert.deepEqual(element.memory.read(-16n, 2), Uint8Array.of(0, 1));
    assert.equal(addressError(() => element.memory.read(TOP + 5n, 1)).address, 5n);
  });
});

describe('compareExchange', () => {
  it('stores when the word is what was expected, and says what it was', () => {
    for (const width of [4, 8] as const) {
      const bytes = new Uint8Array(new SharedArrayBuffer(32), 8);
      const { element } = elementOf({ memory: localMemory(bytes, 0x1008n) });
      const mask = BigInt.asUintN(width * 8, -1n);
      assert.equal(element.memory.compareExchange(0x1010n, width, 0n, -1n), 0n);
      assert.equal(element.memory.compareExchange(0x1010n, width, 5n, 6n), mask);
      assert.equal(element.memory.compareExchange(0x1010n, width, -1n, 7n), mask, 'expected is cut too');
      assert.equal(element.memory.compareExchange(0x1010n, width, 0n, 0n), 7n);
      assert.equal(bytes.filter(Boolean).length, 1);
    }
  });

  it('is EINVAL where the address is no multiple of the width', () => {
    const { element, context } = elementOf({ memory: localMemory(new Uint8Array(16), 0x1000n) });
    assert.throws(() => element.memory.compareExchange(0x1004n, 8, 0n, 0n), { code: 'EINVAL' });
    assert.deepEqual(drain(context), []);
  });

  it('is EOPNOTSUPP where the program has not mapped it shared, and a fault where it cannot be written', () => {
    const memory = new ScriptedMemory(
      { base: 0x1000n, bytes: new Uint8Array(PAGE) },
      { base: 0x2000n, bytes: new Uint8Array(PAGE), writable: false, shared: true },
      { base: 0x3000n, bytes: new Uint8Array(PAGE), shared: true },
    );
    const { element, context } = elementOf({ memory });
    assert.throws(() => element.memory.compareExchange(0x1000n, 4, 0n, 0n), { code: 'EOPNOTSUPP' });
    assert.deepEqual(drain(context), []);
    assert.equal(addressError(() => element.memory.compareExchange(0x2000n, 4, 0n, 0n)).reason, 'protected');
    assert.deepEqual(drain(context), [fault(0x2000n, DM | P | S)]);
    assert.equal(element.memory.compareExchange(0x3000n, 4, 2n ** 32n + 1n, -1n), 1n);
    assert.equal(memory.calls.at(-1), `compareExchange 0x3000 4 1 ${2 ** 32 - 1}`);
    assert.equal(addressError(() => element.memory.compareExchange(TOP - 8n, 8, 0n, 0n)).reason, 'unmapped');
  });

  it('of an array that lies askew is EOPNOTSUPP', () => {
    const { element } = elementOf({ memory: localMemory(new Uint8Array(new ArrayBuffer(32), 1), 0x1000n) });
    assert.throws(() => element.memory.compareExchange(0x1000n, 4, 0n, 0n), { code: 'EOPNOTSUPP' });
  });
});

describe('what a model must not do with memory', () => {
  it('touching it after detach throws EIO each time, and is said once', () => {
    const { element, context, diagnostics } = elementOf({ memory: localMemory(new Uint8Array(8), 0n) });
    context.detach();
    const accesses: ((memory: EffectiveMemory) => unknown)[] = [
      memory => memory.read(0n, 1),
      memory => memory.write(0n, new Uint8Array(1)),
      memory => memory.readv([]),
      memory => memory.compareExchange(3n, 8, 0n, 0n),
    ];
    for (const access of accesses) assert.throws(() => access(element.memory), { name: 'CxlError', code: 'EIO' });
    assert.deepEqual(said(diagnostics), ['AFU model m element: touched memory after detach']);
    assert.deepEqual(drain(context), []);
  });

  it('from work that goes on: said once, not a second time when it escapes', async () => {
    const woken = pledge();
    const { context, diagnostics } = elementOf(
      {},
      {
        async run(element) {
          await woken.promise;
          element.memory.read(0n, 1);
        },
      },
    );
    await Promise.resolve();
    context.detach();
    woken.resolve();
    await new Promise(setImmediate);
    assert.deepEqual(said(diagnostics), ['AFU model m element: touched memory after detach']);
  });

  it('what the system forbids is said once, with the reason, and is a fault for the program each time', () => {
    const memory = new ScriptedMemory();
    memory.barred = 'forbidden';
    memory.problem = 'process 7: EPERM; run afukit as its user';
    const { element, context, diagnostics } = elementOf({ memory });
    for (let i = 0; i < 3; i++) {
      assert.equal(addressError(() => element.memory.read(0x10n, 1)).reason, 'forbidden');
      assert.deepEqual(drain(context), [fault(0x10n, DM | M)]);
    }
    assert.deepEqual(said(diagnostics), [`AFU model m element: ${memory.problem}`]);
  });

  it('a length that no array can have is a RangeError, and no fault of the program', () => {
    const { element, context } = elementOf();
    assert.throws(() => element.memory.read(0n, -1), RangeError);
    assert.deepEqual(drain(context), []);
  });
});

const refuse = (): never => {
  throw new CxlError('EPERM', 'attach');
};

describe('who closes the memory', () => {
  it('the core, once: at detach, when the attach refuses, and when it detaches itself', () => {
    for (const end of ['detach', 'refuse', 'fail'] as const) {
      const memory = new ScriptedMemory();
      const attach = { detach: () => {}, refuse, fail: (element: { fail(code: bigint): void }) => element.fail(1n) };
      try {
        elementOf({ memory }, { attach: attach[end] }).context.detach();
      } catch (error) {
        assert.ok(error instanceof CxlError);
      }
      assert.deepEqual(memory.calls, ['close'], end);
    }
  });

  it('also when there are not enough interrupts left', () => {
    const memory = new ScriptedMemory();
    const { start } = elementOf({ numInterrupts: 2000 });
    assert.throws(() => start({ memory, numInterrupts: 2000 }), { code: 'ENOSPC' });
    assert.deepEqual(memory.calls, ['close']);
  });
});
