/* Configurations: every form that is taken, and every mistake with the line that answers it. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
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

  it('every stock model, each with all of its options', async t => {
    const where = await place(t);
    const text = `
      import { defineConfig } from 'afukit';
      export default defineConfig({ adapters: [
        { afus: [{ model: 'ticker', periodUs: 5 }, { model: 'echo', capacity: 9 }, { model: 'null', attachTimeoutMs: 7 }] },
        { afus: [
          { model: 'memcpy', chunkBytes: 65536, queueLength: 2, doorbellMs: 5 },
          { model: 'registers',
            registers: {
              GO: { offset: 0, width: 8, order: 'big', doorbell: true },
              DONE: { offset: 8, width: 4, readOnly: true, reset: 5n },
            },
            interrupts: { GO: 2 },
            onDoorbell: (element, register, value) => element.registers.write('DONE', value) },
          { model: 'registers' }] }] });\n`;
    await writeFile(join(where.project, 'all.ts'), text);
    const names = [
      ['ticker', 'echo', 'null'],
      ['memcpy', 'registers', 'registers'],
    ];
    const devices = names.flatMap((models, card) =>
      models.flatMap((model, slice) => ['m', 's'].map(view => `/dev/cxl/afu${card}.${slice}${view} ${model}`)),
    );
    await serves(t, where, ['--config', 'all.ts'], devices);
  });

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

describe('what a card and its AFUs show', { skip: noFuse() }, () => {
  it('is what the configuration says', async t => {
    const where = await place(t);
    const text = `
      import { defineConfig } from 'afukit';
      const area = { problemState: { size: 131072, perProcess: { offset: 65536, size: 4096 } }, numProcs: 16 } as const;
      const record = { vendor: 0x1014, device: 0x4350, class: 0x120000 };
      export default defineConfig({ adapters: [{
        description: { caiaVersion: '2.0', imageLoaded: 'factory' },
        afus: [
          { model: 'ticker', ...area, prefault: 'all', errorBuffer: 'böse', configurationRecords: [record] },
          { model: 'echo', errorBuffer: [1, 2, 255], configurationRecords: [record, { ...record, config: [7] }] },
          { model: 'echo', errorBuffer: Uint8Array.of(9) },
        ],
      }, { guest: true, afus: [{ model: 'echo' }] }] });\n`;
    await writeFile(join(where.project, 'mine.ts'), text);
    const server = await serving(t, where, ['--config', 'mine.ts']);
    const read = (path: string): Promise<string> => readFile(join(server.mount, 'sys/class/cxl', path), 'hex');
    const shown: Readonly<Record<string, string>> = {
      'card0/caia_version': '2.0\n',
      'card0/image_loaded': 'factory\n',
      'card0/psl_revision': '1\n',
      'afu0.0m/mmio_size': '131072\n',
      'afu0.0m/pp_mmio_off': '65536\n',
      'afu0.0/mmio_size': '4096\n',
      'afu0.0/prefault_mode': 'all\n',
      'afu0.0/afu_err_buff': 'böse',
      'afu0.0/cr0/device': '0x4350\n',
      'afu0.1/cr1/config': '\u0007',
      'afu0.2/afu_err_buff': '\t',
      'card1/dev': '242:13\n',
    };
    for (const [path, content] of Object.entries(shown)) {
      assert.equal(await read(path), Buffer.from(content).toString('hex'), path);
    }
    assert.equal(await read('afu0.1/afu_err_buff'), '0102ff');
    assert.deepEqual((await server.end()).code, 0);
  });
});

const one = (afu: string): string => `export default { adapters: [{ afus: [{ model: 'echo' }, ${afu}] }] };`;

/** What is wrong, the file's text, and what the line must name beside the file. */
const mistakes: readonly [what: string, file: string, text: string, said: readonly RegExp[]][] = [
  [
    'an unknown model',
    'a.ts',
    one(`{ model: 'tickr' }`),
    [/adapters\[0\]\.afus\[1\]\.model/, /tickr/, /echo, memcpy, null, registers, ticker$/],
  ],
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
  [
    'an area of a size that none has',
    'a.ts',
    one(`{ model: 'echo', problemState: { size: 4096 } }`),
    [/adapters\[0\]\.afus\[1\]\.problemState\.size: must be a multiple of 65536 .*, not 4096$/],
  ],
  [
    'a window that is no page',
    'a.mjs',
    one(`{ model: 'echo', problemState: { size: 65536, perProcess: { offset: 0, size: 64 } } }`),
    [/adapters\[0\]\.afus\[1\]\.problemState\.perProcess\.size: must be a multiple of 4096 /],
  ],
  [
    'windows that do not fit',
    'a.ts',
    one(`{ model: 'echo', problemState: { size: 65536, perProcess: { offset: 0, size: 4096 } } }`),
    [/adapters\[0\]\.afus\[1\]: the windows of problemState\.perProcess/],
  ],
  [
    'a record without its class',
    'a.ts',
    one(`{ model: 'echo', configurationRecords: [{ vendor: 1, device: 2 }] }`),
    [/adapters\[0\]\.afus\[1\]\.configurationRecords\[0\]\.class: the field .*class.* is missing/],
  ],
  [
    'a vendor of more than 16 bits',
    'a.mjs',
    one(`{ model: 'echo', configurationRecords: [{ vendor: 65536, device: 2, class: 3 }] }`),
    [/adapters\[0\]\.afus\[1\]\.configurationRecords\[0\]\.vendor: .*65535/],
  ],
  [
    'bytes that are none',
    'a.ts',
    one(`{ model: 'echo', errorBuffer: [0, 256] }`),
    [/adapters\[0\]\.afus\[1\]\.errorBuffer: must be a Uint8Array, an array of numbers from 0 to 255, or a string$/],
  ],
  [
    'a configuration space that is too long',
    'a.ts',
    one(`{ model: 'echo', configurationRecords: [{ vendor: 1, device: 2, class: 3, config: new Uint8Array(4097) }] }`),
    [/adapters\[0\]\.afus\[1\]\.configurationRecords\[0\]\.config: must have 1 to 4096 bytes$/],
  ],
  [
    'an unknown prefault mode',
    'a.ts',
    one(`{ model: 'echo', prefault: 'wed' }`),
    [/adapters\[0\]\.afus\[1\]\.prefault: .*work_element_descriptor/],
  ],
  [
    'a version that is none',
    'a.ts',
    `export default { adapters: [{ description: { caiaVersion: 1 }, afus: [{ model: 'echo' }] }] };`,
    [/adapters\[0\]\.description\.caiaVersion: /],
  ],
  [
    'a description that does not exist',
    'a.mjs',
    `export default { adapters: [{ description: { colour: 'red' }, afus: [{ model: 'echo' }] }] };`,
    [/adapters\[0\]\.description\.colour: unknown field/],
  ],
  [
    'an option of another model',
    'a.mjs',
    one(`{ model: 'null', chunkBytes: 4096 }`),
    [/adapters\[0\]\.afus\[1\]\.chunkBytes: unknown field/],
  ],
  ['chunks too small', 'a.mjs', one(`{ model: 'memcpy', chunkBytes: 512 }`), [/afus\[1\]\.chunkBytes/, /4096/]],
  [
    'a register that is too wide',
    'a.mjs',
    one(`{ model: 'registers', registers: { A: { offset: 0, width: 16 } } }`),
    [/adapters\[0\]\.afus\[1\]\.registers\.A\.width/, /16/],
  ],
  [
    'a reset value that is a number',
    'a.mjs',
    one(`{ model: 'registers', registers: { A: { offset: 0, width: 8, reset: 5 } } }`),
    [/afus\[1\]\.registers\.A\.reset: must be a bigint, such as 5n/],
  ],
  [
    'registers that overlap',
    'a.mjs',
    one(`{ model: 'registers', registers: { A: { offset: 0, width: 8 }, B: { offset: 4, width: 4 } } }`),
    [/register B of AFU model registers overlaps register A/],
  ],
  [
    'an interrupt of what is no doorbell',
    'a.mjs',
    one(`{ model: 'registers', interrupts: { SCRATCH: 1 } }`),
    [/interrupts: SCRATCH is no doorbell/],
  ],
  ['a doorbell period of 0', 'a.mjs', one(`{ model: 'echo', doorbellMs: 0 }`), [/afus\[1\]\.doorbellMs: must be 1/]],
  [
    'a driver whose hook is none',
    'a.ts',
    one(`{ model: 'ticker', driver: { name: 'mine', open: 1 } }`),
    [/adapters\[0\]\.afus\[1\]\.driver: must be a driver with a name and functions that are not async/],
  ],
  [
    'an owner that getent takes for an option',
    'a.ts',
    `export default { adapters: [{ afus: [{ model: 'echo' }] }], permissions: { owner: '--help' } };`,
    [/permissions: no user "--help"/],
  ],
  [
    'a group number that means nobody',
    'a.mjs',
    `export default { adapters: [{ afus: [{ model: 'echo' }] }], permissions: { group: '4294967295' } };`,
    [/permissions\.group: must be a name, or a number up to 4294967294$/],
  ],
  [
    'a name of two lines',
    'a.ts',
    `export default { adapters: [{ afus: [{ model: 'echo' }] }], 'a\\nb': 1 };`,
    [/: a\\nb: unknown field "a\\nb"$/],
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
