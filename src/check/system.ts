// What is explored: a system that goes from state to state by the actions of several actors.
import type { Fingerprint } from './fingerprint.ts';

/** An invariant of the design (C1 to C8), or FUSE: what the kernel may expect of a FUSE server. */
export type Invariant = 'C1' | 'C2' | 'C3' | 'C4' | 'C5' | 'C6' | 'C7' | 'C8' | 'FUSE';

/** In a story, what each invariant is called. */
export const invariants: Readonly<Record<Invariant, string>> = {
  C1: 'no false ready',
  C2: 'no missed wake-up',
  C3: 'exactly once, in order',
  C4: 'nothing lost',
  C5: 'drain, then error',
  C6: 'pinned',
  C7: 'contained',
  C8: 'whole events',
  FUSE: 'what the kernel expects of a FUSE server',
};

/** What was found wrong. */
export interface Violation {
  readonly invariant: Invariant;
  /** One sentence: who believes what, and what is the case. */
  readonly text: string;
}

/** One thing that one actor can do. */
export interface Action {
  readonly who: string;
  readonly what: string;
  /** What it looks at or changes, as bits: two actions without a common bit commute, whenever both can be done. */
  readonly footprint: number;
}

/** As many actions as a system may have: sets of them are the bits of a number. */
export const MAX_ACTIONS = 31;

/** A system in its present state. It cannot be copied: the explorer makes another one and repeats what was done. */
export interface System {
  /** The same for every system of one scenario, up to {@link MAX_ACTIONS}. */
  readonly actions: readonly Action[];
  /** The first that was found; the system is of no more use then. */
  readonly violation: Violation | undefined;
  /** Which actions can be done now, as bits. */
  enabled(): number;
  /** @param known it has been done like this before, and nothing was wrong: nothing need be looked at */
  perform(action: number, known?: boolean): void;
  /** Lets promises that an action settled take effect; absent where there are none. */
  settle?(): Promise<void>;
  /** Adds all that the system's future depends on. */
  fingerprint(into: Fingerprint): void;
  /** Ends it, and looks whether everything comes to its end as it must; the system is of no use then. */
  end(): void;
  /** What the last action came to, in one phrase. */
  readonly outcome: string;
  /** What everybody believes now. */
  beliefs(): readonly string[];
}

/** Makes a system in its first state. */
export type SystemMaker = () => System;
