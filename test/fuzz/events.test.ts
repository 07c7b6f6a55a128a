/* Bytes that are taken for events, events of every size, and queues of every shape. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { decodeEvent, decodeEvents, type CxlEvent } from '../../src/abi/index.ts';
import { CxlError } from '../../src/core/index.ts';
import { EventQueue, defineEvents } from '../../src/driver/index.ts';
import { owner, read, startedRig } from '../core/rig.ts';
import { runs } from './support.ts';

const order = fc.constantFrom('little' as const, 'big' as const);

/** An event's bytes: a type, known or not, and a size that is right, or not. */
const event = fc
  .record({
    type: fc.oneof(fc.nat(5), fc.nat(0xffff)),
    body: fc.uint8Array({ maxLength: 60 }),
    lie: fc.option(fc.nat(0xffff), { freq: 5 }),
    little: fc.boolean(),
  })
  .map(({ type, body, lie, little }) => {
    const bytes = new Uint8Array(8 + body.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, type, little);
    view.setUint16(2, lie ?? bytes.length, little);
    bytes.set(body, 8);
    return bytes;
  });
const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.array(event, { maxLength: 5 }).map(events => new Uint8Array(Buffer.concat(events))),
);

/** What a call gives, or the message of the RangeError that is the only thing it may throw. */
function attempt<T>(call: () => T): T | string {
  try {
    return call();
  } catch (error) {
    assert.ok(error instanceof RangeError, String(error));
    assert.match(error.message, /^[^\n]{5,200}$/);
    return error.message;
  }
}

describe('any bytes', () => {
  it('taken for events decode, or are a RangeError; the sizes add up, and nothing outside is looked at', () => {
    fc.assert(
      fc.property(bytes, order, fc.nat(20), (bytes, order, margin) => {
        const whole = attempt(() => decodeEvents(bytes, bytes.length, order));
        if (typeof whole !== 'string') {
          assert.equal(
            whole.reduce((sum, { size }) => sum + size, 0),
            bytes.length,
          );
        }
        // The same within a longer buffer, whatever stands around it.
        const around = new Uint8Array(bytes.length + 2 * margin).fill(0xff);
        around.set(bytes, margin);
        const view = around.subarray(margin);
        assert.deepEqual(
          attempt(() => decodeEvents(view, bytes.length, order)),
          whole,
        );
      }),
      runs(3000),
    );
  });

  it('cut at every length: as many whole events as are there, or a RangeError, never another event', () => {
    fc.assert(
      fc.property(fc.array(event, { minLength: 1, maxLength: 3 }), order, (events, order) => {
        const bytes = new Uint8Array(Buffer.concat(events));
        const first = attempt(() => decodeEvent(bytes, 0, order));
        for (let length = 0; length <= bytes.length; length++) {
          const cut = attempt(() => decodeEvent(bytes, 0, order, length));
          if (typeof cut !== 'string') assert.deepEqual(cut, first);
          else if (typeof first !== 'string') assert.ok(length < first.size);
        }
      }),
      runs(300),
    );
  });

  it('as offset and length are a RangeError, or decode', () => {
    const number = fc.oneof(fc.integer({ min: -5, max: 60 }), fc.double(), fc.constantFrom(2 ** 32, 2 ** 53, -0));
    fc.assert(
      fc.property(bytes, number, number, (bytes, offset, length) => {
        attempt(() => decodeEvent(bytes, offset, 'little', length));
      }),
      runs(1500),
    );
  });

  it('taken for a payload of declared events decode, or are a RangeError, at every length', () => {
    const codec = defineEvents({ small: { a: 'u8' }, large: { a: 's16', b: 'u64', c: 's32' }, none: {} });
    const names: ReadonlySet<string> = new Set(['dropped', 'small', 'large', 'none']);
    fc.assert(
      fc.property(fc.oneof(fc.nat(5), fc.nat(0xffff)), fc.uint8Array({ maxLength: 50 }), order, (tag, bytes, order) => {
        if (bytes.length >= 2) new DataView(bytes.buffer).setUint16(0, tag, order === 'little');
        let longest: unknown;
        for (let length = bytes.length; length >= 0; length--) {
          const got = attempt(() => codec.decode(bytes.subarray(0, length), order));
          if (typeof got === 'string') continue;
          assert.ok(names.has(got.name));
          longest ??= got;
          assert.deepEqual(got, longest);
        }
      }),
      runs(1000),
    );
  });
});

describe('any payload', () => {
  it('posted to a queue of any shape arrives whole and in order, or is refused', () => {
    const options = fc.record({
      capacity: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.constantFrom(1_048_576)),
      form: fc.constantFrom('poll' as const, 'fetch' as const),
      maxDataSize: fc.oneof(fc.integer({ min: 0, max: 64 }), fc.constantFrom(4088, 65_527)),
    });
    const size = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.constantFrom(4087, 4088, 4089, 65_527, 65_528));
    const op = fc.oneof(size, fc.constant('read' as const));
    fc.assert(
      fc.property(options, fc.array(op, { maxLength: 30 }), (options, ops) => {
        const { context, diagnostics } = startedRig();
        const queue = new EventQueue(context, { ...options, owner: owner() });
        const waiting: Uint8Array[] = [];
        let serial = 0;
        const next = (): void => {
          const [got] = read(context, 65_536) as [CxlEvent?];
          const expected = waiting.shift();
          assert.deepEqual(got?.type === 'afu-driver' ? got.data : undefined, expected);
        };
        for (const each of ops) {
          if (each === 'read') {
            next();
            continue;
          }
          const payload = new Uint8Array(each).fill(++serial);
          let taken: boolean | undefined;
          try {
            taken = queue.post(payload);
          } catch (error) {
            assert.ok(error instanceof CxlError && error.code === 'EMSGSIZE', String(error));
          }
          assert.equal(taken, each > options.maxDataSize ? undefined : waiting.length < options.capacity);
          // Copied: what becomes of it afterwards is its owner's business.
          if (taken) waiting.push(payload.slice());
          payload.fill(0);
          assert.equal(queue.length >= waiting.length, true);
        }
        while (waiting.length > 0) next();
        next();
        assert.deepEqual(
          diagnostics.filter(({ problem }) => !/libcxl/.test(problem)),
          [],
        );
      }),
      runs(800),
    );
  });

  it('is refused a queue whose options are none', () => {
    const odd = fc.oneof(
      fc.double(),
      fc.integer(),
      fc.constantFrom(0, -1, 1.5, NaN, Infinity, 1_048_577, 2 ** 53, 65_528, -1),
    );
    fc.assert(
      fc.property(odd, odd, (capacity, maxDataSize) => {
        const { context } = startedRig();
        const sound = Number.isInteger(capacity) && capacity >= 1 && capacity <= 1_048_576;
        const fits = Number.isInteger(maxDataSize) && maxDataSize >= 0 && maxDataSize <= 65_527;
        const make = (): EventQueue => new EventQueue(context, { capacity, maxDataSize, owner: owner() });
        if (sound && fits) {
          make();
          return;
        }
        assert.throws(
          make,
          error => error instanceof RangeError || (error instanceof CxlError && error.code === 'EINVAL'),
        );
        assert.equal(context.driverOps, undefined);
      }),
      runs(500),
    );
  });
});
