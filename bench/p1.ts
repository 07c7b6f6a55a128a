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

/** Why a bar above may not be met; printed only then. Evidence: docs/performance.md, "In this process". */
const limit =
  'V8 inlines 920 bytes of bytecode into a caller and the path of an event is longer: with a larger budget the same code takes ' +
  "0.6 (interrupt) to 0.8 of its time. About a quarter of a driver event are the driver's own two copies of 32 bytes. See " +
  'docs/performance.md.';

/** The ways that bench/usual.ts knows; of ours the one that is used like them stands against them. */
const usual = [
  { name: 'emitter', against: 'EventEmitter' },
  { name: 'rxjs', against: 'RxJS Subject' },
  { name: 'node', against: 'Node Readable, object mode' },
  { name: 'web', against: 'Web ReadableStream' },
] as const;
const USED_LIKE_THEM = 'queue';

const BATCHES = ['--batches', '15', '--rounds', '1000000'];

async function run({ programs, rounds, progress }: Surroundings): Promise<Row[]> {
  const spin: PeerReport[] = [];
  const none: PeerReport[] = [];
  const own = new Map<string, OwnReport[]>();
  const mixed = new Map<string, OwnReport[]>();
  const others = new Map<string, OwnReport[]>();
  const add = async (reports: Map<string, OwnReport[]>, kind: string, args: readonly string[]): Promise<void> => {
    const program = reports === others ? 'usual.js' : 'inprocess.js';
    const report = (await programs.runOwn(program, [kind, ...args])) as OwnReport;
    reports.set(kind, [...(reports.get(kind) ?? []), report]);
  };
  for (let round = 1; round <= rounds; round++) {
    progress(`p1: round ${round} of ${rounds}`);
    none.push((await programs.runPeer('inprocess', ['--no-locks', ...BATCHES])) as PeerReport);
    spin.push((await programs.runPeer('inprocess', BATCHES)) as PeerReport);
    for (const { name } of kinds) await add(own, name, BATCHES);
    for (const { name } of usual) await add(others, name, []);
    for (const { name } of kinds) await add(mixed, name, ['--mixed', ...BATCHES]);
  }
  const medians = (reports: readonly OwnReport[]): Spread =>
    spreadOf(reports.map(report => spreadOf(report.ns).median));
  const peers = (reports: readonly PeerReport[], kind: 'interrupt' | 'driver'): Spread =>
    spreadOf(reports.map(report => report[kind].median_ns));
  const barred = kinds.flatMap(({ name, title, peer, bar }): Row[] => {
    const ours = own.get(name)!;
    const after = mixed.get(name)!;
    return [
      { title, unit: 'ns', own: medians(ours), other: peers(spin, peer), against: 'C, spin locks', bar, limit },
      { title, unit: 'ns', own: medians(ours), other: peers(none, peer), against: 'C, no locks' },
      { title: `${title}, after the others in one process`, unit: 'ns', own: medians(after) },
      { title: `${title}, allocated`, unit: 'bytes', own: spreadOf(ours.map(report => report.bytes)) },
    ];
  });
  const { title } = kinds.find(({ name }) => name === USED_LIKE_THEM)!;
  const ours = medians(own.get(USED_LIKE_THEM)!);
  return [
    ...barred,
    ...usual.map(({ name, against }): Row => ({
      title,
      unit: 'ns',
      own: ours,
      other: medians(others.get(name)!),
      against,
    })),
  ];
}

export const p1: Measure = {
  name: 'p1',
  title: 'in this process: raise, poll, read, one context',
  bar: 'at most 60 ns for an interrupt; 90 ns for a driver event of 32 bytes, with 60 ns to be aimed at',
  how: `A round raises (or posts) one event, polls, which must say readable, and reads, which must bring it. Batches of a
million rounds, the median of 15; each kind in a fresh process, after the C peer (\`peers/inprocess.c\`: the driver's own
steps). Two rows of one kind differ in the peer alone. The values of a row are the medians of such processes. "After the others" is a process in which the other kinds
of driver have run too, so that the engine has seen several shapes at each place. Bytes allocated: growth of the heap over
50 000 rounds in which nothing was collected (V8's GC profiler says so), divided by them; what remains below one byte is the
measuring itself. The last rows are what a TypeScript program would use today for a producer's 32 bytes (\`usual.ts\`): a
listener or an observer that keeps what comes in an array, or a stream; a round hands over a copy, asks whether something is
there, and copies it into the reader's buffer, in batches of 100 000. A Web stream's reader cannot ask, and must be awaited;
none of them can be polled by anything but its own code, and none has priorities, coalescing, or a bound that is told.`,
  needs: ['cc'],
  rounds: 5,
  run,
};
