import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  AFU_ERROR_EVENT_SIZE,
  AFU_INTERRUPT_EVENT_SIZE,
  CXL_EVENT_AFU_DRIVER,
  CXL_EVENT_AFU_INTERRUPT,
  CXL_READ_MIN_SIZE,
  type CxlEvent,
  DATA_STORAGE_EVENT_SIZE,
  decodeEvent,
  decodeEvents,
  EVENT_HEADER_SIZE,
  eventTypeName,
  hostOrder,
  MAX_DRIVER_EVENT_DATA,
  MAX_LARGE_EVENT_DATA,
  putAfuError,
  putAfuInterrupt,
  putDataStorage,
  putDriverHeader,
  putHeader,
} from '../../src/abi/index.ts';
import { filled, golden, type GoldenRow, orders, untouchedAround } from './golden.ts';

interface GoldenEvent {
  readonly rows: readonly GoldenRow[];
  readonly event: CxlEvent;
  readonly put?: (bytes: Uint8Array, offset: number) => number;
}

const payload = Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0x01);

const goldenEvents: Record<string, GoldenEvent> = {
  'AFU interrupt': {
    rows: [
      ['01 00', 'header.type: CXL_EVENT_AFU_INTERRUPT'],
      ['10 00', 'header.size: 16'],
      ['02 01', 'header.process_element'],
      ['00 00', 'header.reserved1'],
      ['00 00', 'irq.flags'],
      ['34 12', 'irq.irq'],
      ['00 00 00 00', 'irq.reserved1'],
    ],
    event: { type: 'afu-interrupt', size: 16, processElement: 0x102, flags: 0, irq: 0x1234 },
    put: (bytes, offset) => putAfuInterrupt(bytes, offset, 0x102, 0x1234),
  },
  'data storage': {
    rows: [
      ['02 00', 'header.type: CXL_EVENT_DATA_STORAGE'],
      ['28 00', 'header.size: 40'],
      ['fe ff', 'header.process_element'],
      ['00 00', 'header.reserved1'],
      ['00 00', 'fault.flags'],
      ['00 00', 'fault.reserved1'],
      ['00 00 00 00', 'fault.reserved2'],
      ['08 07 06 05 04 03 02 81', 'fault.addr'],
      ['00 00 00 42 00 00 00 40', 'fault.dsisr: DM, M and S'],
      ['00 00 00 00 00 00 00 00', 'fault.reserved3'],
    ],
    event: {
      type: 'data-storage',
      size: 40,
      processElement: 0xfffe,
      flags: 0,
      address: 0x8102030405060708n,
      dsisr: 0x4000_0000_4200_0000n,
    },
    put: (bytes, offset) => putDataStorage(bytes, offset, 0xfffe, 0x8102030405060708n, 0x4000_0000_4200_0000n),
  },
  'AFU error': {
    rows: [
      ['03 00', 'header.type: CXL_EVENT_AFU_ERROR'],
      ['18 00', 'header.size: 24'],
      ['03 00', 'header.process_element'],
      ['00 00', 'header.reserved1'],
      ['00 00', 'afu_error.flags'],
      ['00 00', 'afu_error.reserved1'],
      ['00 00 00 00', 'afu_error.reserved2'],
      ['ef cd ab 89 67 45 23 01', 'afu_error.error'],
    ],
    event: { type: 'afu-error', size: 24, processElement: 3, flags: 0, error: 0x0123456789abcdefn },
    put: (bytes, offset) => putAfuError(bytes, offset, 3, 0x0123456789abcdefn),
  },
  'AFU driver': {
    rows: [
      ['04 00', 'header.type: CXL_EVENT_AFU_DRIVER'],
      ['0d 00', 'header.size: 8 + 5; data_size itself is not in the buffer'],
      ['07 00', 'header.process_element'],
      ['00 00', 'header.reserved1'],
      ['de ad be ef 01', 'payload', 'payload'],
    ],
    event: { type: 'afu-driver', size: 13, processElement: 7, data: payload },
    put: (bytes, offset) => {
      const size = putDriverHeader(bytes, offset, 7, payload.length);
      bytes.set(payload, offset + EVENT_HEADER_SIZE);
      return size;
    },
  },
  'AFU driver without payload': {
    rows: [
      ['04 00', 'header.type: CXL_EVENT_AFU_DRIVER'],
      ['08 00', 'header.size: the header alone'],
      ['00 00', 'header.process_element'],
      ['00 00', 'header.reserved1'],
    ],
    event: { type: 'afu-driver', size: 8, processElement: 0, data: new Uint8Array() },
    put: (bytes, offset) => putDriverHeader(bytes, offset, 0, 0),
  },
};

/* Only decoded: what a kernel of another version or another driver might send. */
const foreignEvents: Record<string, (order: 'little' | 'big') => { bytes: Uint8Array; event: CxlEvent }> = {
  reserved: order => {
    const bytes = golden(
      [
        ['00 00', 'header.type: CXL_EVENT_RESERVED'],
        ['08 00', 'header.size'],
        ['01 00', 'header.process_element'],
        ['00 00', 'header.reserved1'],
      ],
      order,
    );
    return { bytes, event: { type: 'reserved', size: 8, processElement: 1, bytes } };
  },
  unknown: order => {
    const bytes = golden(
      [
        ['05 01', 'header.type: 261'],
        ['0a 00', 'header.size'],
        ['01 00', 'header.process_element'],
        ['00 00', 'header.reserved1'],
        ['aa bb', 'whatever it is', 'payload'],
      ],
      order,
    );
    return { bytes, event: { type: 'unknown', size: 10, processElement: 1, typeNumber: 261, bytes } };
  },
  'AFU interrupt of a longer, later layout with flags': order => {
    const bytes = golden(
      [
        ['01 00', 'header.type: CXL_EVENT_AFU_INTERRUPT'],
        ['12 00', 'header.size: 18'],
        ['01 00', 'header.process_element'],
        ['00 00', 'header.reserved1'],
        ['03 00', 'irq.flags'],
        ['02 00', 'irq.irq'],
        ['ff ff ff ff', 'irq.reserved1: not looked at'],
        ['aa bb', 'more', 'payload'],
      ],
      order,
    );
    return { bytes, event: { type: 'afu-interrupt', size: 18, processElement: 1, flags: 3, irq: 2 } };
  },
};

describe('event constants', () => {
  it('are those of the fact sheet', () => {
    assert.equal(CXL_READ_MIN_SIZE, 4096);
    assert.deepEqual(
      [EVENT_HEADER_SIZE, AFU_INTERRUPT_EVENT_SIZE, DATA_STORAGE_EVENT_SIZE, AFU_ERROR_EVENT_SIZE],
      [8, 16, 40, 24],
    );
    assert.equal(MAX_DRIVER_EVENT_DATA, CXL_READ_MIN_SIZE - EVENT_HEADER_SIZE);
  });

  it('have names', () => {
    assert.equal(eventTypeName(CXL_EVENT_AFU_DRIVER), 'CXL_EVENT_AFU_DRIVER');
    assert.equal(eventTypeName(0), 'CXL_EVENT_RESERVED');
    assert.equal(eventTypeName(5), undefined);
  });
});

describe('golden events', () => {
  for (const [name, { rows, event, put }] of Object.entries(goldenEvents)) {
    it(`${name} is decoded in both byte orders, anywhere in a buffer`, () => {
      for (const order of orders) {
        const bytes = golden(rows, order);
        assert.deepEqual(decodeEvent(bytes, 0, order), event);
        const buffer = filled(5, bytes.length);
        buffer.set(bytes, 5);
        assert.deepEqual(decodeEvent(buffer, 5, order, 5 + bytes.length), event);
        assert.deepEqual(decodeEvent(buffer.subarray(5), 0, order), event, 'in a view that does not start at 0');
      }
      assert.deepEqual(decodeEvent(golden(rows, hostOrder)), event);
    });

    it(`${name} cut at every length is refused with its place`, () => {
      for (const order of orders) {
        const bytes = golden(rows, order);
        const buffer = new Uint8Array(3 + bytes.length);
        buffer.set(bytes, 3);
        for (let length = 0; length < bytes.length; length++) {
          const cut = { name: 'RangeError', message: new RegExp(`at offset 0 .*${length} are left`) };
          assert.throws(() => decodeEvent(bytes.slice(0, length), 0, order), cut);
          const later = { name: 'RangeError', message: new RegExp(`at offset 3 .*${length} are left`) };
          assert.throws(() => decodeEvent(buffer, 3, order, 3 + length), later);
        }
      }
    });

    if (put === undefined) continue;
    it(`${name} is encoded in host order and touches nothing else`, () => {
      const bytes = golden(rows, hostOrder);
      for (const offset of [0, 1, 8]) {
        const buffer = filled(offset, bytes.length);
        assert.equal(put(buffer, offset), bytes.length);
        assert.deepEqual(buffer.subarray(offset, offset + bytes.length), bytes);
        assert.ok(untouchedAround(buffer, offset, bytes.length));
      }
    });
  }

  for (const [name, make] of Object.entries(foreignEvents)) {
    it(`${name} is decoded in both byte orders`, () => {
      for (const order of orders) {
        const { bytes, event } = make(order);
        assert.deepEqual(decodeEvent(bytes, 0, order), event);
      }
    });
  }
});

describe('inconsistent events', () => {
  it('a size smaller than the header is refused', () => {
    for (let size = 0; size < EVENT_HEADER_SIZE; size++) {
      const bytes = new Uint8Array(CXL_READ_MIN_SIZE);
      putHeader(bytes, 0, CXL_EVENT_AFU_INTERRUPT, size, 1);
      assert.throws(() => decodeEvent(bytes), {
        name: 'RangeError',
        message: `CXL_EVENT_AFU_INTERRUPT at offset 0 says it has ${size} bytes, it needs 8`,
      });
    }
  });

  it('a size smaller than the event type needs is refused', () => {
    const needed = new Map([
      [1, AFU_INTERRUPT_EVENT_SIZE],
      [2, DATA_STORAGE_EVENT_SIZE],
      [3, AFU_ERROR_EVENT_SIZE],
    ]);
    for (const [type, size] of needed) {
      const bytes = new Uint8Array(CXL_READ_MIN_SIZE);
      for (let short = EVENT_HEADER_SIZE; short < size; short++) {
        putHeader(bytes, 0, type, short, 1);
        assert.throws(() => decodeEvent(bytes), new RegExp(`says it has ${short} bytes, it needs ${size}`));
      }
      putHeader(bytes, 0, type, size, 1);
      assert.equal(decodeEvent(bytes).size, size);
    }
  });

  it('a size beyond the valid bytes is refused, even if the buffer goes on', () => {
    const bytes = new Uint8Array(CXL_READ_MIN_SIZE);
    putAfuInterrupt(bytes, 0, 1, 1);
    assert.throws(() => decodeEvent(bytes, 0, hostOrder, 15), {
      name: 'RangeError',
      message: 'CXL_EVENT_AFU_INTERRUPT at offset 0 says it has 16 bytes, 15 are left',
    });
  });

  it('a buffer of zeros is no event', () => {
    assert.throws(() => decodeEvent(new Uint8Array(64)), /CXL_EVENT_RESERVED at offset 0 says it has 0 bytes/);
  });

  it('bytes of the other byte order are not taken for an event', () => {
    const other = hostOrder === 'little' ? 'big' : 'little';
    const bytes = new Uint8Array(CXL_READ_MIN_SIZE);
    const size = putAfuInterrupt(bytes, 0, 1, 1);
    assert.throws(() => decodeEvent(bytes, 0, other, size), /event of type 256 at offset 0 says it has 4096 bytes/);
  });

  it('an offset or length that is out of the buffer is refused', () => {
    const bytes = new Uint8Array(16);
    putAfuInterrupt(bytes, 0, 1, 1);
    for (const offset of [-1, 17, 0.5, Number.NaN]) assert.throws(() => decodeEvent(bytes, offset), RangeError);
    for (const length of [-1, 17, 0.5, Number.NaN]) {
      assert.throws(() => decodeEvent(bytes, 0, hostOrder, length), RangeError);
      assert.throws(() => decodeEvents(bytes, length), RangeError);
    }
  });

  it('any bytes decode to an event within them or to a RangeError', () => {
    const headers = fc.tuple(fc.nat(6), fc.nat(64), fc.uint8Array({ maxLength: 64 }), fc.constantFrom(...orders));
    fc.assert(
      fc.property(headers, ([type, size, rest, order]) => {
        const bytes = new Uint8Array(EVENT_HEADER_SIZE + rest.length);
        const view = new DataView(bytes.buffer);
        view.setUint16(0, type, order === 'little');
        view.setUint16(2, size, order === 'little');
        bytes.set(rest, EVENT_HEADER_SIZE);
        try {
          const event = decodeEvent(bytes, 0, order);
          assert.ok(event.size >= EVENT_HEADER_SIZE && event.size <= bytes.length);
        } catch (error) {
          assert.ok(error instanceof RangeError, String(error));
        }
      }),
    );
  });
});

describe('putDriverHeader', () => {
  it('takes up to 4088 bytes of payload', () => {
    const bytes = new Uint8Array(CXL_READ_MIN_SIZE);
    assert.equal(putDriverHeader(bytes, 0, 1, MAX_DRIVER_EVENT_DATA), CXL_READ_MIN_SIZE);
    const event = decodeEvent(bytes);
    assert.ok(event.type === 'afu-driver' && event.data.length === MAX_DRIVER_EVENT_DATA);
  });

  it('refuses more, also what would wrap the 16-bit size, and writes nothing', () => {
    const bytes = filled(0, 8);
    for (const size of [MAX_LARGE_EVENT_DATA + 1, 65528, 65536, 0x1_0000_0000, -1, Number.NaN]) {
      assert.throws(() => putDriverHeader(bytes, 0, 1, size), { name: 'RangeError', message: /0 to 65527/ });
    }
    assert.ok(untouchedAround(bytes, 0, 0));
  });
});

describe('decoded payloads', () => {
  it('are copies, also out of a Buffer, whose slice would share memory', () => {
    for (const buffer of [new Uint8Array(64), Buffer.alloc(64)]) {
      const size = putDriverHeader(buffer, 0, 1, 4);
      const event = decodeEvent(buffer, 0, hostOrder, size);
      buffer.fill(0xff);
      assert.deepEqual(event, { type: 'afu-driver', size: 12, processElement: 1, data: new Uint8Array(4) });
    }
  });
});

const u16 = fc.integer({ min: 0, max: 0xffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn });

/** An event and the encoder call that makes it. */
interface Made {
  readonly event: CxlEvent;
  readonly put: (bytes: Uint8Array, offset: number) => number;
}

const anyEvent: fc.Arbitrary<Made> = fc.oneof(
  fc.tuple(u16, u16).map(([pe, irq]): Made => ({
    event: { type: 'afu-interrupt', size: 16, processElement: pe, flags: 0, irq },
    put: (bytes, offset) => putAfuInterrupt(bytes, offset, pe, irq),
  })),
  fc.tuple(u16, u64, u64).map(([pe, address, dsisr]): Made => ({
    event: { type: 'data-storage', size: 40, processElement: pe, flags: 0, address, dsisr },
    put: (bytes, offset) => putDataStorage(bytes, offset, pe, address, dsisr),
  })),
  fc.tuple(u16, u64).map(([pe, error]): Made => ({
    event: { type: 'afu-error', size: 24, processElement: pe, flags: 0, error },
    put: (bytes, offset) => putAfuError(bytes, offset, pe, error),
  })),
  fc.tuple(u16, fc.uint8Array({ maxLength: 300 })).map(([pe, data]): Made => ({
    event: { type: 'afu-driver', size: 8 + data.length, processElement: pe, data },
    put: (bytes, offset) => {
      const size = putDriverHeader(bytes, offset, pe, data.length);
      bytes.set(data, offset + EVENT_HEADER_SIZE);
      return size;
    },
  })),
);

describe('decodeEvents', () => {
  it('gives back any row of events that was put, and none of 0 bytes', () => {
    fc.assert(
      fc.property(fc.array(anyEvent, { maxLength: 12 }), made => {
        const buffer = filled(0, CXL_READ_MIN_SIZE);
        let length = 0;
        for (const { put } of made) length += put(buffer, length);
        assert.deepEqual(
          decodeEvents(buffer, length),
          made.map(({ event }) => event),
        );
        assert.ok(untouchedAround(buffer, 0, length));
      }),
    );
    assert.deepEqual(decodeEvents(new Uint8Array(0)), []);
  });

  it('decodes a row of events of both byte orders', () => {
    const all = Object.values(goldenEvents);
    for (const order of orders) {
      const row = Uint8Array.from(all.flatMap(({ rows }) => [...golden(rows, order)]));
      assert.deepEqual(
        decodeEvents(row, row.length, order),
        all.map(({ event }) => event),
      );
    }
  });

  it('refuses a row cut anywhere but between two events', () => {
    const buffer = new Uint8Array(64);
    const first = putAfuInterrupt(buffer, 0, 1, 1);
    const second = first + putDataStorage(buffer, first, 1, 2n, 3n);
    for (let length = 0; length <= second; length++) {
      const whole = [0, first, second].indexOf(length);
      if (whole === -1) assert.throws(() => decodeEvents(buffer, length), RangeError, `length ${length}`);
      else assert.equal(decodeEvents(buffer, length).length, whole);
    }
  });
});

describe('the encoders', () => {
  it('cut values to the width of their field, as C does', () => {
    const bytes = new Uint8Array(40);
    putAfuInterrupt(bytes, 0, 0x1_0002, 0x1_0003);
    assert.deepEqual(decodeEvent(bytes), { type: 'afu-interrupt', size: 16, processElement: 2, flags: 0, irq: 3 });
    putAfuError(bytes, 0, 1, (1n << 64n) | 5n);
    assert.deepEqual(decodeEvent(bytes), { type: 'afu-error', size: 24, processElement: 1, flags: 0, error: 5n });
    putAfuError(bytes, 0, 1, -1n);
    const event = decodeEvent(bytes);
    assert.ok(event.type === 'afu-error' && event.error === 0xffff_ffff_ffff_ffffn);
  });

  it('putHeader returns the size it was given', () => {
    assert.equal(putHeader(new Uint8Array(8), 0, 4, 100, 1), 100);
  });
});
