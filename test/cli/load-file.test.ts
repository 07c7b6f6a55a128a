/* Files that are loaded again, and what is said of one that cannot be. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import { loadFile } from '../../src/cli/load-file.ts';
import { temporaryDirectory } from '../support/cleanup.ts';

describe('a file', () => {
  for (const extension of ['ts', 'mts', 'js', 'mjs']) {
    for (const type of ['module', 'commonjs']) {
      it(`that has changed is loaded anew: .${extension} in a project of type ${type}`, async t => {
        const directory = await temporaryDirectory(t);
        await writeFile(join(directory, 'package.json'), JSON.stringify({ type }));
        const file = join(directory, `driver.${extension}`);
        for (const version of [1, 2, 3]) {
          await writeFile(file, `export default { version: ${version} };\n`);
          assert.deepEqual(await loadFile(file, 'it'), { version });
        }
      });
    }
  }

  it('that throws is evaluated once', async t => {
    const file = join(await temporaryDirectory(t), 'a.mjs');
    const counter = globalThis as { afukitLoaded?: number };
    counter.afukitLoaded = 0;
    await writeFile(file, `globalThis.afukitLoaded++; throw new Error('no');\n`);
    await assert.rejects(loadFile(file, 'a.mjs'), { message: 'a.mjs: cannot be loaded: no' });
    assert.equal(counter.afukitLoaded, 1);
  });

  it('that is a directory is refused', async t => {
    const directory = join(await temporaryDirectory(t), 'a');
    await mkdir(directory);
    await assert.rejects(loadFile(directory, 'a'), { message: /^a: cannot be loaded: .*EISDIR/ });
  });
});
