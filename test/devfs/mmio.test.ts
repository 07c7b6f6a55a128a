/* The problem state area through the device file: mapped, and by pread and pwrite; cxl-abi.md section 5. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { AFUKIT_MMIO_OFFSET } from '../../src/abi/index.ts';
import { afuOptions, defineModel, type AfuDefinition, type ProcessElement } from '../../src/afu/index.ts';
import { Adapter, type Afu } from '../../src/core/index.ts';
import { mountAdapters } from '../support/device.ts';
import { Mapper } from '../support/clients.ts';
import { any, noCompiler, noFuse, noPassthrough } from '../support/needs.ts';
import { until } from '../support/until.ts';

const options = { skip: any(noFuse(), noPassthrough(), noCompiler()) };
const ERR_FF = 4;
const at = (register: number): string => String(AFUKIT_MMIO_OFFSET + register);

const registers = {
  DOORBELL: { offset: 0, width: 8, doorbell: true },
  STATUS: { offset: 8, width: 8, readOnly: true, reset: 7n },
  SCRATCH: { offset: 16, width: 8 },
} as const;

interface Bench {
  readonly afu: Afu;
  readonly elements: ProcessElement<typeof registers>[];
  readonly rung: string[];
  readonly program: (view: 'd' | 'm' | 's') => Mapper;
}

async function bench(t: TestContext, definition: Partial<AfuDefinition> = {}): Promise<Bench> {
  const elements: ProcessElement<typeof registers>[] = [];
  const rung: string[] = [];
  const model = defineModel({
    name: 'registers',
    registers,
    attach: element => void elements.push(element),
    doorbell(element, register, value) {
      rung.push(`pe ${element.id} ${register} ${value}`);
      element.interrupt(1);
    },
  });
  const adapter = new Adapter({ afus: [afuOptions({ numProcs: 4, model, ...definition })] });
  const directory = await mountAdapters(t, [adapter]);
  const program = (view: 'd' | 'm' | 's'): Mapper => new Mapper(t, `${directory}/dev/cxl/afu0.0${view}`);
  return { afu: adapter.afus[0]!, elements, rung, program };
}

describe('the problem state area of a device file', options, () => {
  it('is memory that program and model share; a doorbell reaches the model, and its interrupt the program', async t => {
    const { elements, rung, program } = await bench(t);
    const client = program('s');
    assert.deepEqual(await client.calls('open 0 rw', 'start 0', 'map 0 0 rw shared 4096'), ['0', '0', '0']);
    assert.deepEqual(await client.calls('load64 0 8', 'store64 0 16 0x1234', 'load64 0 16'), ['0x7', '0', '0x1234']);
    const [element] = elements;
    assert.equal(element!.registers.read('SCRATCH'), 0x1234n);
    element!.registers.write('STATUS', 9n);
    assert.equal(await client.call('load64 0 8'), '0x9');
    await client.call('store64 0 0 42');
    assert.equal(await client.call('event 0'), '16 01001000000000000000010000000000');
    assert.deepEqual(rung, ['pe 0 DOORBELL 42']);
    assert.equal(await client.call('load64 0 0'), '0x0', 'taken');
    await client.call('store64 0 8 1');
    await until('a store to a read-only register is undone', async () => (await client.call('load64 0 8')) === '0x9');
  });

  it('before START_WORK a mapping is SIGBUS, and is good from then on; afterwards SIGBUS again', async t => {
    const { afu, program } = await bench(t);
    const client = program('s');
    assert.deepEqual(await client.calls('open 0 rw', 'map 0 0 rw shared 4096', 'load64 0 0', 'start 0', 'load64 0 8'), [
      '0',
      '0',
      'SIGBUS',
      '0',
      '0x7',
    ]);
    afu.contexts.get(0)!.detach();
    assert.deepEqual(await client.calls('load64 0 8', 'store64 0 16 1', 'event 0'), ['SIGBUS', 'SIGBUS', '-1 EIO']);
  });

  it('after detach with ERR_FF every load is all-ones', async t => {
    const { afu, program } = await bench(t);
    const client = program('s');
    await client.calls('open 0 rw', `start 0 ${ERR_FF}`, 'map 0 0 rw shared 4096');
    afu.adapter.loseLink();
    assert.deepEqual(await client.calls('load64 0 8', 'load64 0 4088'), Array(2).fill('0xffffffffffffffff'));
  });

  it('beyond the window is SIGBUS', async t => {
    const { program } = await bench(t);
    const client = program('s');
    await client.calls('open 0 rw', 'start 0', 'map 0 0 rw shared 8192');
    assert.deepEqual(await client.calls('load64 0 4088', 'load64 0 4096'), ['0x0', 'SIGBUS']);
  });

  it('each slave has its own window, of which the master sees all', async t => {
    const { afu, program } = await bench(t);
    const [one, two, master] = [program('s'), program('s'), program('m')];
    for (const client of [one, two]) await client.calls('open 0 rw', 'start 0', 'map 0 0 rw shared 4096');
    await one.call('store64 0 16 11');
    await two.call('store64 0 16 22');
    const { offset, size } = afu.problemState!.perProcess!;
    await master.calls('open 0 rw', 'start 0', `map 0 0 rw shared ${afu.problemState!.size}`);
    const seen = (pe: number): Promise<string> => master.call(`load64 0 ${offset + pe * size + 16}`);
    assert.deepEqual([await seen(0), await seen(1)], ['0xb', '0x16']);
    await two.call('store64 0 16 33');
    await until('the master sees the store', async () => (await seen(1)) === '0x21');
    await master.call(`store64 0 ${offset + 16} 44`);
    await until('the slave sees the store', async () => (await one.call('load64 0 16')) === '0x2c');
    assert.equal(await two.call('load64 0 16'), '0x21');
  });

  it('a dedicated AFU shows its whole area', async t => {
    const { afu, program } = await bench(t, { modes: ['dedicated_process'] });
    const client = program('d');
    await client.calls('open 0 rw', 'start 0', 'map 0 0 rw shared 65536');
    assert.equal(afu.problemState!.size, 65536);
    assert.deepEqual(await client.calls('store64 0 65528 5', 'load64 0 65528'), ['0', '0x5']);
  });

  it('the mapping keeps the context after the last close, until it is gone', async t => {
    const { afu, rung, program } = await bench(t);
    const client = program('s');
    await client.calls('open 0 rw', 'start 0', 'map 0 0 rw shared 4096', 'close 0');
    // A second open is served after the RELEASE of the first.
    await client.calls('open 1 rw', 'close 1');
    await client.call('store64 0 0 3');
    await until('the doorbell is noticed', () => rung.length > 0);
    assert.equal(afu.contexts.get(0)!.status, 'STARTED');
    await client.call('unmap 0');
    await until('the context is released', () => afu.contexts.size === 0);
  });
});

describe('pread and pwrite of the problem state area', options, () => {
  it('are loads and stores of registers, noticed at once', async t => {
    const { rung, elements, program } = await bench(t);
    const client = program('s');
    await client.calls('open 0 rw', 'start 0');
    assert.equal(await client.call(`pread64 0 8 ${at(8)}`), '8 0x7');
    assert.equal(await client.call(`pread64 0 4 ${at(8)}`), '4 0x7');
    assert.equal(await client.call(`pwrite64 0 8 ${at(0)} 5`), '8');
    assert.deepEqual(rung, ['pe 0 DOORBELL 5']);
    await client.call(`pwrite64 0 8 ${at(8)} 1`);
    assert.equal(elements[0]!.registers.read('STATUS'), 7n, 'read-only');
    assert.equal(await client.call(`pread64 0 8 ${at(8)}`), '8 0x7');
  });

  it('follow the order of checks: not STARTED EIO, then EINVAL for what is misaligned or beyond', async t => {
    const { afu, program } = await bench(t);
    const client = program('s');
    await client.call('open 0 rw');
    const load = (size: number, register: number): Promise<string> => client.call(`pread64 0 ${size} ${at(register)}`);
    assert.equal(await load(3, 1), '-1 EIO');
    await client.call('start 0');
    for (const [size, register] of [
      [3, 0],
      [8, 4],
      [4, 2],
      [1, 0],
      [2, 0],
      [8, 4096],
      [8, 2 ** 32],
    ] as const) {
      assert.equal(await load(size, register), '-1 EINVAL', `${size} bytes at ${register}`);
      assert.equal(await client.call(`pwrite64 0 ${size} ${at(register)} 1`), '-1 EINVAL');
    }
    afu.contexts.get(0)!.detach();
    assert.equal(await load(8, 0), '-1 EIO');
  });

  it('leave read and write of events alone: below 4096 bytes EINVAL, and no write', async t => {
    const { program } = await bench(t);
    const client = program('s');
    await client.calls('open 0 rw', 'start 0');
    assert.deepEqual(
      await client.calls('read 0', 'write 0 x', 'pwrite64 0 8 0 1', 'pread64 0 8 0'),
      Array(4).fill('-1 EINVAL'),
    );
  });

  it('an AFU without a problem state area cannot be mapped, nor read at an offset', async t => {
    const { program } = await bench(t, { model: { name: 'none', attach() {} } });
    const client = program('s');
    await client.calls('open 0 rw', 'start 0');
    assert.deepEqual(await client.calls('map 0 0 rw shared 4096', `pread64 0 8 ${at(0)}`), ['-1 ENODEV', '-1 ESPIPE']);
  });
});
