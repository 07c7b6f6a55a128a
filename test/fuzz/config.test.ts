/* Configurations that nobody meant: each is served, or refused in one line that names the file. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';

import * as fc from 'fast-check';

import { loadConfig } from '../../src/cli/config.ts';
import { UserError } from '../../src/cli/verb.ts';
import { runs } from './support.ts';

const directory = mkdtempSync(join(tmpdir(), 'afukit-fuzz-'));
const file = join(directory, 'a.mjs');
after(() => rmSync(directory, { recursive: true, force: true }));

/** What the file exports. */
const shelf = globalThis as { afukitFuzz?: unknown };
writeFileSync(file, 'export default () => globalThis.afukitFuzz;\n');

/** Serving takes hold of what models throw, once in a process. */
async function loaded(path: string): Promise<Awaited<ReturnType<typeof loadConfig>>> {
  process.setUncaughtExceptionCaptureCallback(null);
  try {
    return await loadConfig(path);
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
  }
}

async function load(config: unknown): Promise<string> {
  shelf.afukitFuzz = config;
  try {
    const { adapters, permissions } = await loaded(file);
    assert.ok(adapters.length > 0);
    const { uid = 0, gid = 0, mode = 0 } = permissions;
    for (const id of [uid, gid]) assert.ok(Number.isInteger(id) && id >= 0 && id < 2 ** 32, `id ${id}`);
    assert.ok(Number.isInteger(mode) && mode >= 0 && mode <= 0o777, `mode ${mode}`);
    return 'served';
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const { message } = error;
    assert.ok(message.startsWith(`${file}: `), message);
    assert.match(message.slice(file.length), /^: [^\n\r]+$/, 'one line');
    assert.doesNotMatch(message, /\bat .*\.js:\d+|TypeError|undefined is not|Cannot read/);
    return message;
  }
}

/** One of everything that a configuration may have. */
const valid = {
  debug: false,
  callbackBudgetMs: 2,
  permissions: { owner: 0, group: '0', mode: '0660' },
  adapters: [
    {
      card: 3,
      guest: false,
      description: { caiaVersion: '2.0', pslRevision: 1, baseImage: 2, imageLoaded: 'user', pslTimebaseSynced: true },
      afus: [
        {
          model: 'ticker',
          periodUs: 50,
          modes: ['dedicated_process', 'afu_directed'],
          numProcs: 4,
          irqsMin: 1,
          irqsMax: 9,
          eventsPerRead: 2,
          copyFault: 'keep',
          problemState: { size: 131_072, perProcess: { offset: 65_536, size: 4096 } },
          configurationRecords: [{ vendor: 1, device: 2, class: 3, config: [1, 2, 3] }],
          prefault: 'all',
          errorBuffer: 'text',
        },
        { model: 'echo', capacity: 10, errorBuffer: [1, 2] },
        { model: { name: 'mine', attach: () => {} }, driver: { name: 'driver' } },
      ],
    },
    { afus: [{ model: 'echo' }] },
  ],
};

type Tree = Record<string, unknown>;

const isPlain = (value: unknown): value is object =>
  Array.isArray(value) || Object.prototype.toString.call(value) === '[object Object]';

/** Every place in a value: the object or array, and the key. */
function placesOf(value: unknown): (readonly [Tree, string])[] {
  if (!isPlain(value)) return [];
  return Object.keys(value).flatMap(key => [[value as Tree, key] as const, ...placesOf((value as Tree)[key])]);
}

function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, copyOf(each)]));
}

/** Values that mean something somewhere. */
// prettier-ignore
const meaningful: readonly unknown[] = [
  null, undefined, true, 0, -1, -0, 0.5, NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, 10n, Symbol('s'),
  '', 'a\nb', '\r\n', '\0', '__proto__', 'constructor', '.', '/', '-h', '--help', '99999999999999999999', '4294967296', '0o7',
  'x'.repeat(5000), [], {}, [[]], [null], new Map(), new Set([1]), new Date(0), /x/, () => {}, new Uint8Array(3),
  Object.create(null), [256], [-1], [0.5], new Uint8Array(0), { name: 'x' }, { name: '' }, { name: 'x', attach: 1 },
  { name: 'x', open: 1 },
];

const odd = fc.oneof(
  fc.constantFrom(...meaningful),
  fc.integer(),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** The valid one with some of its values replaced, removed or joined by strangers. */
const mutated = fc
  .array(
    fc.record({
      place: fc.nat(1000),
      how: fc.constantFrom('replace', 'remove', 'add', 'double'),
      with: odd,
      key: fc.string({ unit: 'binary', maxLength: 8 }),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map(changes => {
    const config = copyOf(valid);
    for (const { place, how, with: value, key } of changes) {
      const places = placesOf(config);
      const [owner, name] = places[place % places.length]!;
      if (how === 'replace') owner[name] = copyOf(value);
      else if (how === 'remove') delete owner[name];
      else if (how === 'add') owner[key] = copyOf(value);
      else if (Array.isArray(owner)) (owner as unknown[]).push(copyOf(owner[name]));
    }
    return config;
  });

describe('any configuration', () => {
  it('that has one of everything is served', async () => {
    assert.equal(await load(valid), 'served');
  });

  it('made of anything at all is served, or refused in one line', async () => {
    const anything = fc.anything({
      withBigInt: true,
      withDate: true,
      withMap: true,
      withSet: true,
      withNullPrototype: true,
      withTypedArray: true,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          anything,
          fc.jsonValue(),
          fc.record({ adapters: fc.array(fc.oneof(odd, fc.record({ afus: fc.array(odd) }))) }),
        ),
        async config => void (await load(config)),
      ),
      runs(150),
    );
  });

  it('that is almost right is served, or refused in one line', async () => {
    await fc.assert(
      fc.asyncProperty(mutated, async config => void (await load(config))),
      runs(400),
    );
  });

  it('with any text as owner, group or path of a driver is served, or refused in one line', async () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 12 }),
      fc.constantFrom(
        '-h',
        '--help',
        '--version',
        '-s files',
        '1e3',
        ' 0',
        '0x10',
        '4294967295',
        '99999999999999',
        '/',
        '.',
        '..',
        file,
        '/dev/null',
        '\0',
        'a\nb',
        ':',
        'root:x',
      ),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.constantFrom('owner', 'group', 'driver'), async (value, field) => {
        const afu = { model: 'ticker', ...(field === 'driver' && { driver: value }) };
        const permissions = field === 'driver' ? {} : { [field]: value };
        await load({ adapters: [{ afus: [afu] }], permissions });
      }),
      runs(80),
    );
  });

  it('in any text is loaded, or refused in one line', async () => {
    const source = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.json().map(json => `export default ${json};`),
      fc.nat(60).map(cut => `export default { adapters: [{ afus: [{ model: 'echo' }] }] };\n`.slice(0, cut)),
    );
    await fc.assert(
      fc.asyncProperty(source, fc.constantFrom('ts', 'mts', 'mjs', 'js'), async (text, extension) => {
        const path = join(directory, `b.${extension}`);
        writeFileSync(path, text);
        await loaded(path).catch((error: unknown) => {
          assert.ok(error instanceof UserError, String(error));
          assert.ok(error.message.startsWith(`${path}: `), error.message);
          assert.doesNotMatch(error.message, /[\n\r]/);
        });
      }),
      runs(150),
    );
  });
});
