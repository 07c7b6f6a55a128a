import type { Bar, Measure, Row, Surroundings } from './measure.ts';
import { compare, placements, readMany, readSome, valuesOf, type Contestant } from './paired.ts';
import { spreadOf } from './statistics.ts';

const bar: Bar = { of: 'ratio', bound: 'at least', value: 20 };
const runs = [{ mode: 'throughput', options: { ms: 300, warmup: 500 } }];

async function run(surroundings: Surroundings): Promise<Row[]> {
  const { programs, cpus } = surroundings;
  const args = ['--saturate'];
  const own = { serve: programs.serveOwn, warmUp: readMany };
  const contestants: Contestant[] = [
    { serve: programs.serveC, args, warmUp: readSome },
    { ...own, args: [...args, '--events-per-read', '256'] },
    { ...own, args },
  ];
  const rows: Row[] = [];
  for (const placement of placements(cpus)) {
    const reports = await compare(surroundings, 'p3', placement, contestants, runs);
    const [c, full, single] = reports.map(([throughput]) => spreadOf(valuesOf(throughput!, 'events_per_s')));
    const row = { unit: 'events/s', other: c, against: 'C on libfuse, 1 per read' } as const;
    rows.push({ ...row, title: `256 per read, ${placement.title}`, own: full!, bar });
    rows.push({ ...row, title: `1 per read, ${placement.title}`, own: single! });
  }
  return rows;
}

export const p3: Measure = {
  name: 'p3',
  title: 'device file, throughput with reads of 4 KiB',
  bar: 'at least 20 times the events per second of the C device, which gives one per read',
  how: `The client reads for 300 ms as fast as it can. Ours gives 256 events of 16 bytes in each read of 4 KiB: a driver in
the fetch form that announces 256, gives each from memory of its own and announces as many when the last was delivered. The
C device does what the kernel's driver did, one event per read. Ours with one event per read is shown too.`,
  needs: ['cc', 'fuse', 'libfuse'],
  rounds: 5,
  run,
};
