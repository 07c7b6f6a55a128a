// npm run bench: measures what design.md section 6 sets bars for, says whether they are met, and whether anything got worse.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { judge, TOLERANCE } from './check.ts';
import { describeMachine } from './machine.ts';
import type { Measure } from './measure.ts';
import { measures } from './measures.ts';
import { allowedCpus, checks, Programs, root } from './programs.ts';
import { checkTable, forKeeping, forPeople, forPrograms } from './report.ts';
import { formatKept, keptRows, parseKept, type Kept, type Result } from './results.ts';
import { Workshop } from './workshop.ts';

const help = `usage: npm run bench -- [NAME...] [--json] [--rounds N] [--write | --check]

Measures, by default all, which takes 10 to 15 minutes:
${measures.map(({ name, title, bar, rounds }) => `  ${name}  ${title}\n      bar: ${bar}; ${rounds} rounds`).join('\n')}

  --json      one JSON object on standard output instead of tables
  --rounds N  rounds of each measure, instead of its own number
  --write     also write bench/RESULTS.md and bench/results.json, when everything was measured
  --check     also compare with bench/results.json: a row is worse when the median of its ratios is beyond the committed
              spread (p10 to p90) and ${TOLERANCE * 100} % more. Only ratios are judged, never times
  --help      this

Needs cc and /dev/fuse, and for p2 to p5 also pkg-config and libfuse3-dev. Status 0 when everything was measured, whether the
bars are met or not; 1 when a measure failed or, with --check, a row got worse; 2 when something is missing or the command line
is wrong.
`;

const keptFile = join(root, 'bench/results.json');
const resultsFile = join(root, 'bench/RESULTS.md');

/** What the user has to know or change: one line, status 2. */
class UserError extends Error {}

interface Wanted {
  readonly chosen: readonly Measure[];
  readonly rounds: number | undefined;
  readonly json: boolean;
  readonly write: boolean;
  readonly check: boolean;
  readonly help: boolean;
}

const options = {
  json: { type: 'boolean', default: false },
  rounds: { type: 'string' },
  write: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false },
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
  const { json, write, check, help } = values;
  if (write && check) throw new UserError('--write replaces what --check compares with: only one of them');
  if (write && positionals.length > 0) throw new UserError('--write is for a run of everything: name no measure');
  const chosen = positionals.length === 0 ? measures : measures.filter(({ name }) => positionals.includes(name));
  return { chosen, rounds, json, write, check, help };
}

function readKept(): Kept {
  if (!existsSync(keptFile)) throw new UserError('no bench/results.json to compare with: npm run bench -- --write');
  try {
    return parseKept(readFileSync(keptFile, 'utf8'));
  } catch (error) {
    throw new UserError(`bench/results.json: ${error instanceof Error ? error.message : String(error)}`);
  }
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
    const began = performance.now();
    try {
      const surroundings = { programs, cpus, rounds: rounds ?? measure.rounds, progress };
      results.push({ measure, rows: await measure.run(surroundings) });
    } catch (error) {
      process.exitCode = 1;
      progress(`${measure.name} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    progress(`${measure.name} took ${Math.round((performance.now() - began) / 1000)} s`);
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
  const kept = wanted.check ? readKept() : undefined;
  const cpus = allowedCpus();
  const machine = describeMachine(cpus, root);
  if (machine.load > 0.5) progress(`the load is ${machine.load}: other programs will show in the numbers`);
  const results = await measureAll(wanted, cpus);
  const measured = results.map(({ measure }) => measure.name);
  const judgements = kept && judge(kept.rows, keptRows(results), measured);
  if (wanted.json) process.stdout.write(forPrograms(results, machine, judgements));
  else process.stdout.write(forPeople(results, machine));
  if (kept && judgements) {
    if (!wanted.json) process.stdout.write(`\n${checkTable(judgements, kept.machine)}`);
    if (judgements.some(({ verdict }) => verdict === 'WORSE')) process.exitCode = 1;
  }
  if (wanted.write && results.length === measures.length) {
    const command = ['npm run bench --', ...args].join(' ');
    writeFileSync(resultsFile, forKeeping(results, machine, command));
    writeFileSync(keptFile, formatKept(results, machine, command));
    progress('bench/RESULTS.md and bench/results.json were written');
  }
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  progress(error.message);
  process.exitCode = 2;
}
