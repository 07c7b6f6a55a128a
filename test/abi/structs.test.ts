import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  ADAPTER_IMAGE_SIZE,
  AdapterImage,
  AFU_ID_SIZE,
  AfuId,
  type Codec,
  CXL_AFUID_FLAG_SLAVE,
  CXL_AI_NEED_HEADER,
  CXL_MODE_DIRECTED,
  CXL_START_WORK_ALL,
  hostOrder,
  type Layout,
  PROCESS_ELEMENT_SIZE,
  ProcessElement,
  START_WORK_SIZE,
  StartWork,
} from '../../src/abi/index.ts';
import { filled, golden, type GoldenRow, orders, structArbitrary, untouchedAround } from './golden.ts';

const startWorkRows: GoldenRow[] = [
  ['0f 00 00 00 00 00 00 00', 'flags: all four'],
  ['08 07 06 05 04 03 02 01', 'work_element_descriptor'],
  ['ff ff ff ff ff ff ff 7f', 'amr'],
  ['fe ff', 'num_interrupts: -2, it is signed'],
  ['cd ab', 'tid'],
  ['ff ff ff ff', 'reserved1: -1, it is signed'],
  ['02 00 00 00 00 00 00 00', 'reserved2'],
  ['03 00 00 00 00 00 00 00', 'reserved3'],
  ['04 00 00 00 00 00 00 00', 'reserved4'],
  ['05 00 00 00 00 00 00 80', 'reserved5'],
];
const startWorkValue: StartWork = {
  flags: CXL_START_WORK_ALL,
  workElementDescriptor: 0x0102030405060708n,
  amr: 0x7fff_ffff_ffff_ffffn,
  numInterrupts: -2,
  tid: 0xabcd,
  reserved1: -1,
  reserved2: 2n,
  reserved3: 3n,
  reserved4: 4n,
  reserved5: 0x8000_0000_0000_0005n,
};

const afuIdRows: GoldenRow[] = [
  ['01 00 00 00 00 00 00 00', 'flags: slave'],
  ['11 00 00 00', 'card_id'],
  ['03 00 00 00', 'afu_offset'],
  ['02 00 00 00', 'afu_mode: directed'],
  ['01 00 00 80', 'reserved1: unsigned'],
  ['02 00 00 00 00 00 00 00', 'reserved2'],
  ['03 00 00 00 00 00 00 00', 'reserved3'],
  ['04 00 00 00 00 00 00 00', 'reserved4'],
  ['05 00 00 00 00 00 00 00', 'reserved5'],
  ['06 00 00 00 00 00 00 ff', 'reserved6'],
];
const afuIdValue: AfuId = {
  flags: CXL_AFUID_FLAG_SLAVE,
  cardId: 0x11,
  afuOffset: 3,
  afuMode: CXL_MODE_DIRECTED,
  reserved1: 0x80000001,
  reserved2: 2n,
  reserved3: 3n,
  reserved4: 4n,
  reserved5: 5n,
  reserved6: 0xff00_0000_0000_0006n,
};

const adapterImageRows: GoldenRow[] = [
  ['01 00 00 00 00 00 00 00', 'flags: need header'],
  ['00 10 00 f7 ff 7f 00 00', 'data: an address'],
  ['00 00 10 00 00 00 00 00', 'len_data: 1 MiB'],
  ['00 00 40 01 00 00 00 00', 'len_image: 20 MiB'],
  ['01 00 00 00 00 00 00 00', 'reserved1'],
  ['02 00 00 00 00 00 00 00', 'reserved2'],
  ['03 00 00 00 00 00 00 00', 'reserved3'],
  ['04 00 00 00 00 00 00 00', 'reserved4'],
];
const adapterImageValue: AdapterImage = {
  flags: CXL_AI_NEED_HEADER,
  data: 0x7fff_f700_1000n,
  lenData: 0x10_0000n,
  lenImage: 0x140_0000n,
  reserved1: 1n,
  reserved2: 2n,
  reserved3: 3n,
  reserved4: 4n,
};

function goldenCase<T>(name: string, codec: Codec<T>, size: number, rows: readonly GoldenRow[], value: T) {
  return {
    name,
    size,
    run: () => checkGolden(codec, rows, value),
    cut: () => checkTruncated(name, codec, rows, value),
  };
}

/* Encoding takes part of an object; a whole one is a part of itself, which TypeScript cannot see for an open T. */
function encodeWhole<T>(codec: Codec<T>, value: T, ...rest: [Uint8Array, number?, ('little' | 'big')?]): number {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return codec.encode(value as Parameters<Codec<T>['encode']>[0], ...rest);
}

function checkGolden<T>(codec: Codec<T>, rows: readonly GoldenRow[], value: T): void {
  for (const order of orders) {
    const bytes = golden(rows, order);
    assert.equal(bytes.length, codec.size);
    assert.deepEqual(codec.decode(bytes, 0, order), value);
    const written = filled(3, codec.size);
    assert.equal(encodeWhole(codec, value, written, 3, order), codec.size);
    assert.deepEqual(written.subarray(3, 3 + codec.size), bytes);
    assert.ok(untouchedAround(written, 3, codec.size));
  }
  assert.deepEqual(codec.decode(golden(rows, hostOrder)), value);
}

function checkTruncated<T>(name: string, codec: Codec<T>, rows: readonly GoldenRow[], value: T): void {
  const bytes = golden(rows, 'little');
  for (let length = 0; length < codec.size; length++) {
    const short = bytes.slice(0, length);
    const expected = {
      name: 'RangeError',
      message: `${name} needs ${codec.size} bytes at offset 0, the buffer has ${length}`,
    };
    assert.throws(() => codec.decode(short), expected);
    assert.throws(() => encodeWhole(codec, value, short), expected);
    assert.deepEqual(short, bytes.slice(0, length), 'nothing was written');
  }
  for (const offset of [-1, 1, 0.5, Number.NaN]) {
    assert.throws(() => codec.decode(bytes, offset), RangeError);
  }
}

const cases = [
  goldenCase('struct cxl_ioctl_start_work', StartWork, START_WORK_SIZE, startWorkRows, startWorkValue),
  goldenCase('struct cxl_afu_id', AfuId, AFU_ID_SIZE, afuIdRows, afuIdValue),
  goldenCase('struct cxl_adapter_image', AdapterImage, ADAPTER_IMAGE_SIZE, adapterImageRows, adapterImageValue),
  goldenCase('process element', ProcessElement, PROCESS_ELEMENT_SIZE, [['78 56 34 f2', 'u32']], 0xf2345678),
];

for (const { name, size, run, cut } of cases) {
  describe(name, () => {
    it('decodes from and encodes to the golden bytes in both byte orders', run);
    it('refuses a buffer cut at every length, and writes nothing', cut);
    it('has the size of the fact sheet', () => assert.equal(size, name === 'process element' ? 4 : 64));
  });
}

describe('struct layouts', () => {
  const layouts: Record<string, [Layout, number]> = {
    StartWork: [StartWork.layout, StartWork.size],
    AfuId: [AfuId.layout, AfuId.size],
    AdapterImage: [AdapterImage.layout, AdapterImage.size],
  };
  for (const [name, [layout, size]] of Object.entries(layouts)) {
    it(`${name} has no hole and no overlap`, () => {
      const sizes = { u16: 2, s16: 2, u32: 4, s32: 4, u64: 8 } as const;
      let end = 0;
      for (const [field, { offset, type }] of Object.entries(layout)) {
        assert.equal(offset, end, field);
        end += sizes[type];
      }
      assert.equal(end, size);
    });
  }

  it('any StartWork survives encode and decode, at any offset, in both orders', () => {
    fc.assert(
      fc.property(structArbitrary(StartWork.layout), fc.nat(40), fc.constantFrom(...orders), (value, offset, order) => {
        const bytes = filled(offset, StartWork.size);
        StartWork.encode(value, bytes, offset, order);
        assert.deepEqual(StartWork.decode(bytes, offset, order), { ...value });
        assert.ok(untouchedAround(bytes, offset, StartWork.size));
      }),
    );
  });

  it('any AfuId survives encode and decode', () => {
    fc.assert(
      fc.property(structArbitrary(AfuId.layout), fc.constantFrom(...orders), (value, order) => {
        const bytes = filled(0, AfuId.size);
        AfuId.encode(value, bytes, 0, order);
        assert.deepEqual(AfuId.decode(bytes, 0, order), { ...value });
      }),
    );
  });

  it('any AdapterImage survives encode and decode', () => {
    fc.assert(
      fc.property(structArbitrary(AdapterImage.layout), fc.constantFrom(...orders), (value, order) => {
        const bytes = filled(0, AdapterImage.size);
        AdapterImage.encode(value, bytes, 0, order);
        assert.deepEqual(AdapterImage.decode(bytes, 0, order), { ...value });
      }),
    );
  });

  it('any 64 bytes survive decode and encode', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), fc.constantFrom(...orders), (bytes, order) => {
        const again = new Uint8Array(64);
        StartWork.encode(StartWork.decode(bytes, 0, order), again, 0, order);
        assert.deepEqual(again, bytes);
        AfuId.encode(AfuId.decode(bytes, 0, order), again.fill(0), 0, order);
        assert.deepEqual(again, bytes);
        AdapterImage.encode(AdapterImage.decode(bytes, 0, order), again.fill(0), 0, order);
        assert.deepEqual(again, bytes);
      }),
    );
  });
});

describe('encoding', () => {
  it('writes absent fields as 0', () => {
    const bytes = filled(0, 64);
    StartWork.encode({ workElementDescriptor: 5n }, bytes);
    const expected = new Uint8Array(64);
    StartWork.encode({ ...StartWork.decode(expected), workElementDescriptor: 5n }, expected);
    assert.deepEqual(bytes.subarray(0, 64), expected);
    assert.equal(expected.filter(byte => byte !== 0).length, 1);
  });

  it('refuses a value that does not fit its field, names the field and writes nothing', () => {
    const bytes = filled(0, 64);
    const refused: [Partial<StartWork>, RegExp][] = [
      [{ numInterrupts: 32768 }, /numInterrupts is 32768, which is not a s16/],
      [{ numInterrupts: -32769 }, /numInterrupts/],
      [{ numInterrupts: 1.5 }, /numInterrupts/],
      [{ tid: 65536 }, /tid is 65536, which is not a u16 \(0 to 65535\)/],
      [{ tid: -1 }, /tid/],
      [{ reserved1: 0x80000000 }, /reserved1/],
      [{ flags: -1n }, /flags is -1, which is not a u64/],
      [{ reserved5: 1n << 64n }, /reserved5/],
    ];
    for (const [value, message] of refused) {
      assert.throws(() => StartWork.encode({ amr: 1n, ...value }, bytes), { name: 'RangeError', message });
    }
    assert.throws(() => ProcessElement.encode(-1, bytes), RangeError);
    assert.throws(() => ProcessElement.encode(2 ** 32, bytes), RangeError);
    assert.ok(untouchedAround(bytes, 0, 0));
  });

  it('refuses a number where the field is 64 bits wide', () => {
    const number: unknown = 1;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what a JavaScript caller may do
    const value = { flags: number as bigint };
    assert.throws(() => StartWork.encode(value, new Uint8Array(64)), /flags is 1, which is not a u64/);
  });
});
