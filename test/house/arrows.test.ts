/* scripts/check-arrows.mjs: src keeps to the table, and what does not is found. */
import assert from 'node:assert/strict';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';

import { temporaryDirectory } from '../support/cleanup.ts';
import { packageRoot } from '../support/cli.ts';
import { start } from '../support/program.ts';

const script = join(packageRoot, 'scripts/check-arrows.mjs');
const { violations } = (await import(pathToFileURL(script).href)) as { violations: (source: string) => string[] };
const source = join(packageRoot, 'src');

const planted: readonly [what: string, file: string, text: string, found: RegExp][] = [
  ['core importing node:fs', 'core/planted.ts', `import 'node:fs';\n`, /core must not import "node:fs"/],
  ['core importing fs without its scheme', 'core/planted.ts', `import 'fs';\n`, /core must not import "fs"/],
  ['core importing fuse', 'core/planted.ts', `export * from '../fuse/index.ts';\n`, /core must not import fuse/],
  [
    'core importing koffi lazily',
    'core/planted.ts',
    `const k = await import('koffi');\n`,
    /core must not import "koffi"/,
  ],
  [
    'fuse importing core',
    'fuse/transport/planted.ts',
    `import type { Context } from '../../core/index.ts';\n`,
    /fuse must not import core/,
  ],
  [
    'a type imported inline',
    'abi/planted.ts',
    `export type C = import('../core/index.ts').Context;\n`,
    /abi must not import core/,
  ],
  [
    'file importing devfs',
    'file/planted.ts',
    `import {\n  a,\n} from '../devfs/index.ts';\n`,
    /file must not import devfs/,
  ],
  ['an unknown room', 'attic/planted.ts', 'export {};\n', /"attic" is not in the table/],
  ['abi using Buffer', 'abi/planted.ts', 'export const a = Buffer.alloc(1);\n', /abi uses a Node global/],
  ['core using process', 'core/planted.ts', 'export const a = process.pid;\n', /core uses a Node global/],
  ['a package that is nobody’s', 'cli/planted.ts', `import 'left-pad';\n`, /cli must not import "left-pad"/],
];

describe('the arrows between the rooms', () => {
  it('src keeps to them', () => assert.deepEqual(violations(source), []));

  for (const [what, file, text, found] of planted) {
    it(`${what} is found`, async t => {
      const copy = join(await temporaryDirectory(t), 'src');
      await cp(source, copy, { recursive: true, dereference: true });
      await mkdir(dirname(join(copy, file)), { recursive: true });
      await writeFile(join(copy, file), text);
      const lines = violations(copy);
      assert.equal(lines.length, 1, lines.join('\n'));
      assert.match(lines[0]!, found);
      assert.ok(lines[0]!.startsWith(`src/${file}: `), 'it names the file');
    });
  }

  it('a comment that speaks of an import is none', async t => {
    const copy = join(await temporaryDirectory(t), 'src');
    await mkdir(join(copy, 'core'), { recursive: true });
    const text = `/**\n * import { x } from 'node:fs' and process.exit are not for us\n */\n// import '../fuse/index.ts'\nexport {};\n`;
    await writeFile(join(copy, 'core/comment.ts'), text);
    assert.deepEqual(violations(copy), []);
  });

  it('as a command it says nothing and ends with 0, and with 1 for a planted violation', async t => {
    const { code, stdout } = await start(t, process.execPath, [script]).ended;
    assert.deepEqual([code, stdout], [0, '']);
    const root = await temporaryDirectory(t);
    await cp(script, join(root, 'scripts/check-arrows.mjs'));
    await mkdir(join(root, 'src/core'), { recursive: true });
    await writeFile(join(root, 'src/core/planted.ts'), `import 'node:fs';\n`);
    const failed = await start(t, process.execPath, [join(root, 'scripts/check-arrows.mjs')]).ended;
    assert.deepEqual([failed.code, failed.stdout], [1, 'src/core/planted.ts: core must not import "node:fs"\n']);
  });
});
