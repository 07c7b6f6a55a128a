// Whether anything got worse than the committed results. Only ratios are judged: times are a machine's, ratios nearly not.
import { moreIsBetter } from './measure.ts';
import type { KeptRow, Summary } from './results.ts';

/** How much worse than the worse end of the committed spread a ratio may be. */
export const TOLERANCE = 0.1;

export type Verdict = 'as before' | 'better' | 'WORSE' | 'new' | 'missing';

export interface Judgement {
  readonly row: KeptRow;
  readonly verdict: Verdict;
  readonly committed?: Summary;
  readonly now?: Summary;
  /** Where the median of the ratios begins to be worse. */
  readonly bound?: number;
}

export const nameOf = ({ measure, title, against }: KeptRow): string =>
  `${measure}: ${title}${against === undefined ? '' : `, against ${against}`}`;

function compare(row: KeptRow, committed: Summary, now: Summary): Judgement {
  const more = moreIsBetter(row.unit);
  const [worseEnd, betterEnd] = more ? [committed.p10, committed.p90] : [committed.p90, committed.p10];
  const bound = more ? worseEnd / (1 + TOLERANCE) : worseEnd * (1 + TOLERANCE);
  const better = more ? betterEnd * (1 + TOLERANCE) : betterEnd / (1 + TOLERANCE);
  const beyond = (limit: number, up: boolean): boolean => (up ? now.median > limit : now.median < limit);
  const verdict = beyond(bound, !more) ? 'WORSE' : beyond(better, more) ? 'better' : 'as before';
  return { row, verdict, committed, now, bound };
}

/**
 * Every row with a ratio, of the measures that were run: those that are there now in their order, then those that are
 * missing, such as rows for two cores on a machine with one.
 */
export function judge(
  committed: readonly KeptRow[],
  now: readonly KeptRow[],
  measured: readonly string[],
): Judgement[] {
  const before = new Map(committed.map(row => [nameOf(row), row]));
  const present = now.flatMap((row): Judgement[] => {
    if (!row.ratio) return [];
    const known = before.get(nameOf(row))?.ratio;
    return [known ? compare(row, known, row.ratio) : { row, verdict: 'new', now: row.ratio }];
  });
  const names = new Set(now.map(nameOf));
  const missing = committed
    .filter(row => row.ratio && measured.includes(row.measure) && !names.has(nameOf(row)))
    .map((row): Judgement => ({ row, verdict: 'missing', committed: row.ratio! }));
  return [...present, ...missing];
}
