// npm run check [-- --quick] [-- SCENARIO...]: sets up what is missing, then explores every documented scenario, on all cores.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

const script = fileURLToPath(import.meta.url);
const built = '../dist/src/check/index.js';
/** A scenario that says nothing for so long hangs in one of its steps. */
const SILENCE_MS = 90_000;
const BEAT_MS = 1000;

const columns = ['scenario', 'door', 'most steps', 'states', 'transitions', 'complete', 'seconds'];
const widths = [16, 4, 10, 9, 11, 8, 7];
const row = cells => cells.map((cell, i) => `${cell}`[i > 1 ? 'padStart' : 'padEnd'](widths[i])).join('  ');
const seconds = ms => (ms / 1000).toFixed(1);

// oxlint-disable unicorn/require-post-message-target-origin -- threads have none

/** In a worker: one scenario for each message. */
async function work() {
  const { checkScenario, fullBounds, quickBounds, replayOf, scenarios, storyText } = await import(built);
  parentPort.on('message', async ({ name, quick }) => {
    const scenario = scenarios.find(each => each.name === name);
    let beat = performance.now();
    const outcome = await checkScenario(scenario, quick ? quickBounds : fullBounds, ({ states, transitions }) => {
      const now = performance.now();
      if (now - beat < BEAT_MS) return;
      beat = now;
      parentPort.postMessage({ states, transitions });
    });
    const { states, transitions, deepest, complete, ms, story, shrunk } = outcome;
    const wrong = story && { text: storyText(story, shrunk), replay: replayOf(story) };
    parentPort.postMessage({ done: { states, transitions, deepest, complete, ms, wrong } });
  });
}

/** The progress line of a terminal; elsewhere there is none. */
const line = text => process.stdout.isTTY && process.stdout.write(`\r\u001B[K${text}`);

/** Runs one scenario in `worker`; whatever becomes of it, an outcome. */
function run(worker, name, quick, progress) {
  return new Promise(resolve => {
    const failed = text =>
      resolve({ states: 0, transitions: 0, deepest: 0, complete: false, ms: 0, wrong: { text }, broken: true });
    const hangs = () => failed(`scenario ${name}: a step has not come to its end in ${seconds(SILENCE_MS)} s`);
    let timer = setTimeout(hangs, SILENCE_MS);
    worker.removeAllListeners();
    worker.on('message', ({ done, ...counts }) => {
      clearTimeout(timer);
      if (done) return resolve(done);
      timer = setTimeout(hangs, SILENCE_MS);
      progress(counts);
    });
    worker.on('error', error => {
      clearTimeout(timer);
      failed(`scenario ${name}: ${error?.stack ?? error}`);
    });
    worker.postMessage({ name, quick });
  });
}

async function main() {
  const { prepare } = await import('./setup.mjs');
  prepare();
  const { scenarios } = await import(built);
  const args = process.argv.slice(2);
  const quick = args.includes('--quick');
  const wanted = args.filter(arg => arg !== '--quick');
  const strange = wanted.find(name => !scenarios.some(each => each.name === name));
  if (strange !== undefined) {
    process.stderr.write(
      `afukit: no scenario "${strange}"; there are ${scenarios.map(({ name }) => name).join(', ')}\n`,
    );
    process.exit(2);
  }
  const waiting = scenarios.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const count = waiting.length;
  const total = { states: 0, transitions: 0, complete: 0, wrong: 0 };
  const running = new Map();
  const began = performance.now();
  const progress = () =>
    line(
      [...running]
        .map(([name, { states, transitions }]) => `${name}: ${states} states, ${transitions} transitions`)
        .join('; '),
    );

  const tell = ({ name, door }, { states, transitions, deepest, complete, ms, wrong }) => {
    total.states += states;
    total.transitions += transitions;
    total.complete += Number(complete);
    line('');
    const end = wrong ? 'WRONG' : complete ? 'yes' : 'no';
    process.stdout.write(`${row([name, door, deepest, states, transitions, end, seconds(ms)])}\n`);
    if (!wrong) return;
    total.wrong++;
    process.stdout.write(`\n${wrong.text}\n`);
    if (!wrong.replay) return;
    const file = `afukit-check-${name}.json`;
    writeFileSync(file, `${JSON.stringify(wrong.replay, undefined, 2)}\n`);
    process.stdout.write(`afukit check --replay ${file} runs these steps again\n\n`);
  };

  const oneThread = async () => {
    let worker = new Worker(script);
    for (let scenario = waiting.shift(); scenario; scenario = waiting.shift()) {
      const { name } = scenario;
      const outcome = await run(worker, name, quick, counts => {
        running.set(name, counts);
        progress();
      });
      running.delete(name);
      tell(scenario, outcome);
      if (!outcome.broken) continue;
      await worker.terminate();
      worker = new Worker(script);
    }
    await worker.terminate();
  };

  process.stdout.write(`${row(columns)}\n`);
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), count) }, oneThread));
  const whole = quick ? 'a part of each scenario' : `${total.complete} of ${count} scenarios complete`;
  process.stdout.write(
    `${total.wrong === 0 ? 'nothing is wrong' : `${total.wrong} of ${count} scenarios are wrong`}: ${total.states} states, ` +
      `${total.transitions} transitions, ${whole}, ${seconds(performance.now() - began)} s\n`,
  );
  process.exitCode = total.wrong === 0 ? 0 : 1;
}

await (isMainThread ? main() : work());
