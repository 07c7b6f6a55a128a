import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { defineEvents, type EventCodec, type EventFields, type FieldType } from '../../src/driver/index.ts';
import type { CxlEvent } from '../../src/abi/index.ts';
import { evaluateC, noCompiler } from '../abi/cprogram.ts';
import { codeOf, owner, read, startedRig } from '../core/rig.ts';

const types: readonly FieldType[] = ['u8', 's8', 'u16', 's16', 'u32', 's32', 'u64', 's64'];
const bits = (type: FieldType): number => Number(type.slice(1));
const wide = (type: FieldType): boolean => bits(type) === 64;

/** Least and most of a type. */
function range(type: FieldType): [bigint, bigint] {
  const size = BigInt(bits(type));
  return type.startsWith('u') ? [0n, (1n << size) - 1n] : [-(1n << (size - 1n)), (1n << (size - 1n)) - 1n];
}

const flash = defineEvents({
  linkReset: { port: 'u8', reason: 's16', at: 'u64' },
  lunResized: { lun: 'u64', blocks: 'u64', flags: 'u8' },
  nothing: {},
  mixed: { a: 'u8', b: 'u32', c: 'u8', d: 'u16', e: 's64', f: 's8' },
});

/** Eight bytes with a tag. */
const tag = (value: number): Uint8Array => new Uint8Array(Uint16Array.of(value, 0, 0, 0).buffer);

type AnyCodec = EventCodec<EventFields>;

describe('point 6: the codec', () => {
  it('encodes and decodes any values of any declaration, in both byte orders', () => {
    const fields = fc.array(fc.constantFrom(...types), { maxLength: 9 });
    fc.assert(
      fc.property(fc.array(fields, { minLength: 1, maxLength: 4 }), fc.gen(), (declared, gen) => {
        const shape = Object.fromEntries(
          declared.map((list, i) => [`event${i}`, Object.fromEntries(list.map((type, k) => [`f${k}`, type]))]),
        );
        const codec = defineEvents(shape) as AnyCodec;
        declared.forEach((list, i) => {
          const values = Object.fromEntries(
            list.map((type, k) => {
              const value = gen(() => fc.bigInt({ min: range(type)[0], max: range(type)[1] }));
              return [`f${k}`, wide(type) ? value : Number(value)];
            }),
          );
          const bytes = codec.encode(`event${i}`, values);
          assert.equal(bytes.length % 8, 0);
          assert.deepEqual(codec.decode(bytes), { name: `event${i}`, ...values });
          assert.deepEqual(codec.decode(swapped(bytes, list), 'big'), { name: `event${i}`, ...values });
        });
      }),
      { numRuns: 200 },
    );
  });

  for (const type of types) {
    it(`${type}: the ends of its range fit, one more or less, another kind of number or none is a RangeError that names it`, () => {
      const codec = defineEvents({ e: { x: type } }) as AnyCodec;
      const [least, most] = range(type);
      const as = (value: bigint): never => ({ x: wide(type) ? value : Number(value) }) as never;
      for (const value of [least, most]) {
        const decoded = codec.decode(codec.encode('e', as(value))) as unknown as { x: number | bigint };
        assert.equal(BigInt(decoded.x), value);
      }
      const wrong = [as(least - 1n), as(most + 1n), { x: wide(type) ? 1 : 1n }, { x: 0.5 }, { x: NaN }, { x: '1' }, {}];
      for (const values of wrong) {
        assert.throws(() => codec.encode('e', values as never), {
          name: 'RangeError',
          message: new RegExp(`e\\.x.*${type}`),
        });
      }
    });
  }

  it('lays a payload out as documented: tag, zeros to byte 8, each field at a multiple of its size, the whole of 8', () => {
    const bytes = flash.encode('linkReset', { port: 1, reason: -2, at: 3n });
    assert.deepEqual([...bytes], [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0xfe, 0xff, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(flash.encode('nothing', {}).length, 8);
  });

  it('decode: an unknown tag, too few bytes for a tag or for its event are RangeErrors that say which; more bytes are ignored', () => {
    assert.throws(() => flash.decode(tag(5)), { name: 'RangeError', message: /5/ });
    assert.throws(() => flash.decode(tag(65_535)), { name: 'RangeError', message: /65535/ });
    assert.throws(() => flash.decode(new Uint8Array(7)), { name: 'RangeError', message: /7 bytes/ });
    assert.throws(() => flash.decode(tag(2)), { name: 'RangeError', message: /lunResized needs 32 bytes, not 8/ });
    const long = new Uint8Array(100);
    long.set(flash.encode('nothing', {}));
    assert.deepEqual(flash.decode(long), { name: 'nothing' });
  });

  it('decodes out of the middle of a larger buffer and leaves it alone', () => {
    const all = new Uint8Array(64).fill(0xa5);
    all.set(flash.encode('lunResized', { lun: 1n, blocks: 2n, flags: 3 }), 11);
    const before = all.slice();
    assert.deepEqual(flash.decode(all.subarray(11, 43)), { name: 'lunResized', lun: 1n, blocks: 2n, flags: 3 });
    assert.deepEqual(all, before);
  });

  it('each encode gives memory of its own', () => {
    const first = flash.encode('linkReset', { port: 1, reason: 1, at: 1n });
    flash.encode('linkReset', { port: 2, reason: 2, at: 2n });
    assert.equal(first[8], 1);
  });

  it('an event that is called dropped, a field that is called name, and a type that there is not are EINVAL', () => {
    for (const wrong of [{ dropped: {} }, { e: { name: 'u8' } }, { e: { x: 'u7' } }, { e: { x: 'toString' } }])
      assert.equal(
        codeOf(() => defineEvents(wrong as never)),
        'EINVAL',
        JSON.stringify(wrong),
      );
  });

  it('a queue of typed events: post in order, false when full; drop-oldest says how many in their place', () => {
    for (const form of ['fetch', 'poll'] as const) {
      const { context, diagnostics } = startedRig();
      const refusing = flash.queue(context, { owner: owner(), capacity: 1, form });
      assert.deepEqual([refusing.post('nothing', {}), refusing.post('nothing', {})], [true, false]);
      const dropping = flash.queue(context, { owner: owner(), capacity: 2, form, dropOldest: true });
      for (const port of [1, 2, 3, 4]) assert.equal(dropping.post('linkReset', { port, reason: 0, at: 0n }), true);
      const got = [read(context), read(context), read(context)].flat().map(decoded);
      assert.deepEqual(got, ['dropped 2', 'linkReset 3', 'linkReset 4']);
      assert.throws(() => dropping.post('linkReset', { port: 256, reason: 0, at: 0n }), RangeError);
      assert.deepEqual(read(context), []);
      assert.deepEqual(diagnostics, []);
    }
  });

  it(
    'the layout is the C compiler`s: offsets and sizes of the header, tags, and the bytes themselves',
    { skip: noCompiler() },
    () => {
      const list = ['linkReset', 'lunResized', 'nothing', 'mixed', 'dropped'] as const;
      const c = {
        linkReset: 'link_reset',
        lunResized: 'lun_resized',
        nothing: 'nothing',
        mixed: 'mixed',
        dropped: 'dropped',
      };
      const fields = {
        linkReset: ['port', 'reason', 'at'],
        lunResized: ['lun', 'blocks', 'flags'],
        nothing: [],
        mixed: ['a', 'b', 'c', 'd', 'e', 'f'],
        dropped: ['count'],
      };
      const sizes = list.map(name => `sizeof(struct flash_${c[name]})`);
      const offsets = list.flatMap(name => fields[name].map(field => `offsetof(struct flash_${c[name]}, ${field})`));
      const tags = list.map(name => `FLASH_${c[name].toUpperCase()}`);
      const printed = evaluateC(flash.cHeader('flash'), [...sizes, ...offsets, ...tags]);
      assert.deepEqual(
        tags.map(tag => printed.get(tag)),
        [1n, 2n, 3n, 4n, 0n],
      );
      const mixed = flash.encode('mixed', { a: 1, b: 2, c: 3, d: 4, e: 5n, f: 6 });
      assert.equal(BigInt(mixed.length), printed.get('sizeof(struct flash_mixed)'));
      const at = (field: string): number => mixed[Number(printed.get(`offsetof(struct flash_mixed, ${field})`))]!;
      assert.deepEqual(fields.mixed.map(at), [1, 2, 3, 4, 5, 6]);
      const lun = flash.encode('lunResized', { lun: 1n, blocks: 2n, flags: 3 });
      assert.equal(BigInt(lun.length), printed.get('sizeof(struct flash_lun_resized)'));
      assert.equal(printed.get('sizeof(struct flash_nothing)'), 8n);
      assert.equal(printed.get('sizeof(struct flash_dropped)'), 16n);
      assert.equal(printed.get('offsetof(struct flash_dropped, count)'), 8n);
    },
  );

  it('a field that would break the C header is either refused or the header compiles', { skip: noCompiler() }, () => {
    for (const field of ['tag', 'reserved', 'int']) {
      let codec: AnyCodec;
      try {
        codec = defineEvents({ e: { [field]: 'u8' } });
      } catch {
        continue;
      }
      assert.doesNotThrow(() => evaluateC(codec.cHeader('x'), ['sizeof(struct x_e)']), field);
    }
  });
});

function decoded(event: CxlEvent): string {
  assert.ok(event.type === 'afu-driver');
  const values = flash.decode(event.data);
  return values.name === 'dropped'
    ? `dropped ${values.count}`
    : `${values.name} ${'port' in values ? values.port : ''}`;
}

/** A payload as a machine of the other byte order would have made it. */
function swapped(bytes: Uint8Array, list: readonly FieldType[]): Uint8Array {
  const other = bytes.slice();
  other.subarray(0, 2).reverse();
  let end = 8;
  for (const type of list) {
    const size = bits(type) / 8;
    const offset = Math.ceil(end / size) * size;
    other.subarray(offset, offset + size).reverse();
    end = offset + size;
  }
  return other;
}
