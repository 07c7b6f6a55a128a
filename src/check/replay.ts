// A trace in a file, by the names of its steps, and its way back.
import { tell, type Story } from './story.ts';
import type { Scenario } from './scenarios.ts';
import type { SystemMaker, Violation } from './system.ts';

const FORMAT = 'afukit-check 1';

/** What `afukit check` writes when it found a violation. */
export interface ReplayFile {
  readonly format: typeof FORMAT;
  readonly scenario: string;
  /** The driver's file, as it was named; absent for afukit's own scenarios. */
  readonly driver?: string | undefined;
  readonly steps: readonly { readonly who: string; readonly what: string }[];
  readonly violation: Violation;
}

export function replayOf(story: Story, driver?: string): ReplayFile {
  const { scenario, lines, violation } = story;
  const steps = lines.map(({ who, what }) => ({ who, what }));
  return { format: FORMAT, scenario, ...(driver === undefined ? {} : { driver }), steps, violation: violation! };
}

/** Takes a replay file apart. @throws RangeError that says what is wrong with it */
export function parseReplay(text: string): ReplayFile {
  let file: Partial<ReplayFile>;
  try {
    file = JSON.parse(text) as Partial<ReplayFile>;
  } catch {
    throw new RangeError('it is not JSON');
  }
  if (file?.format !== FORMAT) throw new RangeError(`its format is not "${FORMAT}"`);
  const whole =
    typeof file.scenario === 'string' &&
    Array.isArray(file.steps) &&
    file.steps.every(step => typeof step?.who === 'string' && typeof step.what === 'string') &&
    typeof file.violation?.invariant === 'string';
  if (!whole) throw new RangeError('a scenario, steps and a violation must be in it');
  return file as ReplayFile;
}

/**
 * Runs a trace again, step by step; a step that cannot be done any more is left out.
 * @throws RangeError for a step that the scenario does not have
 */
export function replay(file: ReplayFile, scenario: Scenario, make: SystemMaker): Promise<Story> {
  const { actions } = make();
  const trace = file.steps.map(({ who, what }) => {
    const action = actions.findIndex(each => each.who === who && each.what === what);
    if (action < 0) throw new RangeError(`scenario ${scenario.name} has no step "${who}: ${what}"`);
    return action;
  });
  return tell(scenario, make, trace, true);
}
