/* The accelerator in this process, without device files: fast, and nothing to install. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import {
  Adapter,
  afuOptions,
  hostOrder,
  localMemory,
  openAfu,
  type CxlEvent,
  type CxlFile,
  type Diagnostic,
} from 'afukit';

import { adder } from './model.ts';

const BASE = 0x10_0000n;
const NUMBERS = 64;
const little = hostOrder === 'little';

/** A program with a work element at its first byte, and numbers after it. */
function program(count: bigint, numbers: readonly number[] = []): DataView {
  const bytes = new DataView(new ArrayBuffer(NUMBERS + 8 * numbers.length));
  bytes.setBigUint64(0, BASE + BigInt(NUMBERS), little);
  bytes.setBigUint64(8, count, little);
  numbers.forEach((number, i) => bytes.setFloat64(NUMBERS + 8 * i, number, little));
  return bytes;
}

const diagnostics: Diagnostic[] = [];

function start(bytes: DataView, wed: bigint): CxlFile {
  const afus = [afuOptions({ model: adder, modes: ['dedicated_process'] })];
  const card = new Adapter({ afus, onDiagnostic: diagnostic => void diagnostics.push(diagnostic) });
  const file = openAfu(card.afus[0]!);
  file.startWork({ wed, memory: localMemory(new Uint8Array(bytes.buffer), BASE) });
  return file;
}

async function next(file: CxlFile): Promise<CxlEvent> {
  for await (const event of file.events()) return event;
  throw new Error('the file was closed');
}

describe('adder', () => {
  it('adds up what the work element names, and raises interrupt 1', async () => {
    const bytes = program(
      20_000n,
      Array.from({ length: 20_000 }, (_, i) => i / 2),
    );
    await using file = start(bytes, BASE);
    assert.equal((await next(file)).type, 'afu-interrupt');
    assert.equal(bytes.getFloat64(16, little), 99_995_000);
    assert.deepEqual(diagnostics, []);
  });

  it('a bad address is a data storage event', async () => {
    await using file = start(program(3n, [1, 2]), BASE);
    const event = await next(file);
    assert.equal(event.type === 'data-storage' && event.address, BASE + BigInt(NUMBERS + 16));
    assert.deepEqual(diagnostics, []);
  });

  it('too many numbers are an AFU error', async () => {
    await using file = start(program(2n ** 33n), BASE);
    assert.equal((await next(file)).type, 'afu-error');
  });

  it('a doorbell has one more work element done', async () => {
    const bytes = program(2n, [1, 2]);
    await using file = start(bytes, 0n);
    const { buffer, byteOffset } = file.mmap(16);
    const registers = new BigUint64Array(buffer, byteOffset, 2);
    registers[0] = BASE;
    assert.equal((await next(file)).type, 'afu-interrupt');
    assert.equal(registers[1], 1n);
    assert.equal(bytes.getFloat64(16, little), 3);
  });

  it('a program that goes in the middle leaves nothing behind', async () => {
    const file = start(
      program(
        20_000n,
        Array.from({ length: 20_000 }, () => 1),
      ),
      BASE,
    );
    await new Promise(setImmediate);
    file.close();
    for (let i = 0; i < 10; i++) await new Promise(setImmediate);
    assert.deepEqual(diagnostics, []);
  });
});
