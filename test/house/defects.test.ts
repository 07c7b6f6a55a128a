/* scripts/defects-table.mjs: each defect still has its place in the sources, and its test is there. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

import { packageRoot } from '../support/cli.ts';
import { start } from '../support/program.ts';

interface Defect {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  readonly what: string;
  readonly test: string;
}

const table = pathToFileURL(join(packageRoot, 'scripts/defects-table.mjs')).href;
const { defects } = (await import(table)) as { defects: readonly Defect[] };

describe('the seeded defects', () => {
  it('have names of their own', () => {
    const names = defects.map(({ name }) => name);
    assert.deepEqual(
      names.filter((name, index) => names.indexOf(name) !== index || !/^[a-z0-9-]+$/.test(name)),
      [],
    );
  });

  for (const { name, file, find, replace, what, test } of defects) {
    it(`${name}: ${what}`, () => {
      const times = readFileSync(join(packageRoot, 'src', file), 'utf8').split(find).length - 1;
      assert.equal(times, 1, `how often its text is in src/${file}; see "Seeded defects" in docs/correctness.md`);
      assert.notEqual(find, replace);
      assert.ok(existsSync(join(packageRoot, 'test', `${test}.test.ts`)), test);
    });
  }
});

describe('npm run defects', () => {
  const script = join(packageRoot, 'scripts/defects.mjs');
  const usage: readonly (readonly string[])[] = [
    ['--only', 'no-such-defect'],
    ['--jobs', '0'],
    ['--strange'],
    ['more'],
  ];

  for (const args of usage) {
    it(`${args.join(' ')}: status 2 and how to use it`, async t => {
      const { code, stderr } = await start(t, process.execPath, [script, ...args]).ended;
      assert.equal(code, 2);
      assert.match(stderr, /^usage: /m);
    });
  }

  it('--list names them and runs none', async t => {
    const { code, stdout } = await start(t, process.execPath, [script, '--list']).ended;
    assert.equal(code, 0);
    assert.equal(stdout.trim().split('\n').length, defects.length);
  });
});
