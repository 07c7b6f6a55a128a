// What is printed and written: tables for people, one object for programs, one file to keep.
import { TOLERANCE, type Judgement } from './check.ts';
import { machineLine, type Machine } from './machine.ts';
import { met, ratioOf, type Bar, type Row, type Unit } from './measure.ts';
import type { Result, Summary } from './results.ts';

/** Three digits that count. */
const digits = (value: number): string =>
  value >= 99.95 ? String(Math.round(value)) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);

/** Of each unit its multiples, the first of which the value is below its end. */
const scales: Readonly<Record<Unit, readonly (readonly [end: number, divisor: number, name: string])[]>> = {
  ns: [
    [1e3, 1, 'ns'],
    [1e6, 1e3, 'µs'],
    [Infinity, 1e6, 'ms'],
  ],
  'events/s': [
    [1e6, 1e3, 'k/s'],
    [Infinity, 1e6, 'M/s'],
  ],
  bytes: [
    [65_536, 1, 'B'],
    [Infinity, 1024, 'KiB'],
  ],
  count: [[Infinity, 1, '']],
};

function formatted(value: number, unit: Unit): string {
  const [, divisor, name] = scales[unit].find(([end]) => value < end)!;
  // Whole things stay whole.
  const number =
    divisor === 1 && unit !== 'ns' ? String(value < 10 ? value : Math.round(value)) : digits(value / divisor);
  return name === '' ? number : `${number} ${name}`;
}

/** One value where all are the same. */
function withSpread({ median, p10, p90 }: Summary, format: (value: number) => string): string {
  return p10 === p90 ? format(median) : `${format(median)} (${format(p10)} to ${format(p90)})`;
}

const ratioText = (ratio: Summary | undefined): string => (ratio ? withSpread(ratio, digits) : '');

function barText(bar: Bar, unit: Unit): string {
  const sign = bar.bound === 'at most' ? '≤' : '≥';
  return `${sign} ${bar.of === 'own' ? formatted(bar.value, unit) : `ratio ${bar.value}`}`;
}

/** What must be said of a row below the table. */
function footnotes(row: Row): string[] {
  const limit = met(row) === false ? row.limit : undefined;
  return [limit, row.note].filter(text => text !== undefined);
}

function rowCells(name: string, row: Row, marks: string): string[] {
  const { title, unit, own, other, against, bar } = row;
  const ratio = ratioOf(row);
  const inUnit = (value: number): string => formatted(value, unit);
  const verdict = bar ? (met(row) ? 'met' : 'NOT met') : '';
  return [
    name,
    title,
    withSpread(own, inUnit),
    other ? `${against}: ${withSpread(other, inUnit)}` : '',
    ratioText(ratio),
    bar ? barText(bar, unit) : '',
    `${verdict}${marks}`.trim(),
  ];
}

/** A Markdown table, its columns in line. */
function markdown(headings: readonly string[], lines: readonly (readonly string[])[]): string {
  const all = [headings, ...lines];
  const widths = headings.map((_, column) => Math.max(3, ...all.map(line => line[column]!.length)));
  const text = all.map(line => `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`;
  return [text[0], rule, ...text.slice(1)].join('\n');
}

const HEADINGS = ['', '', 'afukit: median (p10 to p90)', 'against', 'ratio (p10 to p90)', 'bar', ''];

/** All rows of all measures in one table, and below it what must be said of some. */
function wholeTable(results: readonly Result[]): string {
  const notes: string[] = [];
  const marks = (row: Row): string =>
    footnotes(row)
      .map(text => {
        if (!notes.includes(text)) notes.push(text);
        return ` [${notes.indexOf(text) + 1}]`;
      })
      .join('');
  const lines = results.flatMap(({ measure, rows }) => rows.map(row => rowCells(measure.name, row, marks(row))));
  const list = notes.map((text, index) => `${index + 1}. ${text}\n`);
  return `${markdown(HEADINGS, lines)}\n${list.length > 0 ? `\n${list.join('')}` : ''}`;
}

export function forPeople(results: readonly Result[], machine: Machine): string {
  return `${machineLine(machine)}\n\n${wholeTable(results)}`;
}

export function forPrograms(results: readonly Result[], machine: Machine, judgements?: readonly Judgement[]): string {
  const measures = results.map(({ measure, rows }) => ({
    name: measure.name,
    title: measure.title,
    bar: measure.bar,
    rows: rows.map(row => ({ ...row, ratio: ratioOf(row), met: met(row) })),
  }));
  return `${JSON.stringify({ machine, measures, check: judgements })}\n`;
}

/** What `--check` says: every judged row, the worse ones first. */
export function checkTable(judgements: readonly Judgement[], committed: Machine): string {
  const order = judgements.toSorted((a, b) => Number(b.verdict === 'WORSE') - Number(a.verdict === 'WORSE'));
  const lines = order.map(({ row, verdict, committed, now, bound }) => [
    row.measure,
    row.title,
    row.against ?? '',
    ratioText(committed),
    ratioText(now),
    bound === undefined ? '' : digits(bound),
    verdict,
  ]);
  const headings = ['', '', 'against', 'ratio in results.json', 'ratio now', 'worse from', ''];
  const worse = judgements.filter(({ verdict }) => verdict === 'WORSE').length;
  return `${markdown(headings, lines)}

Committed: ${machineLine(committed)}.
Worse is a median beyond the committed spread and ${TOLERANCE * 100} % more: ${worse === 0 ? 'no row' : `${worse} of ${judgements.length} rows`}.
`;
}

/** bench/RESULTS.md */
export function forKeeping(results: readonly Result[], machine: Machine, command: string): string {
  const parts = results.map(
    ({ measure: { name, title, bar, how } }) => `## ${name.toUpperCase()}: ${title}\n\nBar: ${bar}.\n\n${how}\n`,
  );
  return `# Benchmark results

${machineLine(machine)}.

Written by \`${command}\`, together with \`results.json\`; change \`bench/*.ts\`, not this file. A row is the median over
its rounds and, in brackets, where all but the lowest and the highest tenth of the rounds lie. What is compared is measured in
the same run, by turns; the ratio, ours to the other, is taken round by round and its median and spread are shown. A row
without a bar is there to understand the others by. The bars are those that the design asks for, met or not.

${wholeTable(results)}
${parts.join('\n')}`;
}
