import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

describe('README', () => {
  it('shows the greeter as it is in examples/', () => {
    const blocks = [...read('README.md').matchAll(/```ts\n(.*?)```/gs)].map(([, code]) => code);
    assert.ok(blocks.includes(read('examples/greeter/afukit.config.ts')), 'the first driver differs from the example');
  });

  it('names only files that are there', () => {
    for (const [, path] of read('README.md').matchAll(/\]\(([^)#]+)\)/g)) assert.doesNotThrow(() => read(path!), path);
  });

  it('has every script that it names', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const [, name] of read('README.md').matchAll(/npm (?:run )?(demo|test|build|bench|lint)\b/g)) {
      assert.ok(scripts[name!], `npm run ${name}`);
    }
  });
});
