// A storm: rounds of each kind by turns, until the time or the number of rounds is up.
import { StormFailure } from './failure.ts';
import { addFigures, noFigures, type Figures } from './figures.ts';
import type { Kind } from './kinds.ts';
import { Round } from './round.ts';
import { Stage } from './stage.ts';

export interface StormOptions {
  readonly kinds: readonly Kind[];
  readonly seed: number;
  /** Until this much time has passed, but one round of each kind at least. */
  readonly milliseconds?: number;
  /** Rounds of each kind; default: as many as there is time for. */
  readonly rounds?: number;
  readonly progress?: (kind: Kind, round: number, figures: Figures) => void;
}

/** The seed of a round: what is given to repeat it alone, with `--rounds 1`. */
const seedOf = (seed: number, round: number): number => (seed + round) % 2 ** 32;

/** @throws StormFailure that says which round failed, how to repeat it, and all that is known */
export async function storm(options: StormOptions): Promise<ReadonlyMap<Kind, Figures>> {
  const { kinds, seed, milliseconds = Infinity, rounds = Infinity, progress } = options;
  const results = new Map(kinds.map(kind => [kind, noFigures()]));
  const deadline = performance.now() + milliseconds;
  const stage = new Stage();
  try {
    await stage.serve();
    for (let round = 0; round < rounds && (round === 0 || performance.now() < deadline); round++) {
      for (const kind of kinds) {
        if (round > 0 && performance.now() > deadline) break;
        const figures = results.get(kind)!;
        progress?.(kind, round, figures);
        addFigures(figures, await oneRound(stage, kind, seedOf(seed, round)));
      }
    }
  } catch (error) {
    stage.clear();
    throw error;
  }
  await stage.end();
  return results;
}

/** @throws StormFailure as {@link storm} does */
export async function oneRound(stage: Stage, kind: Kind, seed: number): Promise<Figures> {
  try {
    return await new Round(stage, kind, seed).run();
  } catch (error) {
    if (!(error instanceof StormFailure)) throw error;
    const { message, details } = error;
    const again = `repeat it: npm run storm -- --kinds ${kind.name} --seed ${seed} --rounds 1`;
    throw new StormFailure(`${kind.name}, seed ${seed}: ${message}`, [again, ...details]);
  }
}
