import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { measures } from '../../bench/measures.ts';
import { any, noFuse } from '../support/needs.ts';

const main = fileURLToPath(new URL('../../bench/main.js', import.meta.url));

function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 60_000 });
}

describe('npm run bench', () => {
  it('names every measure, its bar and its rounds in --help', () => {
    const { status, stdout } = bench('--help');
    assert.equal(status, 0);
    for (const { name, title, bar, rounds } of measures) {
      assert.ok(stdout.includes(`${name}  ${title}`), name);
      assert.ok(stdout.includes(`bar: ${bar}; ${rounds} rounds`), name);
    }
  });

  for (const [args, message] of [
    [['p99'], /no measure "p99": p1, p2/],
    [['--rounds', '0'], /--rounds must be a whole number from 1/],
    [['--write', '--check'], /only one of them/],
    [['--write', 'p1'], /name no measure/],
    [['--fast'], /--fast/],
  ] as const) {
    it(`refuses ${args.join(' ')} in one line`, () => {
      const { status, stdout, stderr } = bench(...args);
      assert.equal(status, 2);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1, stderr);
      assert.equal(stdout, '');
    });
  }

  // The others take longer than a test may.
  it('measures starting up', { skip: any(noFuse()) }, () => {
    const { status, stdout, stderr } = bench('p7', '--rounds', '1', '--json');
    assert.equal(status, 0, stderr);
    const { measures: found } = JSON.parse(stdout) as {
      measures: { name: string; rows: { title: string; own: { median: number } }[] }[];
    };
    assert.deepEqual(
      found.map(({ name }) => name),
      ['p7'],
    );
    for (const { title, own } of found[0]!.rows) assert.ok(own.median > 0, title);
  });
});
