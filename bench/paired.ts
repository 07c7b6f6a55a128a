// Device files compared: the same client against one server and the other, by turns, each time in fresh processes.
import type { Surroundings } from './measure.ts';
import type { ClientReport, Cpu, Programs, Serve, Served } from './programs.ts';

export interface Placement {
  readonly title: string;
  readonly server: Cpu;
  readonly client: Cpu;
}

/** Where server and client run; the second is left out on a machine with one CPU. */
export function placements(cpus: readonly number[]): Placement[] {
  const [first, second] = cpus;
  const free = { title: 'free to move', server: undefined, client: undefined };
  const same = { title: 'same core', server: first, client: first };
  return second === undefined ? [same, free] : [same, { title: 'two cores', server: first, client: second }, free];
}

type WarmUp = (programs: Programs, served: Served, placement: Placement) => Promise<void>;

/** One of the two that are compared: a server with its arguments, and what is done before it is measured. */
export interface Contestant {
  readonly serve: Serve;
  readonly args: readonly string[];
  readonly warmUp?: WarmUp;
}

/** One measuring run of the client. */
export interface Run {
  readonly mode: string;
  readonly options: Readonly<Record<string, number>>;
}

/** For each run, what the client said in each round, and what else was looked at. */
export type Reports = readonly (readonly ClientReport[])[];

const reading =
  (count: number): WarmUp =>
  async (programs, { file }, { server }) => {
    await programs.read('client', file, 'poll-read', { count, warmup: 0, cpu: server });
  };

/** Reads 20 000 events, beside the server: compilers, caches and the kernel's structures are then as they stay. */
export const readMany: WarmUp = reading(20_000);

/** As many as a server needs that has nothing to compile. */
export const readSome: WarmUp = reading(2000);

async function oneRound(
  programs: Programs,
  { serve, args, warmUp }: Contestant,
  placement: Placement,
  runs: readonly Run[],
): Promise<ClientReport[]> {
  const served = await serve(args, placement.server);
  const reports: ClientReport[] = [];
  try {
    await warmUp?.(programs, served, placement);
    for (const { mode, options } of runs) {
      const server = placement.client === undefined ? served.device.pid : undefined;
      reports.push(await programs.read('client', served.file, mode, { ...options, cpu: placement.client, server }));
    }
  } finally {
    await served.device.stop();
  }
  return reports;
}

/** Rounds of both by turns, after one that does not count. Results stand by contestant, then by run, then by round. */
export async function compare(
  { programs, rounds, progress }: Surroundings,
  name: string,
  placement: Placement,
  contestants: readonly Contestant[],
  runs: readonly Run[],
): Promise<Reports[]> {
  const reports = contestants.map(() => runs.map((): ClientReport[] => []));
  for (let round = 0; round <= rounds; round++) {
    progress(`${name}, ${placement.title}: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`);
    for (const [index, contestant] of contestants.entries()) {
      const results = await oneRound(programs, contestant, placement, runs);
      if (round > 0) for (const [run, result] of results.entries()) reports[index]![run]!.push(result);
    }
  }
  return reports;
}

/** One number of every round. */
export function valuesOf(reports: readonly ClientReport[], field: string): number[] {
  return reports.map(report => report[field]!);
}

function shareOnOneCore(reports: readonly ClientReport[]): string {
  const values = valuesOf(reports, 'same_cpu');
  return `${Math.round((100 * values.reduce((sum, value) => sum + value, 0)) / values.length)} %`;
}

/** Where the scheduler put server and client that were free to move; undefined where they were pinned. */
export function whereabouts(own: readonly ClientReport[], c: readonly ClientReport[]): string | undefined {
  if (own[0]?.['same_cpu'] === undefined) return undefined;
  const [ours, others] = [own, c].map(shareOnOneCore);
  return `Server and client were found on one core in ${ours} of the looks at ours, ${others} at C's.`;
}
