/**
 * Interrupts in this process, as inprocess.ts measures them, among many contexts: SIZE is OPEN:ACTIVE, so many open and
 * started, and so many of these interrupted by turns. Each size has an AFU of its own; batches of all sizes go by turns.
 *
 *     node --expose-gc dist/bench/crowd.js SIZE... [--batches N] [--rounds N]
 *
 * Prints one line of JSON: for each size the median of the nanoseconds per round.
 */
import { parseArgs } from 'node:util';

import { POLLIN, POLLRDNORM } from '../src/abi/index.ts';
import { Adapter } from '../src/core/index.ts';
import { openAfu, type CxlFile } from '../src/file/index.ts';
import { spreadOf } from './statistics.ts';

/** Of each active context; a card has some 2000 for all. */
const INTERRUPTS = 16;
const EVENT_SIZE = 16;
const READY = POLLIN | POLLRDNORM;
const buffer = new Uint8Array(4096);

/** The active ones of `open` files. */
function openMany(open: number, active: number): readonly CxlFile[] {
  const backend = { name: 'bench', attachProcess() {}, detachProcess() {} };
  const [afu] = new Adapter({ afus: [{ backend, numProcs: open, irqsMin: 0 }] }).afus;
  const files = Array.from({ length: open }, (_, index) => {
    const file = openAfu(afu!);
    file.startWork({ numInterrupts: index < active ? INTERRUPTS : 0 });
    return file;
  });
  return files.slice(0, active);
}

function nsPerRound(active: readonly CxlFile[], rounds: number): number {
  const began = performance.now();
  for (let i = 0; i < rounds; i++) {
    const file = active[i % active.length]!;
    file.context.raiseInterrupt(1 + (i % INTERRUPTS));
    if (file.poll() !== READY || file.readSync(buffer) !== EVENT_SIZE) throw new Error(`round ${i} brought no event`);
  }
  return ((performance.now() - began) * 1e6) / rounds;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { batches: { type: 'string', default: '31' }, rounds: { type: 'string', default: '100000' } },
});
const rounds = Number(values.rounds);
const crowds = positionals.map(size => {
  const [open, active] = size.split(':').map(Number);
  return openMany(open!, active!);
});
const ns = crowds.map((): number[] => []);
for (let batch = -5; batch < Number(values.batches); batch++) {
  for (const [index, active] of crowds.entries()) {
    const time = nsPerRound(active, rounds);
    if (batch >= 0) ns[index]!.push(time);
  }
}
process.stdout.write(`${JSON.stringify({ medians: ns.map(times => spreadOf(times).median) })}\n`);
