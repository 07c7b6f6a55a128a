/* Configurations: every form that is taken, and every mistake with the line that answers it. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { afukit, place, refused, serving, type Place } from '../support/cli.ts';
import { noFuse } from '../support/needs.ts';

const forms: Readonly<Record<string, string>> = {
  'an object': `{ adapters: [{ afus: [{ model: 'ticker', periodUs: 50 }, { model: 'echo' }] }] }`,
  'a function': `() => ({ adapters: [{ afus: [{ model: 'ticker' }, { model: 'echo' }] }] })`,
  'an async function': `async () => ({ adapters: [{ afus: [{ model: 'ticker' }, { model: 'echo' }] }] })`,
};

async function serves(t: TestContext, where: Place, args: readonly string[], models: readonly string[]): Promise<void> {
  const server = await serving(t, where, args);
  assert.deepEqual(
    server.devices.map(({ path, model }) => `${path.slice(server.mount.length)} ${model}`),
    models,
  );
  const { code, stderr } = await server.end();
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
}

const both = ['/dev/cxl/afu0.0m ticker', '/dev/cxl/afu0.0s ticker', '/dev/cxl/afu0.1m echo', '/dev/cxl/afu0.1s echo'];

describe('configurations that are taken', { skip: noFuse(), concurrency: 2 }, () => {
  it('none at all: a ticker and an echo', async t => serves(t, await place(t), [], both));

  for (const extension of ['ts', 'mts', 'js', 'mjs']) {
    for (const [form, text] of Object.entries(forms)) {
      // Once is enough for what comes after loading.
      if (form !== 'an object' && extension !== 'ts') continue;
      it(`${form} in afukit.config.${extension}, found by its name`, async t => {
        const where = await place(t);
        if (extension === 'js') await writeFile(join(where.project, 'package.json'), '{"type":"module"}');
        await writeFile(join(where.project, `afukit.config.${extension}`), `export default ${text};\n`);
        await serves(t, where, [], both);
      });
    }

    it(`defineConfig imported from 'afukit' in .${extension}, in a project without node_modules`, async t => {
      const where = await place(t);
      const text = `import { defineConfig } from 'afukit';\nexport default defineConfig({
        adapters: [{ card: 2, afus: [{ model: 'echo', modes: ['dedicated_process'] }] }] });\n`;
      if (extension === 'js') await writeFile(join(where.project, 'package.json'), '{"type":"module"}');
      await writeFile(join(where.project, `mine.${extension}`), text);
      await serves(t, where, ['--config', `mine.${extension}`], ['/dev/cxl/afu2.0d echo']);
    });
  }

  it('TypeScript with a model and a driver of its own, from afukit/afu and afukit/driver', async t => {
    const where = await place(t);
    const text = `
      import { defineConfig, type AfuModel } from 'afukit';
      import { defineAfu } from 'afukit/afu';
      import { EventQueue, defineDriver } from 'afukit/driver';
      import { name } from './name.ts';
      const model: AfuModel = { name, attach: element => element.interrupt(1) };
      const driver = defineDriver({ name: 'mine', open: context => void new EventQueue(context) });
      export default defineConfig(() => ({ adapters: [{ afus: [defineAfu({ model, driver })] }] }));\n`;
    await writeFile(join(where.project, 'name.ts'), `export const name: string = 'adder';\n`);
    await writeFile(join(where.project, 'mine.ts'), text);
    const devices = ['/dev/cxl/afu0.0m adder', '/dev/cxl/afu0.0s adder'];
    await serves(t, where, ['--config', 'mine.ts'], devices);
  });
});

const one = (afu: string): string => `export default { adapters: [{ afus: [{ model: 'echo' }, ${afu}] }] };`;

/** What is wrong, the file's text, and what the line must name beside the file. */
const mistakes: readonly [what: string, file: string, text: string, said: readonly RegExp[]][] = [
  ['an unknown model', 'a.ts', one(`{ model: 'tickr' }`), [/adapters\[0\]\.afus\[1\]\.model/, /tickr/, /echo, ticker/]],
  ['a wrong field', 'a.ts', one(`{ model: 'ticker', numProc: 3 }`), [/adapters\[0\]\.afus\[1\]\.numProc\b/]],
  [
    'a wrong type',
    'a.mjs',
    one(`{ model: 'ticker', numProcs: 'many' }`),
    [/adapters\[0\]\.afus\[1\]\.numProcs/, /many/],
  ],
  ['a number out of range', 'a.mjs', one(`{ model: 'ticker', numProcs: 0 }`), [/adapters\[0\]\.afus\[1\]\.numProcs/]],
  [
    'irqsMax below irqsMin',
    'a.mjs',
    one(`{ model: 'ticker', irqsMin: 9, irqsMax: 3 }`),
    [/adapters\[0\]\.afus\[1\]/, /irqsMax/],
  ],
  ['no model', 'a.ts', one('{}'), [/adapters\[0\]\.afus\[1\]\.model/]],
  ['no adapters', 'a.ts', 'export default {};', [/adapters/]],
  [
    'two equal card numbers',
    'a.ts',
    `const afus = [{ model: 'echo' }];
    export default { adapters: [{ card: 1, afus }, { card: 1, afus }] };`,
    [/card number 1/],
  ],
  [
    'an owner who does not exist',
    'a.ts',
    `export default { adapters: [{ afus: [{ model: 'echo' }] }],
    permissions: { owner: 'no-such-user' } };`,
    [/permissions/, /no-such-user/],
  ],
  ['a syntax error in TypeScript', 'a.ts', 'const a = 1;\nexport default { adapters: [ };\n', [/\b2:\d+/]],
  ['a syntax error in JavaScript', 'a.mjs', 'const a = 1;\nexport default { adapters: [ };\n', [/\b2\b/]],
  ['no default export in TypeScript', 'a.ts', 'export const config = 1;\n', [/default export/]],
  ['no default export in JavaScript', 'a.mjs', 'export const config = 1;\n', [/default export/]],
  ['a module that throws', 'a.ts', `throw new Error('thrown in the config');\n`, [/thrown in the config/]],
  ['a function that rejects', 'a.mjs', `export default async () => { throw new Error('rejected'); };\n`, [/rejected/]],
  ['an import that is not there', 'a.ts', `import x from './missing.ts';\nexport default x;\n`, [/missing\.ts/]],
];

describe('configurations that are refused: one line with file and place, status 2', { concurrency: 2 }, () => {
  for (const [what, file, text, said] of mistakes) {
    it(`${what} in ${file.slice(1)}`, async t => {
      const where = await place(t);
      await writeFile(join(where.project, file), text);
      const args = ['serve', '--json', '--config', file, '--mount', where.mountPoint];
      const line = await refused(afukit(t, where, args));
      for (const pattern of [/^a\.m?[tj]s: /, ...said]) assert.match(line, pattern);
    });
  }

  it('a file that does not exist', async t => {
    const where = await place(t);
    assert.match(
      await refused(afukit(t, where, ['run', '-c', 'nowhere.ts', '--', 'true'])),
      /^nowhere\.ts: no such file/,
    );
  });

  it('also `afukit run` starts nothing then', async t => {
    const where = await place(t);
    await writeFile(join(where.project, 'afukit.config.mjs'), one(`{ model: 'tickr' }`));
    const line = await refused(afukit(t, where, ['run', 'sh', '-c', 'echo started']));
    assert.match(line, /afukit\.config\.mjs: adapters\[0\]\.afus\[1\]\.model/);
  });
});
