// What is printed and written: one table for people, one object for programs, one file to keep.
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';

import { met, ratioOf, type Bar, type Measure, type Row, type Unit } from './measure.ts';
import type { Spread } from './statistics.ts';

export interface Result {
  readonly measure: Measure;
  readonly rows: readonly Row[];
}

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly virtual: boolean;
  readonly node: string;
  readonly date: string;
  /** Over the minute before: what else ran. */
  readonly load: number;
}

export function describeMachine(allowed: readonly number[]): Machine {
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const memory = /^MemTotal:\s*(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: allowed.length,
    memoryMiB: Math.round(Number(memory) / 1024),
    kernel: `Linux ${release()} ${process.arch}`,
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(info),
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    load: Math.round(loadavg()[0]! * 100) / 100,
  };
}

const machineLine = (machine: Machine): string =>
  `${machine.cpu}${machine.virtual ? ' (virtual machine)' : ''}, ${machine.cpus} CPUs, ${machine.memoryMiB} MiB, ` +
  `${machine.kernel}, Node ${machine.node}, ${machine.date}, load ${machine.load} at the start`;

/** Three digits that count. */
const digits = (value: number): string =>
  value >= 99.95 ? String(Math.round(value)) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);

function formatted(value: number, unit: Unit): string {
  if (unit === 'bytes') return `${value < 10 ? value : Math.round(value)} B`;
  if (unit === 'ns') return value < 1000 ? `${digits(value)} ns` : `${digits(value / 1000)} µs`;
  return value < 1e6 ? `${digits(value / 1e3)} k/s` : `${digits(value / 1e6)} M/s`;
}

const withSpread = (spread: Spread, unit: Unit): string =>
  `${formatted(spread.median, unit)} (${formatted(spread.p10, unit)} to ${formatted(spread.p90, unit)})`;

function barText(bar: Bar, unit: Unit): string {
  const sign = bar.bound === 'at most' ? '≤' : '≥';
  return `${sign} ${bar.of === 'own' ? formatted(bar.value, unit) : bar.value}`;
}

function cells(row: Row): string[] {
  const { title, unit, own, other, against, bar } = row;
  const ratio = ratioOf(row);
  return [
    title,
    withSpread(own, unit),
    unit === 'ns' ? formatted(1e9 / own.median, 'events/s') : '',
    other ? `${against}: ${withSpread(other, unit)}` : '',
    ratio === undefined ? '' : digits(ratio),
    bar ? barText(bar, unit) : '',
    bar ? (met(row) ? 'met' : 'NOT met') : '',
  ];
}

const HEADINGS = ['', 'afukit: median (p10 to p90)', 'per second', 'against', 'ratio', 'bar', ''];

/** One measure as a Markdown table, its columns in line. */
function table(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(3, ...lines.map(line => line[column]!.length)));
  const text = lines.map(line => `| ${line.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
  const rule = `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`;
  return [text[0], rule, ...text.slice(1)].join('\n');
}

const heading = ({ name, title }: Measure): string => `${name.toUpperCase()}: ${title}`;

export function forPeople(results: readonly Result[], machine: Machine): string {
  const parts = results.map(({ measure, rows }) => `${heading(measure)}\nBar: ${measure.bar}\n\n${table(rows)}\n`);
  return `${machineLine(machine)}\n\n${parts.join('\n')}`;
}

export function forPrograms(results: readonly Result[], machine: Machine): string {
  const measures = results.map(({ measure, rows }) => ({
    name: measure.name,
    title: measure.title,
    bar: measure.bar,
    rows: rows.map(row => ({ ...row, ratio: ratioOf(row), met: met(row) })),
  }));
  return `${JSON.stringify({ machine, measures })}\n`;
}

/** bench/RESULTS.md */
export function forKeeping(results: readonly Result[], machine: Machine, command: string): string {
  const parts = results.map(
    ({ measure, rows }) => `## ${heading(measure)}\n\nBar: ${measure.bar}.\n\n${table(rows)}\n\n${measure.how}\n`,
  );
  return `# Benchmark results

${machineLine(machine)}.

Written by \`${command}\`; change \`bench/*.ts\`, not this file. A row is the median over its rounds and, in brackets,
where all but the lowest and the highest tenth of the rounds lie. What is compared is measured in the same run, by turns. The
ratio is that of the medians, ours to the other; "per second" is what one after the other would give. A row without a bar is
there to understand the others by. The bars are those that the design asks for, met or not.

${parts.join('\n')}`;
}
