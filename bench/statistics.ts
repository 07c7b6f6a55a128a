// Medians and how far the middle of the values spreads.

/** What a number of rounds gave: the middle one, and where all but the lowest and the highest tenth lie. */
export interface Spread {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  /** In the order in which they were measured. */
  readonly values: readonly number[];
}

/** @throws RangeError without values */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no values to take the median of');
  const sorted = values.toSorted((a, b) => a - b);
  const last = sorted.length - 1;
  const tenth = Math.floor(last / 10);
  const median = (sorted[Math.floor(last / 2)]! + sorted[Math.ceil(last / 2)]!) / 2;
  return { median, p10: sorted[tenth]!, p90: sorted[last - tenth]!, values };
}

/**
 * The ratios of what was measured side by side, round by round: a machine that is slow in one round is slow for both. Where
 * one of them has more rounds, that of the medians is all there is.
 */
export function ratiosOf(own: Spread, other: Spread): Spread {
  const paired = own.values.length === other.values.length;
  return spreadOf(
    paired ? own.values.map((value, round) => value / other.values[round]!) : [own.median / other.median],
  );
}
