import { readFileSync } from 'node:fs';

import type { Bar, Measure, Row, Surroundings } from './measure.ts';
import { placements, readMany, type Placement } from './paired.ts';
import type { Programs } from './programs.ts';
import { spreadOf } from './statistics.ts';

const OPEN = 10_000;
const costBar: Bar = { of: 'ratio', bound: 'at most', value: 1.2 };
const sizeBar: Bar = { of: 'own', bound: 'at most', value: 4096 };

/** The most memory that a process has had at any time, in bytes. */
function peakMemory(pid: number): number {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

/** A fresh server with `open` files, of which one is read. */
async function idle(programs: Programs, placement: Placement, open: number): Promise<{ ns: number; memory: number }> {
  const served = await programs.serveOwn(['--saturate'], placement.server);
  try {
    await readMany(programs, served, placement);
    const options = { open, count: 5000, warmup: 5000, cpu: placement.client };
    const { median_ns: ns } = await programs.client(served.file, 'idle', options);
    return { ns: ns!, memory: peakMemory(served.device.pid) };
  } finally {
    await served.device.stop();
  }
}

async function run({ programs, cpus, rounds, progress }: Surroundings): Promise<Row[]> {
  const [same] = placements(cpus);
  const one: { ns: number; memory: number }[] = [];
  const many: { ns: number; memory: number }[] = [];
  const bare: number[] = [];
  const queue: number[] = [];
  const footprint = async (kind: string): Promise<number> =>
    ((await programs.runOwn('footprint.js', [kind, '--open', String(OPEN)])) as { bytes: number }).bytes;
  for (let round = 1; round <= rounds; round++) {
    progress(`p5: round ${round} of ${rounds}`);
    one.push(await idle(programs, same!, 1));
    many.push(await idle(programs, same!, OPEN));
    bare.push(await footprint('bare'));
    queue.push(await footprint('queue'));
  }
  const count = OPEN.toLocaleString('en');
  const perFile = many.map(({ memory }, round) => (memory - one[round]!.memory) / (OPEN - 1));
  return [
    {
      title: `read one of ${count} open files, same core`,
      unit: 'ns',
      own: spreadOf(many.map(({ ns }) => ns)),
      other: spreadOf(one.map(({ ns }) => ns)),
      against: 'one open file',
      bar: costBar,
    },
    { title: 'context in this process', unit: 'bytes', own: spreadOf(bare), bar: sizeBar },
    { title: 'context with an EventQueue', unit: 'bytes', own: spreadOf(queue), bar: sizeBar },
    { title: 'open device file, server at its peak', unit: 'bytes', own: spreadOf(perFile) },
  ];
}

export const p5: Measure = {
  name: 'p5',
  title: `${OPEN.toLocaleString('en')} open contexts, one active`,
  bar: "at most 1.2 times one context's cost per event; at most 4 KiB each",
  how: `One TypeScript server; the client opens and starts one file, or 10 000, and reads the last 5000 times, after 5000 that
do not count. An event is pending on all of them. Memory in this process: growth of the heap and of what array buffers hold, after collection, over
10 000 open and started contexts. Memory of the server: how much more it had at its peak with 10 000 open files than with
one, divided by them; that includes garbage which nobody had collected yet.`,
  needs: ['cc', 'fuse'],
  rounds: 7,
  run,
};
