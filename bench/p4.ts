import type { Measure, Row, Surroundings } from './measure.ts';
import { latencyBars, latencyLimits } from './p2.ts';
import { compare, placements, readMany, valuesOf, whereabouts, type Contestant, type Placement } from './paired.ts';
import { spreadOf } from './statistics.ts';

/** Events that the server first gives as fast as they are read, so that its code is compiled: see `readMany`. */
const WARM_UP = 20_000;

/** Why a bar may not be met; printed only then. Evidence: docs/performance.md, "Asleep in epoll_wait". */
const limits: Readonly<Record<string, string>> = {
  ...latencyLimits,
  'same core':
    'After a sleep every step, ours and the kernel’s, takes about ten times what it takes when it is hot: the code is out of the ' +
    'caches, and that of a JavaScript engine is the larger. No flag of V8 changes it. See docs/performance.md.',
};

async function wake(
  surroundings: Surroundings,
  placement: Placement,
  tickUs: number,
  options: Readonly<Record<string, number>>,
): Promise<Row> {
  const { programs } = surroundings;
  const args = ['--tick-us', String(tickUs)];
  const contestants: Contestant[] = [
    { serve: programs.serveC, args },
    { serve: programs.serveOwn, args: [...args, '--warm-up', String(WARM_UP)], warmUp: readMany },
  ];
  const every = `every ${tickUs / 1000} ms`;
  const [c, own] = await compare(surroundings, `p4, ${every}`, placement, contestants, [{ mode: 'wake', options }]);
  return {
    title: `${every}, ${placement.title}`,
    unit: 'ns',
    own: spreadOf(valuesOf(own![0]!, 'median_ns')),
    other: spreadOf(valuesOf(c![0]!, 'median_ns')),
    against: 'C on libfuse',
    note: whereabouts(own![0]!, c![0]!),
  };
}

async function run(surroundings: Surroundings): Promise<Row[]> {
  const rows: Row[] = [];
  const everywhere = placements(surroundings.cpus);
  for (const placement of everywhere) {
    const row = await wake(surroundings, placement, 1000, { count: 300, warmup: 200 });
    rows.push({ ...row, bar: latencyBars[placement.title], limit: limits[placement.title] });
  }
  rows.push(await wake(surroundings, everywhere[0]!, 10_000, { count: 50, warmup: 10 }));
  return rows;
}

export const p4: Measure = {
  name: 'p4',
  title: 'asleep in epoll_wait, event raised, read done',
  bar: 'at most 1.5 times the C device on the same core, 0.6 times free to move',
  how: `An event is raised every millisecond; the client sleeps in epoll_wait, reads, and takes the time from the one in the
event to the end of its read (in between the kernel asks the server twice: poll and read). The median of 300, after 200 that
do not count; the TypeScript server has given 20 000 events before. Fresh processes in each round, C and TypeScript by
turns. With an event every 10 ms other work has taken the caches meanwhile: more of the time is memory's, and a larger
program pays more; no bar is set for that. Wakes whose event was older than the sleep do not count.`,
  needs: ['cc', 'fuse', 'libfuse'],
  rounds: 11,
  run,
};
