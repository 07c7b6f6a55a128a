/* docs/testing.md says what is so. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

import { Host, Inject, Program } from '../../src/testing/index.ts';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const guide = read('docs/testing.md');

const methods = (of: { readonly prototype: object }): string[] =>
  Object.getOwnPropertyNames(of.prototype).filter(name => name !== 'constructor');

/** The functions named in the first column of the table with this head. */
function rows(head: string): string[] {
  const table = guide.slice(guide.indexOf(`| ${head} |`)).split('\n\n', 1)[0]!;
  const cells = table.split('\n').map(row => row.split(' | ')[0]!);
  return cells.flatMap(cell => [...cell.matchAll(/(?:`|, )(\w+)\(/g)].map(([, name]) => name!));
}

describe('docs/testing.md', () => {
  for (const name of ['client', 'failures']) {
    it(`shows ${name}.test.ts as it is in examples/testing`, () => {
      assert.ok(guide.includes(`\`\`\`ts\n${read(`examples/testing/${name}.test.ts`)}\`\`\``));
    });
  }

  it('names only files that are there', () => {
    const linked = [...guide.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => `docs/${path}`);
    const named = [...guide.matchAll(/\bexamples\/[\w./-]*\w/g)].map(([path]) => path);
    for (const path of [...linked, ...named]) assert.ok(existsSync(new URL(path, root)), path);
  });

  it('names every way to wait, to inject and to talk to a program, and none that is not there', () => {
    assert.deepEqual(rows('`host.inject.`').toSorted(), methods(Inject).toSorted());
    const waits = rows('`await host.`');
    assert.ok(waits.length > 4 && waits.every(name => methods(Host).includes(name)), waits.join(' '));
    const talk = rows('of a program');
    assert.ok(talk.length > 4 && talk.every(name => methods(Program).includes(name)), talk.join(' '));
  });
});
