// What a measure is, and what it results in.
import type { Need, Programs } from './programs.ts';
import { ratiosOf, type Spread } from './statistics.ts';

export type Unit = 'ns' | 'events/s' | 'bytes' | 'count';

/** What design.md section 6 asks of a row. */
export interface Bar {
  /** Of which number: the median of our own, or of its ratio to the other. */
  readonly of: 'own' | 'ratio';
  readonly bound: 'at most' | 'at least';
  readonly value: number;
}

/** One line of a result: ours, against something else where there is such a thing. */
export interface Row {
  readonly title: string;
  readonly unit: Unit;
  readonly own: Spread;
  readonly other?: Spread | undefined;
  /** What `other` is: 'C, spin locks'. */
  readonly against?: string | undefined;
  readonly bar?: Bar | undefined;
  /** What keeps the row from its bar and what shows that; it is printed only where the bar is not met. */
  readonly limit?: string | undefined;
  /** What else a reader must know of this row. */
  readonly note?: string | undefined;
}

/** Ours to the other's, round by round; undefined where there is no other. */
export function ratioOf({ own, other }: Row): Spread | undefined {
  return other ? ratiosOf(own, other) : undefined;
}

/** Whether more of the unit is better; of all others less is. */
export const moreIsBetter = (unit: Unit): boolean => unit === 'events/s';

/** Whether the bar is reached; undefined for a row without one. */
export function met(row: Row): boolean | undefined {
  const { bar } = row;
  if (!bar) return undefined;
  const value = bar.of === 'own' ? row.own.median : ratioOf(row)!.median;
  return bar.bound === 'at most' ? value <= bar.value : value >= bar.value;
}

export interface Surroundings {
  readonly programs: Programs;
  /** CPUs that may be used. */
  readonly cpus: readonly number[];
  readonly rounds: number;
  /** Says what is being done. */
  readonly progress: (line: string) => void;
}

export interface Measure {
  /** 'p1', as it is named on the command line. */
  readonly name: string;
  readonly title: string;
  /** The bar in words. */
  readonly bar: string;
  /** How it is measured, for whoever reads the numbers: one paragraph of Markdown. */
  readonly how: string;
  readonly needs: readonly Need[];
  /** Rounds unless told otherwise. */
  readonly rounds: number;
  run(surroundings: Surroundings): Promise<Row[]>;
}
