// npm run bench: measures what design.md section 6 sets bars for, and says whether they are met.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import type { Measure } from './measure.ts';
import { measures } from './measures.ts';
import { allowedCpus, checks, Programs, root } from './programs.ts';
import { describeMachine, forKeeping, forPeople, forPrograms, type Result } from './report.ts';
import { Workshop } from './workshop.ts';

const help = `usage: npm run bench -- [NAME...] [--json] [--rounds N] [--write]

Measures, by default all:
${measures.map(({ name, title }) => `  ${name}  ${title}`).join('\n')}

  --json      one JSON object on standard output instead of tables
  --rounds N  rounds of each measure, instead of its own number
  --write     also write bench/RESULTS.md, when everything was measured
  --help      this

Needs cc, and for p2 to p5 also pkg-config, libfuse3-dev and /dev/fuse. Status 0 when everything was measured, whether the
bars are met or not; 1 when a measure failed; 2 when something is missing or the command line is wrong.
`;

/** What the user has to know or change: one line, status 2. */
class UserError extends Error {}

interface Wanted {
  readonly chosen: readonly Measure[];
  readonly rounds: number | undefined;
  readonly json: boolean;
  readonly write: boolean;
  readonly help: boolean;
}

const options = {
  json: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  write: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

function readArguments(args: string[]): Wanted {
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UserError(error instanceof Error ? error.message : String(error));
  }
  const { positionals, values } = parsed;
  const unknown = positionals.find(name => !measures.some(measure => measure.name === name));
  if (unknown !== undefined) {
    throw new UserError(`no measure "${unknown}": ${measures.map(({ name }) => name).join(', ')}`);
  }
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds >= 1)) {
    throw new UserError(`--rounds must be a whole number from 1, not ${values.rounds}`);
  }
  if (values.write && positionals.length > 0)
    throw new UserError('--write is for a run of everything: name no measure');
  const chosen = positionals.length === 0 ? measures : measures.filter(({ name }) => positionals.includes(name));
  return { chosen, rounds, json: values.json, write: values.write, help: values.help };
}

function checkMachine(chosen: readonly Measure[]): void {
  if (process.platform !== 'linux') throw new UserError(`benchmarks run on Linux, not ${process.platform}`);
  for (const need of new Set(chosen.flatMap(({ needs }) => needs))) {
    const missing = checks[need]();
    if (missing !== undefined) throw new UserError(missing);
  }
}

const progress = (line: string): void => void process.stderr.write(`bench: ${line}\n`);

async function measureAll({ chosen, rounds }: Wanted, cpus: readonly number[]): Promise<Result[]> {
  const programs = new Programs(new Workshop());
  const results: Result[] = [];
  for (const measure of chosen) {
    try {
      const surroundings = { programs, cpus, rounds: rounds ?? measure.rounds, progress };
      results.push({ measure, rows: await measure.run(surroundings) });
    } catch (error) {
      process.exitCode = 1;
      progress(`${measure.name} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return results;
}

async function main(args: string[]): Promise<void> {
  const wanted = readArguments(args);
  if (wanted.help) {
    process.stdout.write(help);
    return;
  }
  checkMachine(wanted.chosen);
  const cpus = allowedCpus();
  const machine = describeMachine(cpus);
  if (machine.load > 0.5) progress(`the load is ${machine.load}: other programs will show in the numbers`);
  const results = await measureAll(wanted, cpus);
  process.stdout.write(wanted.json ? forPrograms(results, machine) : forPeople(results, machine));
  if (wanted.write && results.length === measures.length) {
    writeFileSync(
      join(root, 'bench/RESULTS.md'),
      forKeeping(results, machine, ['npm run bench --', ...args].join(' ')),
    );
    progress('bench/RESULTS.md was written');
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  progress(error.message);
  process.exitCode = 2;
}
