// npm run defects [-- --only NAME,...] [--jobs 2] [--whole] [--list] [--json]: sows the defects of defects-table.mjs, one at a
// time, into a copy of the sources, and looks whether the checker and the tests find them. 1: one survives, or has no place.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { defects } from './defects-table.mjs';
import { prepare, root } from './setup.mjs';

/** What a build and the tests need of the package. */
const { include } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
const copied = [...include, 'scripts', 'docs', 'preload'];
const copiedFiles = ['package.json', 'tsconfig.json', 'tsconfig.examples.json'];

/** The same for every defect: a result must not depend on the day. */
const checkArguments = ['check', '--quick', '--seed', '1', '--time', '20', '--json'];
const CHECK_TIMEOUT_MS = 180_000;
const TEST_TIMEOUT_MS = 60_000;
const BUILD_TIMEOUT_MS = 120_000;
/** So much of a program's output is looked at. */
const MOST_OUTPUT = 8 << 20;

const directories = new Set();
const running = new Set();

function cleanUp() {
  for (const child of running) kill(child);
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  directories.clear();
}

/** It and what it started. */
function kill({ pid }) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

/** Runs Node in a process group of its own; `hung`: it had to be killed. */
function node(args, cwd, timeoutMs) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    let [output, hung] = ['', false];
    const timer = setTimeout(() => {
      hung = true;
      kill(child);
    }, timeoutMs);
    running.add(child);
    const collect = chunk => {
      if (output.length < MOST_OUTPUT) output += chunk;
    };
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', collect);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ status: code ?? signal, output, hung });
    });
  });
}

/** A copy of the package in which one defect at a time is sown. */
class Plot {
  #directory = mkdtempSync(join(tmpdir(), 'afukit-defects-'));

  constructor() {
    directories.add(this.#directory);
    for (const path of copied.filter(name => existsSync(join(root, name)))) {
      cpSync(join(root, path), this.#at(path), {
        recursive: true,
        filter: source => !/\/(dist|node_modules)$/.test(source),
      });
    }
    for (const path of copiedFiles) cpSync(join(root, path), this.#at(path));
    symlinkSync(join(root, 'node_modules'), this.#at('node_modules'));
  }

  #at(path) {
    return join(this.#directory, path);
  }

  /** Returns what the compiler says, or undefined. */
  async build() {
    const args = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json'];
    const { status, output } = await node(args, this.#directory, BUILD_TIMEOUT_MS);
    // So that a test which runs one of the scripts does not build or install anything.
    writeFileSync(this.#at('dist/.built'), '');
    return status === 0 ? undefined : output.trim() || 'tsc failed';
  }

  get hasChecker() {
    return existsSync(this.#at('dist/src/cli/check.js'));
  }

  /** What the quick check finds: undefined for nothing. With a scenario, in that one first. */
  async check(scenario) {
    if (!this.hasChecker) return undefined;
    const only = scenario === undefined ? [] : ['--scenario', scenario];
    const args = ['dist/src/cli/main.js', ...checkArguments, ...only, '--out', this.#at('dist/found.json')];
    const { status, output, hung } = await node(args, this.#directory, CHECK_TIMEOUT_MS);
    if (hung) return 'hangs';
    const found = violation(output);
    // It finds nothing there any more, or there is no such scenario: then perhaps elsewhere.
    if (scenario !== undefined) return found ?? this.check();
    return status === 0 ? undefined : (found ?? `ends with ${status}`);
  }

  /** The first test of a file that fails: undefined for none. */
  async test(name) {
    const file = `dist/test/${name}.test.js`;
    const { status, output, hung } = await node(['--test-reporter=tap', file], this.#directory, TEST_TIMEOUT_MS);
    if (status === 0) return undefined;
    const failed = /^\s*not ok \d+ - (.*)$/m.exec(output)?.[1].replace(/\\(.)/g, '$1');
    if (failed !== undefined) return failed;
    return hung ? 'hangs' : `ends with ${status}`;
  }

  /** Runs `work` with the defect in place. */
  async with({ file, find, replace }, work) {
    const path = this.#at(join('src', file));
    const text = readFileSync(path, 'utf8');
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
    try {
      return await work();
    } finally {
      writeFileSync(path, text);
    }
  }
}

function violation(output) {
  for (const line of output.split('\n').filter(text => text.startsWith('{'))) {
    const { found } = JSON.parse(line);
    if (!found) continue;
    const { length } = found.lines;
    return `${found.violation.invariant} in ${length} ${length === 1 ? 'step' : 'steps'} (${found.scenario})`;
  }
  return undefined;
}

/** Why the defect cannot be sown, or undefined. */
function uprooted({ file, find }) {
  const path = join(root, 'src', file);
  const times = existsSync(path) ? readFileSync(path, 'utf8').split(find).length - 1 : 0;
  return times === 1 ? undefined : `its text occurs ${times} times in src/${file}`;
}

async function examine(plot, defect, whole) {
  const began = performance.now();
  const row = { ...defect, wrong: uprooted(defect), check: undefined, failed: undefined, seconds: 0 };
  if (row.wrong === undefined) {
    await plot.with(defect, async () => {
      row.wrong = await plot.build();
      if (row.wrong !== undefined) return;
      row.failed = await plot.test(defect.test);
      if (whole || defect.scenario) row.check = await plot.check(whole ? undefined : defect.scenario);
      if (row.failed === undefined && row.check === undefined) row.wrong = 'SURVIVED';
    });
  }
  row.seconds = Math.round((performance.now() - began) / 100) / 10;
  return row;
}

/** The untouched copy must pass all of it: else a failure says nothing about a defect. */
async function sane(plot, chosen) {
  const broken = await plot.build();
  if (broken !== undefined) return broken;
  for (const name of new Set(chosen.map(({ test }) => test))) {
    const failed = await plot.test(name);
    if (failed !== undefined) return `test ${name}: ${failed}`;
  }
  const found = await plot.check();
  return found ? `check: ${found}` : undefined;
}

const say = text => process.stderr.write(`${text}\n`);
const cell = text => text.replaceAll('|', '\\|');

function rowText({ name, what, file, wrong, check, test, failed, seconds }) {
  const byTest = failed === undefined ? '-' : `${test}: ${failed}`;
  const caught = wrong === undefined ? [check ?? '-', byTest] : [`**${wrong.split('\n')[0]}**`, '-'];
  return `| ${[`\`${name}\``, what, file, ...caught, seconds.toFixed(1)].map(cell).join(' | ')} |`;
}

function report(rows, hasChecker, seconds) {
  const count = test => rows.filter(test).length;
  const lost = count(({ wrong }) => wrong !== undefined);
  process.stdout.write(
    `${[
      '| defect | what is wrong | file | check: invariant and steps | test: first that fails | s |',
      '|---|---|---|---|---|---|',
      `| none | nothing: the untouched copy | | ${hasChecker ? 'passes' : 'not there'} | all pass | |`,
      ...rows.map(rowText),
      '',
      `${rows.length - lost} of ${rows.length} defects are caught, ${hasChecker ? `${count(({ check }) => check !== undefined)} by the check, ` : ''}` +
        `${count(({ failed }) => failed !== undefined)} by their tests; ${seconds.toFixed(0)} s`,
    ].join('\n')}\n`,
  );
}

function usage(problem) {
  process.stderr.write(
    `${problem}\nusage: npm run defects [-- --only NAME,...] [--jobs N] [--whole] [--list] [--json]\n`,
  );
  process.exit(2);
}

function options() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        jobs: { type: 'string', default: '1' },
        whole: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return usage(error.message);
  }
}

async function main() {
  const { only, jobs, whole, list, json } = options();
  const names = only?.split(',');
  const unknown = names?.find(name => !defects.some(defect => defect.name === name));
  if (unknown !== undefined) usage(`no defect "${unknown}"; --list names them`);
  if (!/^[1-9]\d?$/.test(jobs)) usage(`--jobs is a number from 1 to 99, not "${jobs}"`);
  const chosen = defects.filter(({ name }) => !names || names.includes(name));
  if (list) {
    for (const { name, file, what } of chosen) process.stdout.write(`${name.padEnd(30)} ${file.padEnd(24)} ${what}\n`);
    return;
  }
  prepare();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => process.exit(128 + constants.signals[signal]));
  }
  process.on('exit', cleanUp);

  const began = performance.now();
  const plots = Array.from({ length: Math.min(Number(jobs), chosen.length) }, () => new Plot());
  const insane = await sane(plots[0], chosen);
  if (insane !== undefined) {
    say(`defects: the untouched copy fails, so nothing can be shown: ${insane}`);
    process.exitCode = 1;
    return;
  }
  say(`the untouched copy passes${plots[0].hasChecker ? '' : ' (the checker is not there)'}`);

  const rows = [];
  const waiting = chosen.entries();
  await Promise.all(
    plots.map(async plot => {
      for (const [index, defect] of waiting) {
        const row = await examine(plot, defect, whole);
        rows[index] = row;
        const { wrong, check, failed, seconds } = row;
        say(
          `${index + 1}/${chosen.length} ${defect.name}: ${wrong ?? [check, failed].filter(Boolean).join('; ')} (${seconds} s)`,
        );
      }
    }),
  );
  if (json) process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
  else report(rows, plots[0].hasChecker, (performance.now() - began) / 1000);
  if (rows.some(({ wrong }) => wrong !== undefined)) process.exitCode = 1;
}

await main();
