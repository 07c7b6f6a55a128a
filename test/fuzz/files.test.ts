/* Anything written to sysfs and to the control files: it acts as documented, or is refused and changes nothing. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';

import * as fc from 'fast-check';

import { echo } from '../../src/afu/index.ts';
import type { Adapter, AfuDriver, DriverModule } from '../../src/core/index.ts';
import { Modules } from '../../src/devfs/index.ts';
import { defineDriver } from '../../src/driver/index.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import { readBody, releaseBody, writeBody } from '../fuse/kernel.ts';
import { anyBytes, anyText, runs, Tree } from './support.ts';

const { EINVAL, EIO, EBUSY, EEXIST, ENODEV, ENOENT, ENXIO, EAGAIN, EMSGSIZE } = constants.errno;
const O_WRONLY = 1;
const O_RDONLY = 0;

const read = (tree: Tree, path: string): string => {
  const fh = tree.open(path, O_RDONLY);
  const { errno, body } = tree.kernel.ask(FuseOpcode.FUSE_READ, {}, ...readBody(fh, 65_536));
  tree.kernel.ask(FuseOpcode.FUSE_RELEASE, {}, ...releaseBody(fh));
  return errno === 0 ? body.toString('latin1') : `errno ${errno}`;
};

/** One write(2); its errno, once it is answered: a driver may take its time. */
async function write(tree: Tree, path: string, bytes: Uint8Array): Promise<number> {
  const fh = tree.open(path, O_WRONLY);
  const unique = tree.kernel.send(FuseOpcode.FUSE_WRITE, {}, ...writeBody(fh, bytes));
  let answers = tree.kernel.answers();
  for (let i = 0; answers.length === 0 && i < 50; i++) {
    await new Promise(resolve => setImmediate(resolve));
    answers = tree.kernel.answers();
  }
  assert.deepEqual(
    answers.map(answer => answer.unique),
    [unique],
  );
  tree.kernel.ask(FuseOpcode.FUSE_RELEASE, {}, ...releaseBody(fh));
  return answers[0]!.errno;
}

const CARD = 'sys/class/cxl/card0';
const AFU = `${CARD}/afu0.0`;
const shownBySysfs = [
  ...['load_image_on_perst', 'perst_reloads_same_image', 'image_loaded'].map(name => `${CARD}/${name}`),
  ...['irqs_max', 'mode', 'prefault_mode'].map(name => `${AFU}/${name}`),
];
const number = (text: string): boolean => /^[\t-\r ]*-?(0[xX][0-9a-fA-F]|[0-9])/.test(text);

interface Writable {
  readonly path: string;
  /** The errnos that a write may give beside success. */
  readonly errnos: readonly number[];
  /** Whether a text can be taken at all; what else is taken is a defect. */
  readonly takes: (text: string) => boolean;
  /** What it may show after it took something. */
  readonly shows?: RegExp;
}

/** cxl-abi.md section 10. A context is open or not; with one, what would take the AFU away is EBUSY. */
const writable: readonly Writable[] = [
  {
    path: `${CARD}/load_image_on_perst`,
    errnos: [EINVAL],
    takes: text => /^(none|user|factory)/.test(text),
    shows: /^(none|user|factory)\n$/,
  },
  { path: `${CARD}/perst_reloads_same_image`, errnos: [EINVAL], takes: number, shows: /^[01]\n$/ },
  { path: `${CARD}/reset`, errnos: [EINVAL, EBUSY], takes: number },
  {
    path: `${CARD}/uevent`,
    errnos: [EINVAL],
    takes: text => /^(add|remove|change|move|online|offline|bind|unbind)(\s|$)/.test(text),
  },
  { path: `${AFU}/irqs_max`, errnos: [EINVAL], takes: number, shows: /^([2-9]|\d{2,4})\n$/ },
  {
    path: `${AFU}/mode`,
    errnos: [EINVAL, EBUSY],
    takes: text => /^(dedicated_process|afu_directed|none)/.test(text),
    shows: /^(dedicated_process|afu_directed|none)\n$/,
  },
  {
    path: `${AFU}/prefault_mode`,
    errnos: [EINVAL],
    takes: text => /^(none|work_element_descriptor|all)/.test(text),
    shows: /^(none|work_element_descriptor|all)\n$/,
  },
  { path: `${AFU}/reset`, errnos: [EBUSY], takes: () => true },
  {
    path: `${AFU}/uevent`,
    errnos: [EINVAL],
    takes: text => /^(add|remove|change|move|online|offline|bind|unbind)(\s|$)/.test(text),
  },
];
const words = fc
  .tuple(
    fc.constantFrom(
      'none',
      'user',
      'factory',
      '0',
      '1',
      '-1',
      '12',
      'add',
      'afu_directed',
      'dedicated_process',
      'all',
      'work_element_descriptor',
    ),
    anyText,
  )
  .map(([word, tail]) => Buffer.concat([Buffer.from(word), tail]));
const something = fc.oneof({ weight: 1, arbitrary: words }, { weight: 2, arbitrary: anyBytes });

describe('anything written to sysfs', () => {
  for (const open of [false, true]) {
    it(`acts or is refused with its errno, ${open ? 'with a context open' : 'with nobody there'}`, async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.constantFrom(...writable), something), { minLength: 1, maxLength: 8 }),
          async writes => {
            const tree = new Tree({ irqsMin: 2, modes: ['dedicated_process', 'afu_directed'] });
            if (open) tree.open('dev/cxl/afu0.0s', 2);
            for (const [{ path, errnos, takes, shows }, bytes] of writes) {
              const before = shownBySysfs.map(each => read(tree, each));
              const errno = await write(tree, path, bytes);
              if (errno === 0) {
                assert.ok(
                  takes(Buffer.from(bytes).toString()),
                  `${path} took ${JSON.stringify(Buffer.from(bytes).toString())}`,
                );
                if (shows) assert.match(read(tree, path), shows);
              } else {
                assert.ok(errnos.includes(errno), `${path}: errno ${errno}`);
                assert.deepEqual(
                  shownBySysfs.map(each => read(tree, each)),
                  before,
                  'nothing has changed',
                );
              }
            }
            assert.equal(tree.afu.contexts.size, open ? 1 : 0);
            assert.deepEqual(tree.kernel.warnings, []);
            assert.ok(tree.serves);
          },
        ),
        runs(200),
      );
    });
  }
});

const spare: AfuDriver = { name: 'spare' };
const verbs = fc.constantFrom(
  'load',
  'unload',
  'reload',
  'constructor',
  'toString',
  '__proto__',
  'hasOwnProperty',
  'valueOf',
  'LOAD',
);
const names = fc.constantFrom(
  'fuzz',
  'spare',
  'afu0.0',
  'afu9.9',
  '/a/driver.ts',
  '/bad.ts',
  '__proto__',
  'constructor',
  '',
);
const commandText = fc
  .tuple(
    verbs,
    fc.array(names, { maxLength: 4 }),
    fc.constantFrom(' ', '  ', '\t', '\n', '\0'),
    fc.constantFrom('', '\n', '\0', ' x'),
  )
  .map(([verb, rest, blank, tail]) => new Uint8Array(Buffer.from([verb, ...rest].join(blank) + tail)));

const injection = fc
  .tuple(
    fc.constantFrom(
      'interrupt',
      'fault',
      'error',
      'event',
      'detach',
      'delay',
      'drop',
      'link',
      'probe',
      'reset',
      'valueOf',
    ),
    fc.constantFrom(
      'afu0.0/0',
      'afu0.0/1',
      'afu0.0/*',
      'afu0.0/99999',
      'afu7.0/0',
      'card0',
      'card9',
      'afu0.0',
      '*',
      '',
    ),
    fc.constantFrom(
      '',
      '1',
      '2',
      '3',
      '0',
      '-1',
      '0x10',
      '99999999999999999999',
      'down',
      'up',
      'fail',
      'force',
      'text:x',
      'ff0',
      'ff',
    ),
    fc.constantFrom('', '\n', ' x', '\0', '\nprobe card0\n'),
  )
  .map(([verb, at, value, tail]) => new Uint8Array(Buffer.from(`${[verb, at, value].join(' ').trimEnd()}${tail}`)));

/** What a command may change. */
const stateOf = (tree: Tree): unknown => (JSON.parse(read(tree, 'debug/cxl/state')) as { adapters: unknown }).adapters;

/** Loads nothing from anywhere: a path that begins with /a is a driver. */
async function loadSpare(file: string): Promise<AfuDriver> {
  if (file.startsWith('/a')) return spare;
  throw new Error(`no ${file}`);
}

function modulesOf(adapter: Adapter, log: string[]): Modules {
  return new Modules([adapter], new Map<DriverModule, string>(), loadSpare, line => log.push(line));
}

describe('anything written to debug/cxl', () => {
  it('modules: a command is carried out, all else refused, and then the table is as it was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.oneof(commandText, anyBytes), { minLength: 1, maxLength: 6 }),
        async (open, writes) => {
          const log: string[] = [];
          const tree = new Tree({}, {}, adapter => modulesOf(adapter, log));
          if (open) tree.open('dev/cxl/afu0.0s', 2);
          for (const bytes of writes) {
            const before = read(tree, 'debug/cxl/modules');
            const errno = await write(tree, 'debug/cxl/modules', bytes);
            const text = Buffer.from(bytes).toString();
            if (errno === 0) assert.match(text, /^\s*(load|unload|reload)\s+\S/, JSON.stringify(text));
            else {
              assert.ok([EINVAL, ENOENT, EBUSY, EEXIST].includes(errno), `errno ${errno}`);
              assert.equal(read(tree, 'debug/cxl/modules'), before);
            }
            assert.match(log.at(-1) ?? '', /^modules: [^\p{Cc}]*$/u, 'one line for each');
          }
          assert.equal(log.length, writes.length);
          assert.deepEqual(tree.kernel.warnings, []);
        },
      ),
      runs(300),
    );
  });

  it('inject: a command is carried out, all else refused with its errno, and then nothing but what came before has happened', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2),
        fc.array(fc.oneof({ weight: 3, arbitrary: injection }, { weight: 1, arbitrary: anyBytes }), {
          minLength: 1,
          maxLength: 8,
        }),
        async (contexts, writes) => {
          const log: string[] = [];
          const tree = new Tree({ irqsMin: 2 }, {}, undefined, line => void log.push(line));
          for (let i = 0; i < contexts; i++) tree.open('dev/cxl/afu0.0s', 2);
          for (const bytes of writes) {
            const before = stateOf(tree);
            const errno = await write(tree, 'debug/cxl/inject', bytes);
            const text = Buffer.from(bytes).toString();
            if (errno !== 0) {
              assert.ok([EINVAL, ENOENT, EIO, EBUSY, ENODEV, EMSGSIZE].includes(errno), `${text}: errno ${errno}`);
              if (!text.includes('\n')) assert.deepEqual(stateOf(tree), before, text);
            } else if (text.trim() !== '') {
              assert.match(text.trim(), /^(interrupt|fault|error|event|detach|delay|drop|link|probe|reset)\s/);
            }
          }
          for (const line of log) assert.match(line, /^inject: [^\p{Cc}]{0,520}$/u, 'one bounded line for each');
          assert.deepEqual(tree.kernel.warnings, []);
          assert.ok(tree.serves);
        },
      ),
      runs(300),
    );
  });

  it("a driver's own control: documented errnos, and as many bytes as were written arrive", async () => {
    const capacity = 3;
    await fc.assert(
      fc.asyncProperty(
        fc.nat(2),
        fc.array(fc.uint8Array({ maxLength: 5000, size: 'max' }), { minLength: 1, maxLength: 6 }),
        async (contexts, writes) => {
          const { model: _, ...definition } = echo({ capacity });
          const tree = new Tree(definition, { onDiagnostic: () => {} });
          for (let i = 0; i < contexts; i++) tree.open('dev/cxl/afu0.0s', 2);
          const taken: Uint8Array[] = [];
          for (const bytes of writes) {
            const errno = await write(tree, 'debug/cxl/afu0.0/echo', bytes);
            const expected =
              contexts === 0 ? ENXIO : taken.length === capacity ? EAGAIN : bytes.length > 4088 ? EMSGSIZE : 0;
            assert.equal(errno, expected);
            if (errno === 0) taken.push(bytes);
          }
          for (const context of tree.afu.contexts.values()) {
            const buffer = new Uint8Array(4096);
            for (const bytes of taken) {
              const size = context.take(buffer, 0, buffer.length);
              context.commit();
              assert.deepEqual(buffer.slice(8, size), bytes);
            }
            assert.equal(context.poll(), 0);
          }
        },
      ),
      runs(150),
    );
  });

  it('a control that fails in any way is EIO or its errno, and the session goes on', async () => {
    const thrown = fc.oneof(
      fc.anything(),
      fc.record({ errno: fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, 1, 38, 511, 512)) }),
    );
    await fc.assert(
      fc.asyncProperty(thrown, fc.boolean(), async (value, late) => {
        const fail = (): never => {
          throw value;
        };
        const driver = defineDriver({
          name: 'fails',
          controls: () => ({ it: { write: late ? async () => fail() : fail } }),
        });
        const tree = new Tree({ driver });
        const errno = await write(tree, 'debug/cxl/afu0.0/it', Uint8Array.of(1));
        assert.ok(errno >= 1 && errno <= 511, `errno ${errno}`);
        assert.ok(tree.serves);
      }),
      runs(200),
    );
  });
});
