import { readFileSync } from 'node:fs';

import type { Bar, Measure, Row, Surroundings } from './measure.ts';
import { placements, readMany, type Placement } from './paired.ts';
import type { ClientOptions, ClientReport, Programs, Serve, Served } from './programs.ts';
import { spreadOf } from './statistics.ts';

const MANY = 10_000;
const COUNT = MANY.toLocaleString('en');
const costBar: Bar = { of: 'ratio', bound: 'at most', value: 1.2 };
const sizeBar: Bar = { of: 'own', bound: 'at most', value: 4096 };
const noneBar: Bar = { of: 'own', bound: 'at most', value: 0 };

/** One run of peers/scale.c. */
interface Size {
  readonly title: string;
  readonly mode: 'reads' | 'wait';
  readonly options: ClientOptions;
}

/** Runs on one server; the first, the smallest, is what the others are compared with. */
interface Series {
  readonly args: readonly string[];
  readonly against: string;
  readonly sizes: readonly Size[];
}

const reads = (title: string, open: number, active: number): Size => ({
  title,
  mode: 'reads',
  options: { open, active, count: 5000, warmup: 5000 },
});
const wait = (title: string, waiters: number, processes?: true): Size => ({
  title,
  mode: 'wait',
  options: { waiters, processes, count: 300, warmup: 100 },
});

const opened: Series = {
  args: ['--saturate'],
  against: 'one open file',
  sizes: [
    reads('one open file', 1, 1),
    reads('read one of 100 open files', 100, 1),
    reads(`read one of ${COUNT} open files`, MANY, 1),
  ],
};
const active: Series = {
  args: ['--saturate'],
  against: '1 active of 100 open files',
  sizes: [
    reads('1 active of 100 open files', 100, 1),
    reads('8 active of 100 open files, read by turns', 100, 8),
    reads('64 active of 100 open files, read by turns', 100, 64),
  ],
};
const waiting: Series = {
  args: ['--tick-us', '1000', '--warm-up', '20000'],
  against: 'one that waits',
  sizes: [
    wait('one that waits', 1),
    wait('wake one of 8 threads in epoll', 8),
    wait('wake one of 64 threads in epoll', 64),
    wait('wake one of 8 processes in epoll', 8, true),
    wait('wake one of 64 processes in epoll', 64, true),
  ],
};

/** Sizes of bench/crowd.ts; the first is what the others are compared with. */
const crowds = [
  { size: '1:1', title: 'the only context' },
  { size: '100:1', title: 'one of 100 contexts' },
  { size: `${MANY}:1`, title: `one of ${COUNT} contexts` },
  { size: '100:8', title: '8 of 100 contexts, by turns' },
  { size: '100:64', title: '64 of 100 contexts, by turns' },
];

/** The most memory that a process has had at any time, in bytes. */
function peakMemory(pid: number): number {
  const kibibytes = /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

async function withServer<T>(
  serve: Serve,
  args: readonly string[],
  placement: Placement,
  work: (served: Served) => Promise<T>,
): Promise<T> {
  const served = await serve(args, placement.server);
  try {
    return await work(served);
  } finally {
    await served.device.stop();
  }
}

interface Taken {
  readonly report: ClientReport;
  /** By how much the server's peak memory grew. */
  readonly growth: number;
}

/** One round of a series on a fresh server, from the smallest size up or, in every other round, down. */
function once({ args, sizes }: Series, programs: Programs, placement: Placement, round: number): Promise<Taken[]> {
  return withServer(programs.serveOwn, args, placement, async served => {
    await readMany(programs, served, placement);
    const taken: Taken[] = [];
    const order = sizes.map((_, index) => (round % 2 === 1 ? index : sizes.length - 1 - index));
    for (const index of order) {
      const { mode, options } = sizes[index]!;
      const before = peakMemory(served.device.pid);
      const report = await programs.read('scale', served.file, mode, { ...options, cpu: placement.client });
      taken[index] = { report, growth: peakMemory(served.device.pid) - before };
    }
    return taken;
  });
}

function costRows({ sizes, against }: Series, rounds: readonly Taken[][]): Row[] {
  const cost = (index: number) => spreadOf(rounds.map(round => round[index]!.report['median_ns']!));
  return sizes.slice(1).map(({ title }, index) => ({
    title: `${title}, same core`,
    unit: 'ns',
    own: cost(index + 1),
    other: cost(0),
    against,
    bar: costBar,
  }));
}

function crowdRows(rounds: readonly (readonly number[])[]): Row[] {
  const cost = (index: number) => spreadOf(rounds.map(medians => medians[index]!));
  return crowds.slice(1).map(({ title }, index) => ({
    title: `interrupt in this process, ${title}`,
    unit: 'ns',
    own: cost(index + 1),
    other: cost(0),
    against: crowds[0]!.title,
    bar: costBar,
  }));
}

/** How often those woke who wait for what did not happen. */
function idleRows(rounds: readonly Taken[][]): Row[] {
  return waiting.sizes.flatMap(({ options: { waiters, processes } }, index) => {
    if (waiters !== 64) return [];
    const who = `63 ${processes ? 'processes' : 'threads'} that wait on other files`;
    const all = (field: string) => spreadOf(rounds.map(round => round[index]!.report[field]!));
    return [
      { title: `returns from epoll_wait, ${who}`, unit: 'count', own: all('idle_returns'), bar: noneBar },
      { title: `context switches, ${who}`, unit: 'count', own: all('idle_switches'), bar: noneBar },
    ] as const;
  });
}

async function run({ programs, cpus, rounds, progress }: Surroundings): Promise<Row[]> {
  const same = placements(cpus)[0]!;
  const taken = new Map<Series, Taken[][]>([opened, active, waiting].map(series => [series, []]));
  const files = { own: [] as ClientReport[], c: [] as ClientReport[] };
  const memory = { bare: [] as number[], queue: [] as number[] };
  const crowd: number[][] = [];
  const openAll = (serve: Serve): Promise<ClientReport> =>
    withServer(serve, ['--saturate'], same, async served => {
      await readMany(programs, served, same);
      const options = { server: served.device.pid, cpu: same.client };
      // A first thousand, so that code and tables are there.
      await programs.read('scale', served.file, 'files', { ...options, open: 1000 });
      return programs.read('scale', served.file, 'files', { ...options, open: MANY });
    });
  const footprint = async (kind: string): Promise<number> =>
    ((await programs.runOwn('footprint.js', [kind, '--open', String(MANY)])) as { bytes: number }).bytes;
  for (let round = 1; round <= rounds; round++) {
    progress(`p5: round ${round} of ${rounds}`);
    for (const [series, reports] of taken) reports.push(await once(series, programs, same, round));
    files.c.push(await openAll(programs.serveC));
    files.own.push(await openAll(programs.serveOwn));
    const sizes = crowds.map(({ size }) => size);
    crowd.push(((await programs.runOwn('crowd.js', sizes)) as { medians: number[] }).medians);
    memory.bare.push(await footprint('bare'));
    memory.queue.push(await footprint('queue'));
  }
  const fileRow = (title: string, field: string): Row => ({
    title: `${title} of ${COUNT} files, each, same core`,
    unit: 'ns',
    own: spreadOf(files.own.map(report => report[field]!)),
    other: spreadOf(files.c.map(report => report[field]!)),
    against: 'C on libfuse',
  });
  const perFile = taken.get(opened)!.map(round => round.at(-1)!.growth / MANY);
  return [
    ...[...taken].flatMap(([series, reports]) => costRows(series, reports)),
    ...crowdRows(crowd),
    ...idleRows(taken.get(waiting)!),
    {
      ...fileRow('open and start', 'open_ns'),
      note: "The C device's one name and its attributes may be cached for ever: of it only OPEN and IOCTL are asked.",
    },
    fileRow('close', 'close_ns'),
    { title: 'context in this process', unit: 'bytes', own: spreadOf(memory.bare), bar: sizeBar },
    { title: 'context with an EventQueue', unit: 'bytes', own: spreadOf(memory.queue), bar: sizeBar },
    { title: 'open device file, server at its peak', unit: 'bytes', own: spreadOf(perFile) },
  ];
}

export const p5: Measure = {
  name: 'p5',
  title: `many: 1 to ${COUNT} contexts open, 1 to 64 active, 1 to 64 waiting`,
  bar: "at most 1.2 times the smallest one's cost per event; none woken for another's event; at most 4 KiB each",
  how: `Ours against ours, all sizes on one server in each round, from the smallest up and in every other round down; the
client is \`peers/scale.c\`. Open: that many files open and started, one of which has events; active: so many have, and are
read by turns. 5000 reads each, after 5000 that do not count. Waiting: each thread or process sleeps in epoll_wait on a file
of its own, and one of these has an event every millisecond: the time from the event to the end of its read, of 300. Of the
others it is counted how often epoll_wait returned and, from /proc, how often they were switched away from, which they cannot
be without having run. In this process: interrupts as in P1 on so many contexts, all sizes in one process by turns
(\`crowd.ts\`). Files are opened and started one after the other and closed when all are open, newest first; closing
ends when the server has nothing left to do. Memory in this process: growth of the heap and of what array buffers hold, after
collection, over ${COUNT} open and started contexts. Memory of the server: by how much its peak grew while ${COUNT} files were
open, divided by them; that includes garbage which nobody had collected yet.`,
  needs: ['cc', 'fuse', 'libfuse'],
  rounds: 5,
  run,
};
