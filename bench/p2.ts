import type { Bar, Measure, Row, Surroundings } from './measure.ts';
import { compare, placements, readMany, readSome, valuesOf, whereabouts, type Contestant } from './paired.ts';
import { spreadOf } from './statistics.ts';

/** P2 and P4: nothing is asked of two pinned cores, which cost what waking the other core costs. */
export const latencyBars: Readonly<Record<string, Bar>> = {
  'same core': { of: 'ratio', bound: 'at most', value: 1.5 },
  'free to move': { of: 'ratio', bound: 'at most', value: 0.6 },
};

/** Why a bar above may be out of reach; printed where it is not met. */
export const latencyLimits: Readonly<Record<string, string>> = {
  'free to move':
    "The bar asks that ours sits on the client's core where C's does not. Where the scheduler puts C's there too, " +
    'both ask the same of the kernel, and the row is that of the same core; see there.',
};

const options = { count: 5000, warmup: 500 };
const runs = [
  { mode: 'read', options },
  { mode: 'poll-read', options },
];

async function run(surroundings: Surroundings): Promise<Row[]> {
  const { programs, cpus } = surroundings;
  const args = ['--saturate'];
  const contestants: Contestant[] = [
    { serve: programs.serveC, args, warmUp: readSome },
    { serve: programs.serveOwn, args, warmUp: readMany },
  ];
  const rows: Row[] = [];
  for (const placement of placements(cpus)) {
    const [c, own] = await compare(surroundings, 'p2', placement, contestants, runs);
    for (const [index, { mode }] of runs.entries()) {
      rows.push({
        title: `${mode}, ${placement.title}`,
        unit: 'ns',
        own: spreadOf(valuesOf(own![index]!, 'median_ns')),
        other: spreadOf(valuesOf(c![index]!, 'median_ns')),
        against: 'C on libfuse',
        bar: latencyBars[placement.title],
        limit: latencyLimits[placement.title],
        note: whereabouts(own![index]!, c![index]!),
      });
    }
  }
  return rows;
}

export const p2: Measure = {
  name: 'p2',
  title: 'device file, one event per read',
  bar: 'at most 1.5 times the C device on the same core, 0.6 times free to move',
  how: `An event is always pending; the client (\`peers/client.c\`) reads 5000 times, with or without a poll() before each,
and takes the median. Before that 20 000 are read to warm the server up, 2000 of the C device. Fresh server and client in each round, C and
TypeScript by turns; a row's values are the rounds' medians. "Free to move" has two modes: the scheduler puts server and
client on one core or on two, and a wake-up across cores costs several times as much as the work, so its median says
where they sat most often; look at its spread and at its note. Free to move, the client looks after every 50th read, between
two samples, whether the server's main thread ran last on the client's CPU.`,
  needs: ['cc', 'fuse', 'libfuse'],
  rounds: 11,
  run,
};
