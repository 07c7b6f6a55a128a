import type { Bar, Measure, Row, Surroundings } from './measure.ts';
import { spreadOf, type Spread } from './statistics.ts';

/** What one run of dist/bench/inprocess.js prints. */
interface OwnReport {
  readonly ns: readonly number[];
  readonly bytes: number;
}
type PeerReport = Readonly<Record<'interrupt' | 'driver', { readonly median_ns: number }>>;

const atMost = (value: number): Bar => ({ of: 'own', bound: 'at most', value });

const kinds = [
  { name: 'interrupt', title: 'interrupt', peer: 'interrupt', bar: atMost(60) },
  { name: 'pull', title: '32-byte driver event, pull form', peer: 'driver', bar: atMost(90) },
  { name: 'fetch', title: '32-byte driver event, fetch form', peer: 'driver', bar: atMost(90) },
  { name: 'queue', title: '32-byte driver event, EventQueue.post', peer: 'driver', bar: atMost(90) },
] as const;

const BATCHES = ['--batches', '15', '--rounds', '1000000'];

async function run({ programs, rounds, progress }: Surroundings): Promise<Row[]> {
  const spin: PeerReport[] = [];
  const none: PeerReport[] = [];
  const own = new Map<string, OwnReport[]>();
  const mixed = new Map<string, OwnReport[]>();
  const add = async (reports: Map<string, OwnReport[]>, kind: string, args: readonly string[]): Promise<void> => {
    const report = (await programs.runOwn('inprocess.js', [kind, ...BATCHES, ...args])) as OwnReport;
    reports.set(kind, [...(reports.get(kind) ?? []), report]);
  };
  for (let round = 1; round <= rounds; round++) {
    progress(`p1: round ${round} of ${rounds}`);
    spin.push((await programs.runPeer('inprocess', BATCHES)) as PeerReport);
    for (const { name } of kinds) await add(own, name, []);
    none.push((await programs.runPeer('inprocess', ['--no-locks', ...BATCHES])) as PeerReport);
    for (const { name } of kinds) await add(mixed, name, ['--mixed']);
  }
  const medians = (reports: readonly OwnReport[]): Spread =>
    spreadOf(reports.map(report => spreadOf(report.ns).median));
  const peers = (reports: readonly PeerReport[], kind: 'interrupt' | 'driver'): Spread =>
    spreadOf(reports.map(report => report[kind].median_ns));
  return kinds.flatMap(({ name, title, peer, bar }): Row[] => {
    const ours = own.get(name)!;
    const others = mixed.get(name)!;
    return [
      { title, unit: 'ns', own: medians(ours), other: peers(spin, peer), against: 'C, spin locks', bar },
      { title, unit: 'ns', own: medians(ours), other: peers(none, peer), against: 'C, no locks' },
      { title: `${title}, after the others in one process`, unit: 'ns', own: medians(others) },
      { title: `${title}, allocated`, unit: 'bytes', own: spreadOf(ours.map(report => report.bytes)) },
    ];
  });
}

export const p1: Measure = {
  name: 'p1',
  title: 'in this process: raise, poll, read, one context',
  bar: 'at most 60 ns for an interrupt, 90 ns for a driver event of 32 bytes',
  how: `A round raises (or posts) one event, polls, which must say readable, and reads, which must bring it. Batches of a
million rounds, the median of 15; each kind in a fresh process, the C peer (\`peers/inprocess.c\`: the driver's own steps)
in between. The values of a row are the medians of such processes. "After the others" is a process in which the other kinds
of driver have run too, so that the engine has seen several shapes at each place. Bytes allocated: growth of the heap over
50 000 rounds in which nothing was collected (V8's GC profiler says so), divided by them; what remains below one byte is the
measuring itself.`,
  needs: ['cc'],
  rounds: 5,
  run,
};
