/**
 * How much memory an open context needs in this process.
 *
 *     node --expose-gc dist/bench/footprint.js bare|queue [--open N]
 *
 * Prints one line of JSON. `bare` contexts are open and started; `queue` ones also have an EventQueue through which one
 * event of 32 bytes has passed, so that its first slot is there.
 */
import { parseArgs } from 'node:util';

import { Adapter } from '../src/core/index.ts';
import { EventQueue } from '../src/driver/index.ts';
import { openAfu, type CxlFile } from '../src/file/index.ts';

/** Objects and the memory behind array buffers, after everything that nobody holds has gone. */
function bytesInUse(): number {
  for (let i = 0; i < 3; i++) globalThis.gc!();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { open: { type: 'string', default: '10000' } },
});
const withQueue = positionals[0] === 'queue';
const count = Number(values.open);
const backend = { name: 'bench', attachProcess() {}, detachProcess() {} };
const afu = new Adapter({ afus: [{ backend, driver: { name: 'bench' }, numProcs: count + 1, irqsMin: 0 }] }).afus[0]!;
const payload = new Uint8Array(32);
const buffer = new Uint8Array(4096);

function openOne(): CxlFile {
  const file = openAfu(afu);
  file.startWork();
  if (withQueue) {
    new EventQueue(file.context).post(payload);
    file.readSync(buffer);
  }
  return file;
}

// The first one brings compiled code and other things that are there only once.
const files: CxlFile[] = [openOne()];
const before = bytesInUse();
while (files.length <= count) files.push(openOne());
const bytes = (bytesInUse() - before) / count;
process.stdout.write(`${JSON.stringify({ open: afu.contexts.size - 1, bytes: Math.round(bytes) })}\n`);
