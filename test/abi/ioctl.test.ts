import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  AdapterImage,
  AfuId,
  CXL_IOCTL_DOWNLOAD_IMAGE,
  CXL_IOCTL_GET_AFU_ID,
  CXL_IOCTL_GET_PROCESS_ELEMENT,
  CXL_IOCTL_START_WORK,
  CXL_IOCTL_VALIDATE_IMAGE,
  CXL_MAGIC,
  CxlIoctl,
  CxlIoctlPowerpc,
  type CxlIoctlName,
  cxlIoctlShapes,
  decodeIoctl,
  genericEncoding,
  type IoctlDirection,
  ioctlName,
  ioctlNumber,
  powerpcEncoding,
  ProcessElement,
  StartWork,
} from '../../src/abi/index.ts';

/* The fact sheet's section 2: name, generic, powerpc. */
const sheet: readonly [CxlIoctlName, number, number][] = [
  ['CXL_IOCTL_START_WORK', 0x4040ca00, 0x8040ca00],
  ['CXL_IOCTL_GET_PROCESS_ELEMENT', 0x8004ca01, 0x4004ca01],
  ['CXL_IOCTL_GET_AFU_ID', 0x8040ca02, 0x4040ca02],
  ['CXL_IOCTL_DOWNLOAD_IMAGE', 0x4040ca0a, 0x8040ca0a],
  ['CXL_IOCTL_VALIDATE_IMAGE', 0x4040ca0b, 0x8040ca0b],
];

describe('cxl ioctl numbers', () => {
  for (const [name, generic, powerpc] of sheet) {
    it(`${name} is that of the fact sheet in both encodings`, () => {
      const { direction, nr, size } = cxlIoctlShapes[name];
      assert.equal(CxlIoctl[name], generic);
      assert.equal(CxlIoctlPowerpc[name], powerpc);
      assert.equal(ioctlNumber(genericEncoding, direction, CXL_MAGIC, nr, size), generic);
      assert.equal(ioctlNumber(powerpcEncoding, direction, CXL_MAGIC, nr, size), powerpc);
      const parts = { direction, type: CXL_MAGIC, nr, size };
      assert.deepEqual(decodeIoctl(genericEncoding, generic), parts);
      assert.deepEqual(decodeIoctl(powerpcEncoding, powerpc), parts);
    });

    it(`${name} is known by both numbers, sign-extended too`, () => {
      for (const cmd of [generic, powerpc, generic | 0, powerpc | 0]) assert.equal(ioctlName(cmd), name);
    });
  }

  it('are exported one by one as well', () => {
    assert.deepEqual(
      { ...CxlIoctl },
      {
        CXL_IOCTL_START_WORK,
        CXL_IOCTL_GET_PROCESS_ELEMENT,
        CXL_IOCTL_GET_AFU_ID,
        CXL_IOCTL_DOWNLOAD_IMAGE,
        CXL_IOCTL_VALIDATE_IMAGE,
      },
    );
  });

  it('carry the sizes of their structs', () => {
    assert.equal(cxlIoctlShapes.CXL_IOCTL_START_WORK.size, StartWork.size);
    assert.equal(cxlIoctlShapes.CXL_IOCTL_GET_PROCESS_ELEMENT.size, ProcessElement.size);
    assert.equal(cxlIoctlShapes.CXL_IOCTL_GET_AFU_ID.size, AfuId.size);
    assert.equal(cxlIoctlShapes.CXL_IOCTL_DOWNLOAD_IMAGE.size, AdapterImage.size);
    assert.equal(cxlIoctlShapes.CXL_IOCTL_VALIDATE_IMAGE.size, AdapterImage.size);
  });

  it('other commands have no name', () => {
    // DK_CXLFLASH_ATTACH shares the type; TCGETS has another.
    for (const cmd of [0, 0xc060ca80, 0x5401, 0x4040ca01]) assert.equal(ioctlName(cmd), undefined);
  });
});

const directions: readonly IoctlDirection[] = ['none', 'read', 'write', 'read-write'];

describe('ioctl encodings', () => {
  for (const [name, encoding, maxSize] of [
    ['generic', genericEncoding, 16383],
    ['powerpc', powerpcEncoding, 8191],
  ] as const) {
    it(`${name} fills 32 bits`, () => {
      assert.equal(
        ioctlNumber(encoding, 'read-write', 255, 255, maxSize),
        name === 'generic' ? 0xffffffff : 0xdfffffff,
      );
      const highest = Math.max(encoding.dirNone, encoding.dirRead, encoding.dirWrite);
      const directionBits = Math.floor(Math.log2(highest)) + 1;
      assert.equal(encoding.nrBits + encoding.typeBits + encoding.sizeBits + directionBits, 32);
    });

    it(`${name} takes any number it made apart again`, () => {
      const parts = fc.record({
        direction: fc.constantFrom(...directions),
        type: fc.nat(255),
        nr: fc.nat(255),
        size: fc.nat(maxSize),
      });
      fc.assert(
        fc.property(parts, ({ direction, type, nr, size }) => {
          const cmd = ioctlNumber(encoding, direction, type, nr, size);
          assert.ok(cmd >= 0 && cmd <= 0xffffffff);
          assert.deepEqual(decodeIoctl(encoding, cmd), { direction, type, nr, size });
          assert.deepEqual(decodeIoctl(encoding, cmd | 0), { direction, type, nr, size });
        }),
      );
    });

    it(`${name} refuses parts that do not fit`, () => {
      const refused: [number, number, number, RegExp][] = [
        [256, 0, 0, /type 256 does not fit in 8 bits/],
        [0, 256, 0, /nr 256/],
        [0, 0, maxSize + 1, /size/],
        [-1, 0, 0, /type/],
        [0, 0.5, 0, /nr/],
      ];
      for (const [type, nr, size, message] of refused) {
        assert.throws(() => ioctlNumber(encoding, 'none', type, nr, size), { name: 'RangeError', message });
      }
    });
  }

  it('a powerpc number without direction bits means nothing', () => {
    assert.equal(decodeIoctl(powerpcEncoding, 0x0000ca00), undefined);
    assert.deepEqual(decodeIoctl(genericEncoding, 0x0000ca00), { direction: 'none', type: 0xca, nr: 0, size: 0 });
  });
});
