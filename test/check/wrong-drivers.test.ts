// What the tool says of a user's driver: three that are wrong, and those of the guide, which are right.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { afukit, packageRoot, place, refused } from '../support/cli.ts';

const wrong = join(packageRoot, 'examples/wrong-drivers');

interface Told {
  readonly scenario: string;
  readonly transitions: number;
  readonly found?: {
    readonly shortest: boolean;
    readonly violation: { readonly invariant: string; readonly text: string };
    readonly lines: readonly { readonly who: string; readonly what: string }[];
  };
}

/** Each must be found within so many transitions, and explained by so many steps. */
const drivers: readonly [name: string, invariant: string, steps: readonly string[], transitions: number][] = [
  ['false-ready', 'C1', ['driver', 'reader A', 'reader A'], 1000],
  ['lost-wake-up', 'C2', ['reader B', 'server', 'driver'], 5000],
  ['event-lost', 'C4', ['driver', 'reader A', 'reader A', 'driver', 'reader B'], 5000],
];

describe('afukit check DRIVER', { concurrency: 2 }, () => {
  for (const [name, invariant, steps, transitions] of drivers) {
    it(`${name}: found, in a story of ${steps.length} steps, and found again by --replay`, async t => {
      const where = await place(t);
      const run = await afukit(t, where, ['check', join(wrong, `${name}.ts`), '--json', '--out', 'trace.json']).ended;
      assert.deepEqual([run.code, run.stderr], [1, '']);
      const rows = run.stdout
        .trim()
        .split('\n')
        .map(line => JSON.parse(line) as Told);
      const { found } = rows.at(-1)!;
      assert.deepEqual([found?.violation.invariant, found?.lines.map(({ who }) => who)], [invariant, steps]);
      assert.equal(found?.shortest, true);
      const spent = rows.reduce((sum, row) => sum + row.transitions, 0);
      assert.ok(spent <= transitions, `${spent} transitions`);

      const again = await afukit(t, where, ['check', '--replay', 'trace.json']).ended;
      assert.equal(again.code, 1, again.stderr);
      assert.ok(again.stdout.startsWith(`${invariant} (`), again.stdout);
      assert.equal(again.stdout.match(/^ +\d+ {2}\S/gm)?.length, steps.length);
    });

    it(`${name}: docs/check.md shows the driver and what the tool says of it`, async t => {
      const guide = await readFile(join(packageRoot, 'docs/check.md'), 'utf8');
      const source = await readFile(join(wrong, `${name}.ts`), 'utf8');
      assert.ok(guide.includes(`\`\`\`ts\n${source}\`\`\``), 'the driver');
      const { stdout } = await afukit(t, await place(t), ['check', join(wrong, `${name}.ts`)]).ended;
      const story = stdout.slice(stdout.indexOf(`\n\n${invariant}`) + 2, stdout.indexOf('\n\nafukit check --replay'));
      assert.ok(guide.includes(story), `the story:\n${story}`);
    });
  }

  for (const name of ['doorbell', 'lamp', 'thermometer', 'mailbox']) {
    it(`${name} of docs/drivers.md: nothing is wrong`, async t => {
      const file = join(packageRoot, `examples/drivers/${name}.ts`);
      const { code, stdout, stderr } = await afukit(t, await place(t), ['check', '--quick', '--time', '0.5', file])
        .ended;
      assert.deepEqual([code, stderr], [0, ''], stdout);
      assert.match(stdout, /^nothing is wrong: \d+ states/m);
    });
  }
});

describe('afukit check', { concurrency: 2 }, () => {
  it('--list names the scenarios', async t => {
    const { code, stdout } = await afukit(t, await place(t), ['check', '--list']).ended;
    assert.equal(code, 0);
    assert.match(stdout, /^fuse-life +fuse +\S/m);
  });

  it('one scenario, to a depth, for a time', async t => {
    const args = ['check', '--scenario', 'wake-all', '--depth', '3', '--time', '20', '--seed', '4'];
    const { code, stdout } = await afukit(t, await place(t), args).ended;
    assert.equal(code, 0);
    assert.match(stdout, /^wake-all +core +\d+ states .* up to {2}3 steps, a part,/m);
  });

  const mistakes: readonly [args: readonly string[], said: RegExp][] = [
    [['nothing.ts'], /nothing\.ts: no such file/],
    [['a.ts', 'b.ts'], /one driver at a time/],
    [['--scenario', 'x'], /no scenario "x"; there are wake-up/],
    [['--depth', '0'], /--depth is a whole number from 1, not "0"/],
    [['--time', 'long'], /--time is a number/],
    [['--replay', 'nothing.json'], /nothing\.json: cannot be read/],
  ];
  for (const [args, said] of mistakes) {
    it(`${args.join(' ')}: one line, status 2`, async t => {
      assert.match(await refused(afukit(t, await place(t), ['check', ...args])), said);
    });
  }
});
