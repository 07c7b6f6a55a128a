// One scenario from the start to its result, as the command line and `npm run check` run it.
import { explore, type Bounds, type Exploration, type Progress } from './explorer.ts';
import { worldOf, type Scenario } from './scenarios.ts';
import { shrink, type Shrunk } from './shrink.ts';
import { tell, type Story } from './story.ts';

/** What is spent on one scenario when it must be quick: a defect that shows at all mostly shows in that. */
export const quickBounds: Bounds = { walks: 200, states: 1500 };
export const fullBounds: Bounds = { walks: 500 };

export interface Outcome extends Exploration {
  readonly scenario: Scenario;
  readonly ms: number;
  readonly story: Story | undefined;
  readonly shrunk: Shrunk | undefined;
}

/** Explores a scenario; a violation is shrunk and told. */
export async function checkScenario(
  scenario: Scenario,
  bounds: Bounds = fullBounds,
  progress?: (progress: Progress) => void,
): Promise<Outcome> {
  const make = worldOf(scenario);
  const began = performance.now();
  const { stackTraceLimit } = Error;
  // Errors are made by the million, and nobody looks where.
  Error.stackTraceLimit = 0;
  try {
    const exploration = await explore(make, { endAll: scenario.user !== undefined, ...bounds }, progress);
    const shrunk = exploration.found && (await shrink(make, exploration.found));
    const story = shrunk && (await tell(scenario, make, shrunk.trace, shrunk.atEnd));
    return { ...exploration, scenario, ms: performance.now() - began, story, shrunk };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}
