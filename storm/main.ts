// npm run storm: the device files under everything that readers, signals and servers do at the wrong moment.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { parseArgs } from 'node:util';

import { StormFailure } from './failure.ts';
import type { Figures } from './figures.ts';
import { kinds, type Kind } from './kinds.ts';
import { storm, type StormOptions } from './storm.ts';

const help = `usage: npm run storm -- [--minutes N | --seconds N] [--rounds N] [--seed N] [--kinds A,B] [--json]

Kinds, by default all, a round of each by turns:
${kinds.map(({ name, title }) => `  ${name.padEnd(7)} ${title}`).join('\n')}

  --minutes N, --seconds N  how long; default 60 seconds
  --rounds N                so many rounds of each kind instead
  --seed N                  decisions that can be repeated, 0 to 4294967295; default: another each time
  --json                    one JSON object on standard output instead of the table
  --help                    this

Needs cc and /dev/fuse. Status 0 when nothing was missed, repeated or left behind; 1 with a report otherwise; 2 when
something is missing or the command line is wrong.
`;

/** What the user has to know or change: one line, status 2. */
class UserError extends Error {}

const options = {
  minutes: { type: 'string' },
  seconds: { type: 'string' },
  rounds: { type: 'string' },
  seed: { type: 'string' },
  kinds: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

interface Wanted extends StormOptions {
  readonly json: boolean;
  readonly help: boolean;
}

function numberOf(name: string, text: string | undefined, whole: boolean): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  const good = text.trim() !== '' && value >= 0 && value < 2 ** 32 && (!whole || Number.isInteger(value));
  if (!good) throw new UserError(`--${name} must be a ${whole ? 'whole ' : ''}number from 0, not ${text}`);
  return value;
}

function kindsNamed(list: string | undefined): readonly Kind[] {
  if (list === undefined) return kinds;
  return list.split(',').map(name => {
    const kind = kinds.find(each => each.name === name);
    if (!kind) throw new UserError(`no kind "${name}": ${kinds.map(each => each.name).join(', ')}`);
    return kind;
  });
}

function readArguments(args: string[]): Wanted {
  let values;
  try {
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    throw new UserError(error instanceof Error ? error.message : String(error));
  }
  const minutes = numberOf('minutes', values.minutes, false);
  const seconds = numberOf('seconds', values.seconds, false);
  if (minutes !== undefined && seconds !== undefined) throw new UserError('--minutes or --seconds, not both');
  const rounds = numberOf('rounds', values.rounds, true);
  const time = 1000 * (seconds ?? (minutes === undefined ? 60 : 60 * minutes));
  const timed = rounds === undefined || minutes !== undefined || seconds !== undefined;
  return {
    kinds: kindsNamed(values.kinds),
    seed: numberOf('seed', values.seed, true) ?? Math.floor(Math.random() * 2 ** 32),
    ...(timed ? { milliseconds: time } : {}),
    ...(rounds === undefined ? {} : { rounds }),
    json: values.json,
    help: values.help,
  };
}

function checkMachine(): void {
  if (process.platform !== 'linux') throw new UserError(`storms are for Linux, not ${process.platform}`);
  if (!existsSync('/dev/fuse'))
    throw new UserError('no /dev/fuse: modprobe fuse, or in a container --device /dev/fuse');
  if (spawnSync('cc', ['--version'], { stdio: 'ignore' }).status !== 0) {
    throw new UserError('no C compiler "cc": apt-get install gcc libc6-dev');
  }
}

const say = (text: string): void => void process.stderr.write(text);

const columns: readonly (readonly [string, (figures: Figures) => number])[] = [
  ['rounds', ({ rounds }) => rounds],
  ['actions', ({ actions }) => actions],
  ['readers', ({ readers }) => readers],
  ['threads', ({ threads }) => threads],
  ['sent', ({ sent }) => sent],
  ['delivered', ({ delivered }) => delivered],
  ['coalesced', ({ coalesced }) => coalesced],
  ['kept', ({ kept }) => kept],
  ['missed', ({ missed }) => missed],
  ['kills', ({ kills }) => kills],
  ['signals', ({ signals }) => signals],
  ['flips', ({ flips }) => flips],
  ['stops', ({ stops }) => stops],
  ['remounts', ({ remounts }) => remounts],
  ['MiB', ({ memory }) => Math.round(memory / 2 ** 20)],
  ['heap MiB', ({ heap }) => Math.round(heap / 2 ** 20)],
];

function table(results: ReadonlyMap<Kind, Figures>): string {
  const rows = [
    ['kind', ...columns.map(([title]) => title)],
    ...[...results].map(([{ name }, figures]) => [name, ...columns.map(([, value]) => String(value(figures)))]),
  ];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  ');
  return `${rows.map(line).join('\n')}\n`;
}

async function main(args: string[]): Promise<void> {
  const wanted = readArguments(args);
  if (wanted.help) {
    process.stdout.write(help);
    return;
  }
  checkMachine();
  const began = performance.now();
  const { stderr } = process;
  const progress: StormOptions['progress'] = (kind, round, { delivered }) => {
    if (!stderr.isTTY) return;
    const seconds = Math.round((performance.now() - began) / 1000);
    say(`\r\u001b[Kstorm: ${seconds} s, round ${round + 1}, ${kind.name}: ${delivered} events so far`);
  };
  if (!wanted.json) say(`storm: seed ${wanted.seed}\n`);
  let results;
  try {
    results = await storm({ ...wanted, progress });
  } finally {
    if (stderr.isTTY) say('\r\u001b[K');
  }
  if (wanted.json) {
    const byName = Object.fromEntries([...results].map(([{ name }, figures]) => [name, figures]));
    process.stdout.write(`${JSON.stringify({ seed: wanted.seed, kinds: byName })}\n`);
  } else {
    process.stdout.write(table(results));
  }
}

// The stage clears itself away on `exit`.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(128 + constants.signals[signal]));
}
try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UserError) {
    say(`storm: ${error.message}\n`);
    process.exitCode = 2;
  } else if (error instanceof StormFailure) {
    say(`storm: ${error.message}\n${error.details.map(line => `  ${line}\n`).join('')}`);
    // Whoever is left is ended on `exit`.
    process.exit(1);
  } else {
    throw error;
  }
}
