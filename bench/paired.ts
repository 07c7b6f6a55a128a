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

/** One of the two that are compared: a server with its arguments, and what is done before it is measured. */
export interface Contestant {
  readonly serve: Serve;
  readonly args: readonly string[];
  readonly warmUp?: (programs: Programs, served: Served, placement: Placement) => Promise<void>;
}

/** One measuring run of the client. */
export interface Run {
  readonly mode: string;
  readonly options: Readonly<Record<string, number>>;
}

/** For each run, what the client said in each round, and what else was looked at. */
export type Reports = readonly (readonly ClientReport[])[];

/** Reads 20 000 events, beside the server: compilers, caches and the kernel's structures are then as they stay. */
export async function readMany(programs: Programs, { file }: Served, { server }: Placement): Promise<void> {
  await programs.client(file, 'poll-read', { count: 20_000, warmup: 0, cpu: server });
}

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
      reports.push(await programs.client(served.file, mode, { ...options, cpu: placement.client }));
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
