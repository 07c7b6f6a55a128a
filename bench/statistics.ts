// Medians and how far the middle of the values spreads.

/** What a number of rounds gave: the middle one, and where all but the lowest and the highest tenth lie. */
export interface Spread {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  /** In the order in which they were measured. */
  readonly values: readonly number[];
}

/** The value below which `share` (0 to 1) of them lie, of values in ascending order. */
function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.floor((sorted.length - 1) * share)]!;
}

/** @throws RangeError without values */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no values to take the median of');
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), p10: quantile(sorted, 0.1), p90: quantile(sorted, 0.9), values };
}
