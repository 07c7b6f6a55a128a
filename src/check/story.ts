// A trace as people read it.
import { attempt, type Shrunk } from './shrink.ts';
import type { Scenario } from './scenarios.ts';
import { invariants, type SystemMaker, type Violation } from './system.ts';

/** One step of a trace. */
export interface Line {
  readonly who: string;
  readonly what: string;
  readonly outcome: string;
  readonly beliefs: readonly string[];
}

export interface Story {
  readonly scenario: string;
  readonly door: string;
  readonly lines: readonly Line[];
  readonly violation: Violation | undefined;
  /** It shows when everything comes to its end after the last step. */
  readonly atEnd: boolean;
}

/** Repeats a trace, and writes down each step. */
export async function tell(
  scenario: Scenario,
  make: SystemMaker,
  trace: readonly number[],
  atEnd: boolean,
): Promise<Story> {
  const lines: Line[] = [];
  const run = await attempt(make, trace, atEnd, (system, action) => {
    const { who, what } = system.actions[action]!;
    lines.push({ who, what, outcome: system.outcome, beliefs: system.beliefs() });
  });
  return { scenario: scenario.name, door: scenario.door, lines, violation: run.violation, atEnd: run.atEnd };
}

export function violationText({ invariant, text }: Violation): string {
  return `${invariant} (${invariants[invariant]}): ${text}`;
}

/** The story in columns: who, what and what came of it, and what everybody believes then. */
export function storyText(story: Story, shrunk?: Pick<Shrunk, 'shortest'>): string {
  const { lines, violation } = story;
  const rows = lines.map(({ who, what, outcome, beliefs }) => [
    who,
    `${what}${outcome === '' ? '' : `: ${outcome}`}`,
    beliefs.filter(belief => belief !== '').join('; '),
  ]);
  const width = (column: number): number => Math.max(0, ...rows.map(row => row[column]!.length));
  const [who, what] = [width(0), width(1)];
  const steps = `${lines.length} ${lines.length === 1 ? 'step' : 'steps'}`;
  return [
    violation ? violationText(violation) : 'nothing is wrong',
    `scenario ${story.scenario}, door ${story.door}, ${steps}${shrunk?.shortest ? ', the fewest that do it' : ''}:`,
    '',
    ...rows.map(([a, b, c], index) =>
      `${`${index + 1}`.padStart(3)}  ${a!.padEnd(who)}  ${b!.padEnd(what)}  | ${c}`.trimEnd(),
    ),
    ...(violation
      ? [`     ${story.atEnd ? 'then, when everything comes to its end:' : 'and that is wrong:'} ${violation.text}`]
      : []),
    '',
  ].join('\n');
}
