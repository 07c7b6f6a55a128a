import { readFile, writeFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';

import {
  checkScenario,
  fullBounds,
  parseReplay,
  quickBounds,
  replay,
  replayOf,
  scenarios,
  storyText,
  userScenarios,
  violationText,
  worldOf,
  type Bounds,
  type Outcome,
  type Progress,
  type Scenario,
} from '../check/index.ts';
import { driverLoader } from './driver-file.ts';
import { UserError, type Arguments } from './verb.ts';

/** Milliseconds between two looks at the progress line. */
const TICK_MS = 200;

/** The first look at each scenario of a driver. */
const glance: Bounds = { walks: 400, states: 300 };

type Values = Arguments['values'];

/** `afukit check`: 0 when nothing is wrong, 1 when a violation was found. */
export async function check({ values, rest }: Arguments): Promise<number> {
  const [file, ...more] = rest;
  if (more.length > 0) throw new UserError(`one driver at a time, not ${rest.join(' and ')}`);
  if (values['replay'] !== undefined) return again(values['replay'] as string, values);
  const all = await scenariosOf(file);
  const chosen = values['scenario'] === undefined ? all : [named(all, values['scenario'] as string)];
  if (values['list'] === true) {
    const width = Math.max(...chosen.map(({ name }) => name.length));
    for (const { name, door, summary } of chosen)
      process.stdout.write(`${name.padEnd(width)}  ${door.padEnd(4)}  ${summary}\n`);
    return 0;
  }
  const bounds = boundsOf(values);
  if (file !== undefined && values['quick'] !== true) {
    // What shows soon in the last scenario need not wait for the whole of the first.
    for (const scenario of chosen) {
      const outcome = await checkScenario(scenario, { ...bounds, ...glance });
      if (outcome.found) return told(outcome, file, values);
    }
  }
  let states = 0;
  let transitions = 0;
  for (const [index, scenario] of chosen.entries()) {
    const line = new ProgressLine(
      `scenario ${index + 1} of ${chosen.length}, ${scenario.name}`,
      values['json'] !== true,
    );
    const outcome = await checkScenario(scenario, bounds, progress => line.show(progress));
    line.clear();
    states += outcome.states;
    transitions += outcome.transitions;
    if (outcome.found) return told(outcome, file, values);
    row(outcome, values);
  }
  if (values['json'] !== true) {
    process.stdout.write(`nothing is wrong: ${states} states, ${transitions} transitions\n`);
  }
  return 0;
}

async function scenariosOf(file: string | undefined): Promise<readonly Scenario[]> {
  if (file === undefined) return scenarios;
  const load = await driverLoader(resolve(file), file);
  const found = userScenarios(load);
  try {
    worldOf(found[0]!)();
  } catch (error) {
    throw new UserError(`${file}: it cannot be opened: ${String(error)}`, { cause: error });
  }
  if (Object.keys(found[0]!.posts ?? {}).length === 0) {
    process.stderr.write(`afukit: ${file} has no control file and exports no check.post: nothing makes it post\n`);
  }
  return found;
}

function named(all: readonly Scenario[], name: string): Scenario {
  const found = all.find(each => each.name === name);
  if (found) return found;
  throw new UserError(`no scenario "${name}"; there are ${all.map(each => each.name).join(', ')}`);
}

function boundsOf(values: Values): Bounds {
  const depth = numberOf(values, 'depth', 1);
  const seconds = numberOf(values, 'time', 0);
  const seed = numberOf(values, 'seed', 0);
  const bounds = values['quick'] === true ? quickBounds : fullBounds;
  return { ...bounds, depth, seed, ...(seconds === undefined ? {} : { timeMs: 1000 * seconds }) };
}

function numberOf(values: Values, name: string, least: number): number | undefined {
  const text = values[name];
  if (text === undefined) return undefined;
  const value = Number(text);
  const whole = name === 'time' || Number.isInteger(value);
  if (text !== '' && whole && value >= least && value < 2 ** 31) return value;
  throw new UserError(`--${name} is a ${name === 'time' ? '' : 'whole '}number from ${least}, not "${String(text)}"`);
}

function rowOf({ scenario, states, transitions, deepest, complete, ms, found }: Outcome): string {
  const end = found ? 'WRONG' : complete ? 'all of it' : 'a part';
  return (
    `${scenario.name.padEnd(16)} ${scenario.door.padEnd(4)} ${String(states).padStart(8)} states ` +
    `${String(transitions).padStart(9)} transitions, up to ${String(deepest).padStart(2)} steps, ${end}, ${(ms / 1000).toFixed(1)} s`
  );
}

function summaryOf({ scenario, states, transitions, walks, deepest, complete, ms, story, shrunk }: Outcome): object {
  const { name, door } = scenario;
  const found = story && { ...story, shortest: shrunk!.shortest };
  return { scenario: name, door, states, transitions, walks, deepest, complete, ms: Math.round(ms), found };
}

function row(outcome: Outcome, values: Values): void {
  process.stdout.write(values['json'] === true ? `${JSON.stringify(summaryOf(outcome))}\n` : `${rowOf(outcome)}\n`);
}

async function told(outcome: Outcome, file: string | undefined, values: Values): Promise<number> {
  row(outcome, values);
  return report(outcome, file, values);
}

async function report({ story, shrunk, scenario }: Outcome, file: string | undefined, values: Values): Promise<number> {
  const out = (values['out'] as string | undefined) ?? `afukit-check-${scenario.name}.json`;
  await writeFile(
    out,
    `${JSON.stringify(replayOf(story!, file && relative(dirname(resolve(out)), file)), undefined, 2)}\n`,
  );
  if (values['json'] !== true) {
    process.stdout.write(`\n${storyText(story!, shrunk)}\nafukit check --replay ${out} runs these steps again\n`);
  }
  return 1;
}

/** `--replay`: 1 when the violation is still there. */
async function again(path: string, values: Values): Promise<number> {
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UserError(`${path}: cannot be read`);
  });
  try {
    const file = parseReplay(text);
    const driver = file.driver === undefined ? undefined : resolve(dirname(path), file.driver);
    const scenario = named(await scenariosOf(driver && relative('.', driver)), file.scenario);
    const story = await replay(file, scenario, worldOf(scenario));
    if (values['json'] === true) process.stdout.write(`${JSON.stringify(story)}\n`);
    else process.stdout.write(storyText(story));
    if (story.violation) return 1;
    if (values['json'] !== true) process.stdout.write(`what was wrong: ${violationText(file.violation)}\n`);
    return 0;
  } catch (error) {
    if (error instanceof RangeError) throw new UserError(`${path}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** How far it is, on a terminal. */
class ProgressLine {
  readonly #title: string;
  readonly #began = performance.now();
  readonly #shown: boolean;
  #last = 0;

  constructor(title: string, wanted: boolean) {
    this.#title = title;
    this.#shown = wanted && process.stdout.isTTY;
  }

  show({ states, transitions, depth, deepest, walks }: Progress): void {
    const now = performance.now();
    if (!this.#shown || now - this.#last < TICK_MS) return;
    this.#last = now;
    const rate = Math.round((1000 * transitions) / (now - this.#began));
    const seen = states > 0 ? `${states} states` : `${walks} walks`;
    process.stdout.write(
      `\r\u001B[K${this.#title}: ${seen}, ${transitions} transitions, ${rate}/s, step ${depth} of ${deepest}`,
    );
  }

  clear(): void {
    if (this.#shown) process.stdout.write('\r\u001B[K');
  }
}
