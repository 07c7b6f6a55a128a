// bench/results.json: what a run resulted in, for the runs after it to be judged by.
import type { Machine } from './machine.ts';
import { met, ratioOf, type Bar, type Measure, type Row, type Unit } from './measure.ts';
import type { Spread } from './statistics.ts';

export interface Result {
  readonly measure: Measure;
  readonly rows: readonly Row[];
}

/** A spread without the values that it is made of. */
export type Summary = Pick<Spread, 'median' | 'p10' | 'p90'>;

/** One row; measure, title and `against` together name it. */
export interface KeptRow {
  readonly measure: string;
  readonly title: string;
  readonly against?: string;
  readonly unit: Unit;
  readonly own: Summary;
  readonly other?: Summary;
  readonly ratio?: Summary;
  readonly bar?: Bar;
  readonly met?: boolean;
  readonly limit?: string;
}

export interface Kept {
  readonly version: 1;
  readonly command: string;
  readonly machine: Machine;
  readonly rows: readonly KeptRow[];
}

/** Six digits are more than any of it is good for. */
const rounded = (value: number): number => Number(value.toPrecision(6));
const summary = ({ median, p10, p90 }: Spread): Summary => ({
  median: rounded(median),
  p10: rounded(p10),
  p90: rounded(p90),
});

export function keptRows(results: readonly Result[]): KeptRow[] {
  return results.flatMap(({ measure, rows }) =>
    rows.map(row => {
      const { title, against, unit, own, other, bar, limit } = row;
      const ratio = ratioOf(row);
      return {
        measure: measure.name,
        title,
        ...(against === undefined ? {} : { against }),
        unit,
        own: summary(own),
        ...(other ? { other: summary(other) } : {}),
        ...(ratio ? { ratio: summary(ratio) } : {}),
        ...(bar ? { bar, met: met(row)! } : {}),
        ...(limit === undefined || met(row) !== false ? {} : { limit }),
      };
    }),
  );
}

/** A line for each row, so that a difference shows which. */
export function formatKept(results: readonly Result[], machine: Machine, command: string): string {
  const kept: Kept = { version: 1, command, machine, rows: [] };
  const lines = keptRows(results).map(row => JSON.stringify(row));
  return `${JSON.stringify(kept).replace(/\[\]\}$/, '')}[\n${lines.join(',\n')}\n]}\n`;
}

/** @throws Error when it is not what formatKept wrote */
export function parseKept(text: string): Kept {
  const kept = JSON.parse(text) as Partial<Kept> | null;
  if (kept?.version !== 1 || !Array.isArray(kept.rows) || !kept.machine) throw new Error('not results of version 1');
  return kept as Kept;
}
