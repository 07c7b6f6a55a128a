/* Register files: what a program finds in its window, and what a model finds of the program's. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';

import { afuOptions, type AfuModel, type Register, type Registers } from '../../src/afu/index.ts';
import { hostOrder } from '../../src/abi/index.ts';
import { CxlError } from '../../src/core/index.ts';
import { elementOf, modelRig, said } from './models.ts';

const other = hostOrder === 'little' ? 'big' : 'little';
const opened = (registers: Registers, model: Partial<AfuModel> = {}): ReturnType<typeof elementOf> =>
  elementOf({}, { ...model, registers });
const view = ({ context }: ReturnType<typeof elementOf>): DataView => {
  const { buffer, byteOffset, byteLength } = context.window.bytes!;
  return new DataView(buffer, byteOffset, byteLength);
};

/** What is stored at a register's place, as the declared order has it. */
function raw(memory: DataView, { offset, width, order = 'host' }: Register): bigint {
  const little = (order === 'host' ? hostOrder : order) === 'little';
  return width === 8 ? memory.getBigUint64(offset, little) : BigInt(memory.getUint32(offset, little));
}

describe('a register', () => {
  for (const width of [4, 8] as const) {
    for (const order of ['host', 'little', 'big', undefined] as const) {
      it(`of ${width} bytes, order ${order ?? 'not said'}: reset value, load and store`, () => {
        const register: Register = { offset: 8, width, order, reset: 0x01020304n };
        const rig = opened({ A: register, below: { offset: 0, width: 8 }, above: { offset: 16, width: 8 } });
        const { registers } = rig.element;
        assert.equal(raw(view(rig), register), 0x01020304n);
        assert.equal(registers.read('A'), 0x01020304n);
        const most = BigInt.asUintN(width * 8, -1n);
        for (const [stored, found] of [
          [0xf1f2f3f4n, 0xf1f2f3f4n],
          [-1n, most],
          [most + 6n, 5n],
          [7, 7n],
        ] as const) {
          registers.write('A', stored);
          assert.equal(raw(view(rig), register), found);
          assert.equal(registers.read('A'), found);
        }
        assert.deepEqual([registers.read('below'), registers.read('above')], [0n, 0n]);
      });
    }
  }

  it('of 4 bytes in the high half of a doubleword leaves the low half alone, and the other way round', () => {
    const rig = opened({ LOW: { offset: 0, width: 4 }, HIGH: { offset: 4, width: 4, order: other } });
    rig.element.registers.write('HIGH', 0x11223344n);
    rig.element.registers.write('LOW', 0x55667788n);
    const bytes = [...rig.context.window.bytes!.subarray(0, 8)];
    const [low, high] = hostOrder === 'little' ? ['88776655', '11223344'] : ['55667788', '44332211'];
    assert.equal(Buffer.from(bytes).toString('hex'), low + high);
  });

  it('has its reset value again for the next program', () => {
    const rig = opened({ A: { offset: 0, width: 8, reset: 5n }, B: { offset: 8, width: 4, readOnly: true } });
    rig.element.registers.write('A', 1n);
    rig.element.registers.write('B', 1n);
    rig.file.close();
    const { context } = rig.start();
    const bytes = new DataView(context.window.bytes!.buffer, context.window.bytes!.byteOffset);
    assert.equal(bytes.getBigUint64(0, hostOrder === 'little'), 5n);
    assert.equal(bytes.getUint32(8, true), 0);
  });

  it('that is not declared is a RangeError that names those that are', () => {
    const { element } = opened({ A: { offset: 0, width: 8 }, B: { offset: 8, width: 8 } });
    assert.throws(() => element.registers.read('C'), { name: 'RangeError', message: 'no register C among: A, B' });
    assert.throws(() => element.registers.write('toString', 0n), RangeError);
    assert.throws(() => elementOf().element.registers.read('A'), { message: 'no register A among: none' });
  });

  it('a fraction is a RangeError and stores nothing', () => {
    const { element } = opened({ A: { offset: 0, width: 8 } });
    assert.throws(() => element.registers.write('A', 1.5), RangeError);
    assert.equal(element.registers.read('A'), 0n);
  });

  it('after detach: EIO, and said once', () => {
    const { element, context, diagnostics } = opened({ A: { offset: 0, width: 8 } });
    context.detach();
    const accesses = [
      () => element.registers.read('A'),
      () => element.registers.write('A', 1n),
      () => element.registers.copyOut(0, 1),
      () => element.registers.copyIn(0, new Uint8Array(1)),
    ];
    for (const access of accesses) assert.throws(access, { code: 'EIO' });
    assert.deepEqual(said(diagnostics), ['AFU model m element: touched registers after detach']);
  });

  it('can be used in attach, as can the rest of the window', () => {
    let seen: unknown[] = [];
    opened(
      { A: { offset: 0, width: 8, reset: 3n } },
      {
        attach({ registers }) {
          registers.copyIn(100, Uint8Array.of(1, 2));
          seen = [registers.read('A'), ...registers.copyOut(99, 4)];
        },
      },
    );
    assert.deepEqual(seen, [3n, 0, 1, 2, 0]);
  });

  it('bytes beyond the window are a RangeError', () => {
    const { element } = opened({ A: { offset: 0, width: 8 } });
    assert.equal(element.registers.copyOut(0, 4096).length, 4096);
    for (const [offset, length] of [
      [0, 4097],
      [4096, 1],
      [-1, 1],
      [0, -1],
      [Number.NaN, 1],
    ] as const) {
      assert.throws(() => element.registers.copyOut(offset, length), RangeError, `${offset} ${length}`);
    }
    assert.throws(() => element.registers.copyIn(4095, new Uint8Array(2)), RangeError);
    assert.throws(() => elementOf().element.registers.copyOut(0, 1), RangeError);
  });
});

const word = (value: number, little: boolean): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, little);
  return bytes;
};

describe('what a program stores', () => {
  it('to a readOnly register is undone, and the model’s next value stands', () => {
    const { element, context } = opened({ A: { offset: 0, width: 8, readOnly: true, order: other, reset: 2n } });
    const garbage = new Uint8Array(8).fill(0xff);
    context.window.store(0, garbage);
    assert.equal(element.registers.read('A'), 2n);
    element.registers.write('A', 9n);
    context.window.store(4, garbage.subarray(4));
    assert.equal(element.registers.read('A'), 9n);
  });

  it('to a doorbell is taken from it, and what it rests at is there again', () => {
    const rung: [string, bigint][] = [];
    const { element, context } = opened(
      {
        PLAIN: { offset: 0, width: 8, doorbell: true },
        SWAPPED: { offset: 12, width: 4, doorbell: true, order: other, reset: 7n },
      },
      { doorbell: (_, register, value) => void rung.push([register, value]) },
    );
    context.window.store(12, word(0x1234, other === 'little'));
    assert.equal(element.registers.read('SWAPPED'), 7n);
    context.window.store(12, word(7, other === 'little'));
    context.window.store(4, word(1, hostOrder === 'little'));
    assert.equal(element.registers.read('PLAIN'), 0n);
    const half = hostOrder === 'little' ? 1n << 32n : 1n;
    assert.deepEqual(rung, [
      ['SWAPPED', 0x1234n],
      ['PLAIN', half],
    ]);
  });

  it('what the model stores in a doorbell does not ring it, and it rests there', () => {
    const rung: bigint[] = [];
    const registers: Registers = { BELL: { offset: 0, width: 8, doorbell: true } };
    const { element, context } = opened(registers, { doorbell: (_, __, value) => void rung.push(value) });
    element.registers.write('BELL', 5n);
    context.window.store(8, new Uint8Array(8));
    assert.deepEqual([rung, element.registers.read('BELL')], [[], 5n]);
    context.window.store(0, new Uint8Array(8));
    assert.deepEqual([rung, element.registers.read('BELL')], [[0n], 5n]);
  });

  it('to a register that is neither stays', () => {
    const { element, context } = opened({
      A: { offset: 0, width: 4 },
      R: { offset: 8, width: 4, readOnly: true },
    });
    context.window.store(0, new Uint8Array(4).fill(0xab));
    assert.equal(element.registers.read('A'), 0xababababn);
  });
});

describe('registers that cannot be', () => {
  const bad: readonly [what: string, registers: Record<string, object>, message: RegExp][] = [
    ['a width of 2', { A: { offset: 0, width: 2 } }, /register A of AFU model m is 2 bytes wide, not 4 or 8/],
    ['an offset within a word', { A: { offset: 4, width: 8 } }, /is at 4, which is not a multiple of its width 8/],
    ['a negative offset', { A: { offset: -8, width: 8 } }, /is at -8/],
    ['a fraction', { A: { offset: 0.5, width: 4 } }, /is at 0\.5/],
    ['a reset value that does not fit', { A: { offset: 0, width: 4, reset: 2n ** 32n } }, /cannot hold 4294967296/],
    ['a negative reset value', { A: { offset: 0, width: 8, reset: -1n } }, /cannot hold -1/],
    ['a reset value that is no bigint', { A: { offset: 0, width: 8, reset: 1 } }, /cannot hold 1: a bigint/],
    ['an order of its own', { A: { offset: 0, width: 8, order: 'pdp' } }, /order pdp, not big, little or host/],
    ['both kinds', { A: { offset: 0, width: 8, readOnly: true, doorbell: true } }, /readOnly and a doorbell/],
    ['an overlap', { B: { offset: 4, width: 4 }, A: { offset: 0, width: 8 } }, /register B .* overlaps register A/],
  ];
  for (const [what, registers, message] of bad) {
    for (const place of ['registers', 'masterRegisters'] as const) {
      it(`${what}, in ${place}`, () => {
        const model = { name: 'm', attach() {}, [place]: registers };
        assert.throws(() => afuOptions({ model }), { name: 'RangeError', message });
      });
    }
  }

  it('beyond the windows that the definition declares', () => {
    const model = { name: 'm', attach() {}, registers: { A: { offset: 4096, width: 8 } as const } };
    const problemState = { size: 131_072, perProcess: { offset: 65_536, size: 4096 } };
    assert.throws(() => afuOptions({ model, numProcs: 16, problemState }), /ends at 4104, beyond the 4096 bytes/);
    const { registers, ...plain } = model;
    assert.doesNotThrow(() =>
      afuOptions({ model: { ...plain, masterRegisters: registers }, numProcs: 16, problemState }),
    );
  });

  for (const [name, value] of [
    ['doorbellMs', 0],
    ['doorbellMs', Number.NaN],
    ['attachTimeoutMs', Infinity],
    ['attachTimeoutMs', -1],
  ] as const) {
    it(`${name} of ${value}`, () => {
      assert.throws(() => afuOptions({ model: { name: 'm', attach() {} }, [name]: value }), {
        name: 'RangeError',
        message: new RegExp(`^${name} of AFU model m must be 1 to 2147483647 milliseconds, not ${value}$`),
      });
    });
  }
});

describe('windows', () => {
  const A: Register = { offset: 0, width: 8 };

  it('each slave has its own; a master has its registers, and sees those of the slaves', () => {
    const names: string[][] = [];
    const model: AfuModel = {
      name: 'm',
      registers: { A },
      masterRegisters: { CONTROL: { offset: 8, width: 8, reset: 6n } },
      attach: ({ registers }) => void names.push(Object.keys(registers.declared)),
    };
    const { start, afu } = modelRig({ model, numProcs: 4 });
    const [first, second, master] = [start(), start(), start({}, { master: true })];
    assert.deepEqual(names, [['A'], ['A'], ['CONTROL']]);
    assert.deepEqual(afu.problemState, { size: 131_072, perProcess: { offset: 65_536, size: 4096 } });
    first.file.mmap(8)[0] = 1;
    second.file.mmap(8)[0] = 2;
    const all = master.file.mmap(131_072);
    assert.deepEqual([all[65_536], all[65_536 + 4096], all[8]! + all[15]!], [1, 2, 6]);
  });

  it('a dedicated AFU has one, with the registers of a context', () => {
    const model: AfuModel = { name: 'm', registers: { A }, masterRegisters: { B: A }, attach() {} };
    const { afu, start } = modelRig({ model, modes: ['dedicated_process'] });
    const { context } = start();
    assert.deepEqual([context.window.place, afu.problemState], [{ offset: 0, size: 65_536 }, { size: 65_536 }]);
  });

  it('registers of a master alone are not in the slaves’ windows', () => {
    const { afu } = modelRig({ model: { name: 'm', masterRegisters: { A }, attach() {} }, numProcs: 2 });
    assert.deepEqual(afu.problemState, { size: 131_072, perProcess: { offset: 65_536, size: 4096 } });
  });

  it('no registers, no area', () => {
    assert.equal(modelRig({ model: { name: 'm', attach() {} } }).afu.problemState, undefined);
  });

  it('those who share the area share its registers: who comes later resets nothing, and one of them hears a bell', () => {
    const rung: number[] = [];
    const model: AfuModel = {
      name: 'm',
      registers: { BELL: { offset: 0, width: 8, doorbell: true }, STATUS: { offset: 8, width: 8, readOnly: true } },
      attach: ({ registers, id }) => void (id === 0 && registers.write('STATUS', 5n)),
      doorbell: ({ id }) => void rung.push(id),
    };
    const { start } = modelRig({ model, problemState: { size: 65_536 } });
    const [first, second] = [start(), start()];
    second.context.window.store(8, new Uint8Array(8));
    assert.equal(new BigUint64Array(second.file.mmap(16).slice().buffer)[1], 5n);
    second.context.window.store(0, new Uint8Array(8).fill(1));
    first.context.window.store(8, new Uint8Array(8));
    assert.deepEqual(rung, [1]);
  });

  it('a window of 2^32 bytes has its last register too', () => {
    const last: Register = { offset: 2 ** 32 - 8, width: 8 };
    const checked = { name: 'm', registers: { last }, attach() {} };
    assert.doesNotThrow(() => afuOptions({ model: checked, modes: ['dedicated_process'] }));
  });
});

describe('any declared register file', () => {
  const declared = fc
    .uniqueArray(fc.record({ slot: fc.nat(511), half: fc.boolean(), width: fc.constantFrom(4, 8) }), {
      selector: ({ slot }) => slot,
      minLength: 1,
      maxLength: 12,
    })
    .chain(slots =>
      fc.tuple(
        ...slots.map(({ slot, half, width }) =>
          fc.record({
            offset: fc.constant(slot * 8 + (half && width === 4 ? 4 : 0)),
            width: fc.constant(width),
            order: fc.constantFrom('big' as const, 'little' as const, 'host' as const),
            readOnly: fc.boolean(),
            reset: fc.bigInt({ min: 0n, max: 2n ** BigInt(width * 8) - 1n }),
          }),
        ),
      ),
    );

  it('holds its reset values, then what was written, each for itself, in the order that was declared', () => {
    fc.assert(
      fc.property(
        declared,
        fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 12 }),
        (list, values) => {
          const registers = Object.fromEntries(list.map((register, i) => [`R${i}`, register]));
          const rig = opened(registers);
          const memory = view(rig);
          list.forEach((register, i) => {
            assert.equal(raw(memory, register), register.reset);
            rig.element.registers.write(`R${i}`, values[i]!);
          });
          list.forEach((register, i) => {
            const value = BigInt.asUintN(register.width * 8, values[i]!);
            assert.equal(raw(memory, register), value);
            assert.equal(rig.element.registers.read(`R${i}`), value);
          });
          rig.file.close();
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('a program’s store that cannot be', () => {
  const { file, context } = opened({ A: { offset: 0, width: 8 } });
  const rows = [
    [1, 4],
    [4, 8],
    [0, 2],
    [0, 16],
    [4096, 4],
    [-4, 4],
  ] as const;
  for (const [offset, length] of rows) {
    it(`${length} bytes at ${offset} are EINVAL`, () => {
      assert.throws(() => context.window.store(offset, new Uint8Array(length)), { name: 'CxlError', code: 'EINVAL' });
      assert.throws(
        () => context.window.load(offset, new Uint8Array(length)),
        error => error instanceof CxlError,
      );
      assert.equal(file.context.status, 'STARTED');
    });
  }
});
