/* sysfs, attribute by attribute: permission bits, owner, size, content, and what each write gives. */
import assert from 'node:assert/strict';
import { constants, open, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { afuOptions, echo, type AfuDefinition } from '../../src/afu/index.ts';
import { Adapter, type AdapterOptions } from '../../src/core/index.ts';
import { scanInteger } from '../../src/devfs/sysfs/attributes.ts';
import { mountAdapters } from '../support/device.ts';
import { noFuse, notRoot } from '../support/needs.ts';
import { start } from '../support/program.ts';

const KIB = 1024;
const errors = Uint8Array.from({ length: 5000 }, (_, index) => index % 251);
const config = Uint8Array.from({ length: 4096 }, (_, index) => (index * 7) % 256);

/** One that has everything, in directed mode. */
const definition: Omit<AfuDefinition, 'model' | 'driver'> = {
  modes: ['dedicated_process', 'afu_directed'],
  numProcs: 8,
  irqsMin: 2,
  irqsMax: 7,
  problemState: { size: 128 * KIB, perProcess: { offset: 64 * KIB, size: 8 * KIB } },
  configurationRecords: [
    { vendor: 0x1014, device: 0xf00, class: 0x12_00 },
    { vendor: 0xa, device: 0, class: 0xff_ff_ff, config },
  ],
  errorBuffer: errors,
};

interface Served {
  readonly adapter: Adapter;
  readonly directory: string;
  readonly read: (path: string) => Promise<string>;
  /** One write(2), which must take everything: undefined, or the errno's name. */
  readonly write: (path: string, text: string) => Promise<string | undefined>;
}

async function serveCard(
  t: TestContext,
  options: Partial<AfuDefinition> = definition,
  adapterOptions: Partial<AdapterOptions> = {},
): Promise<Served> {
  const adapter = new Adapter({ afus: [afuOptions(echo(options))], ...adapterOptions });
  const directory = join(await mountAdapters(t, [adapter]), 'sys/class/cxl');
  return {
    adapter,
    directory,
    read: path => readFile(join(directory, path), 'latin1'),
    async write(path, text) {
      const file = await open(join(directory, path), constants.O_WRONLY);
      try {
        const bytes = Buffer.from(text, 'latin1');
        const { bytesWritten } = await file.write(bytes, 0, bytes.length, null);
        assert.equal(bytesWritten, bytes.length);
        return undefined;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      } finally {
        await file.close();
      }
    },
  };
}

const refused = async (action: Promise<unknown>): Promise<string | undefined> =>
  action.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );

/** What is written, what that gives, and what the attribute shows then. */
type Written = readonly [text: string, code: string | undefined, shows: string];

interface Row {
  readonly mode: number;
  /** Absent: it cannot be read. */
  readonly shows?: string;
  readonly writes?: readonly Written[];
}

const irqsMax: readonly Written[] = [
  ['5\n', undefined, '5\n'],
  ['2', undefined, '2\n'],
  ['2037\n', undefined, '2037\n'],
  ['0x10\n', undefined, '16\n'],
  ['0X1f', undefined, '31\n'],
  ['017\n', undefined, '15\n'],
  [' \t\n9', undefined, '9\n'],
  ['12 men', undefined, '12\n'],
  ['3.9', undefined, '3\n'],
  ['4294967300', undefined, '4\n'],
  ['+5\n', 'EINVAL', '4\n'],
  ['1\n', 'EINVAL', '4\n'],
  ['2038\n', 'EINVAL', '4\n'],
  ['-3', 'EINVAL', '4\n'],
  ['0x', 'EINVAL', '4\n'],
  ['x', 'EINVAL', '4\n'],
  ['\n', 'EINVAL', '4\n'],
];

const flag: readonly Written[] = [
  ['1\n', undefined, '1\n'],
  ['0x0', undefined, '0\n'],
  ['01', undefined, '1\n'],
  ['2', 'EINVAL', '1\n'],
  ['-1', 'EINVAL', '1\n'],
  ['yes', 'EINVAL', '1\n'],
  ['0', undefined, '0\n'],
];

const uevent: readonly Written[] = [
  ['add\n', undefined, ''],
  ['change 6a7d2c1e-0000-4000-8000-000000000000', undefined, ''],
  ['addition', 'EINVAL', ''],
];

/** cxl-abi.md, section 10. */
const rows: Readonly<Record<string, Row>> = {
  'card0/caia_version': { mode: 0o444, shows: '1.0\n' },
  'card0/psl_revision': { mode: 0o444, shows: '1\n' },
  'card0/base_image': { mode: 0o444, shows: '1\n' },
  'card0/image_loaded': { mode: 0o444, shows: 'user\n' },
  'card0/psl_timebase_synced': { mode: 0o444, shows: '1\n' },
  'card0/tunneled_ops_supported': { mode: 0o444, shows: '0\n' },
  'card0/load_image_on_perst': {
    mode: 0o644,
    shows: 'user\n',
    writes: [
      ['none\n', undefined, 'none\n'],
      ['factory', undefined, 'factory\n'],
      ['users and others', undefined, 'user\n'],
      ['fact', 'EINVAL', 'user\n'],
      [' none', 'EINVAL', 'user\n'],
      ['None', 'EINVAL', 'user\n'],
    ],
  },
  'card0/perst_reloads_same_image': { mode: 0o644, shows: '0\n', writes: flag },
  'card0/reset': {
    mode: 0o200,
    writes: [
      ['2', 'EINVAL', ''],
      ['0', 'EINVAL', ''],
      ['', undefined, ''],
      ['reset', 'EINVAL', ''],
    ],
  },
  'card0/uevent': { mode: 0o644, shows: '', writes: uevent },
  'afu0.0/mmio_size': { mode: 0o444, shows: `${8 * KIB}\n` },
  'afu0.0/irqs_min': { mode: 0o444, shows: '2\n' },
  'afu0.0/irqs_max': { mode: 0o644, shows: '7\n', writes: irqsMax },
  'afu0.0/modes_supported': { mode: 0o444, shows: 'dedicated_process\nafu_directed\n' },
  'afu0.0/mode': {
    mode: 0o644,
    shows: 'afu_directed\n',
    writes: [
      ['dedicated_process\n', undefined, 'dedicated_process\n'],
      ['dedicated', 'EINVAL', 'dedicated_process\n'],
      ['afu_directedly', undefined, 'afu_directed\n'],
      ['none of them', undefined, 'none\n'],
      ['\n', 'EINVAL', 'none\n'],
    ],
  },
  'afu0.0/prefault_mode': {
    mode: 0o644,
    shows: 'none\n',
    writes: [
      ['all\n', undefined, 'all\n'],
      ['work_element_descriptor\n', undefined, 'work_element_descriptor\n'],
      ['work_element', 'EINVAL', 'work_element_descriptor\n'],
      ['none', undefined, 'none\n'],
      ['allowed', undefined, 'all\n'],
      ['some', 'EINVAL', 'all\n'],
    ],
  },
  'afu0.0/api_version': { mode: 0o444, shows: '3\n' },
  'afu0.0/api_version_compatible': { mode: 0o444, shows: '1\n' },
  'afu0.0/reset': {
    mode: 0o200,
    writes: [
      ['1\n', undefined, ''],
      ['anything', undefined, ''],
    ],
  },
  'afu0.0/event_size_max': { mode: 0o444, shows: '4096\n' },
  'afu0.0/uevent': { mode: 0o644, shows: '', writes: uevent },
  'afu0.0/cr0/vendor': { mode: 0o444, shows: '0x1014\n' },
  'afu0.0/cr0/device': { mode: 0o444, shows: '0x0f00\n' },
  'afu0.0/cr0/class': { mode: 0o444, shows: '0x001200\n' },
  'afu0.0/cr1/vendor': { mode: 0o444, shows: '0x000a\n' },
  'afu0.0/cr1/device': { mode: 0o444, shows: '0x0000\n' },
  'afu0.0/cr1/class': { mode: 0o444, shows: '0xffffff\n' },
  'afu0.0m/dev': { mode: 0o444, shows: '242:2\n' },
  'afu0.0m/uevent': { mode: 0o644, shows: 'MAJOR=242\nMINOR=2\nDEVNAME=cxl/afu0.0m\n' },
  'afu0.0m/mmio_size': { mode: 0o444, shows: `${128 * KIB}\n` },
  'afu0.0m/pp_mmio_off': { mode: 0o444, shows: `${64 * KIB}\n` },
  'afu0.0m/pp_mmio_len': { mode: 0o444, shows: `${8 * KIB}\n` },
  'afu0.0s/dev': { mode: 0o444, shows: '242:3\n' },
  'afu0.0s/uevent': { mode: 0o644, shows: 'MAJOR=242\nMINOR=3\nDEVNAME=cxl/afu0.0s\n' },
};
const directories: Readonly<Record<string, readonly string[]>> = {
  card0: ['afu0.0', 'device', 'subsystem'],
  'afu0.0': ['afu0.0m', 'afu0.0s', 'afu_err_buff', 'cr0', 'cr1', 'device', 'subsystem'],
  'afu0.0m': ['device', 'subsystem'],
  'afu0.0s': ['device', 'subsystem'],
  'afu0.0/cr0': ['config'],
};

describe('attributes', { skip: noFuse() }, () => {
  it('the table names every one, and the directories hold nothing else', async t => {
    const { directory } = await serveCard(t);
    for (const [path, others] of Object.entries(directories)) {
      const files = Object.keys(rows).filter(name => name.slice(0, name.lastIndexOf('/')) === path);
      const expected = [...others, ...files.map(name => name.slice(path.length + 1))];
      assert.deepEqual((await readdir(join(directory, path))).toSorted(), expected.toSorted(), path);
    }
  });

  for (const [path, { mode, shows, writes }] of Object.entries(rows)) {
    it(`${path}: 0${mode.toString(8)}${writes ? ', and what is written' : ''}`, async t => {
      const { directory, read, write } = await serveCard(t);
      const found = await stat(join(directory, path));
      assert.deepEqual(
        [found.mode & 0o7777, found.size, found.uid, found.gid],
        [mode, 4096, process.getuid!(), process.getgid!()],
      );
      if (shows === undefined) assert.equal(await refused(read(path)), 'EACCES', 'for root too');
      else assert.equal(await read(path), shows);
      if ((mode & 0o222) === 0) assert.equal(await refused(write(path, 'x')), 'EACCES', 'for root too');
      for (const [text, code, after] of writes ?? []) {
        assert.equal(await write(path, text), code, JSON.stringify(text));
        if (shows !== undefined) assert.equal(await read(path), after, `after ${JSON.stringify(text)}`);
      }
    });
  }

  it('an AFU with nothing: sizes are 0, no records, no error buffer; without windows mmio_size is the whole area', async t => {
    const { directory, read } = await serveCard(t, {});
    const sizes = ['afu0.0/mmio_size', 'afu0.0m/mmio_size', 'afu0.0m/pp_mmio_off', 'afu0.0m/pp_mmio_len'];
    assert.deepEqual(await Promise.all(sizes.map(read)), ['0\n', '0\n', '0\n', '0\n']);
    const names = await readdir(join(directory, 'afu0.0'));
    assert.ok(!names.some(name => /^cr\d|afu_err_buff/.test(name)), names.join());
    const other = await serveCard(t, { problemState: { size: 64 * KIB } });
    assert.deepEqual(await Promise.all(sizes.map(other.read)), ['65536\n', '65536\n', '0\n', '0\n']);
  });

  it('mmio_size is that of a window also in dedicated mode', async t => {
    const { read, write } = await serveCard(t);
    assert.equal(await write('afu0.0/mode', 'dedicated_process'), undefined);
    assert.equal(await read('afu0.0d/device/mmio_size'), `${8 * KIB}\n`);
    assert.equal(await read('afu0.0d/dev'), '242:1\n');
  });

  it('what a card says of itself is the configuration’s', async t => {
    const description = {
      caiaVersion: '2.1',
      pslRevision: 9,
      baseImage: 12,
      imageLoaded: 'factory',
      pslTimebaseSynced: false,
      tunneledOpsSupported: true,
    } as const;
    const { read } = await serveCard(t, definition, { description });
    const names = ['caia_version', 'psl_revision', 'base_image', 'image_loaded', 'load_image_on_perst'];
    const flags = ['psl_timebase_synced', 'tunneled_ops_supported'];
    const shown = await Promise.all([...names, ...flags].map(name => read(`card0/${name}`)));
    assert.equal(shown.join(''), '2.1\n9\n12\nfactory\nfactory\n0\n1\n');
  });

  it('from a shell: echo acts, tee says what is wrong', async t => {
    const { adapter, directory } = await serveCard(t);
    const path = join(directory, 'afu0.0/irqs_max');
    const good = await start(t, 'sh', ['-c', 'echo 6 >"$0"', path]).ended;
    assert.deepEqual([good.code, good.stderr, adapter.afus[0]!.irqsMax], [0, '', 6]);
    const bad = await start(t, 'sh', ['-c', 'echo 1 | tee "$0"', path]).ended;
    assert.match(bad.stderr, /Invalid argument/);
    assert.notEqual(bad.code, 0);
  });

  it('who is not the owner reads, and writes nothing', { skip: notRoot() }, async t => {
    const { directory } = await serveCard(t);
    const nobody = (...command: string[]): Promise<{ stdout: string; stderr: string }> =>
      start(t, 'setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...command]).ended;
    assert.equal((await nobody('cat', join(directory, 'afu0.0/mode'))).stdout, 'afu_directed\n');
    for (const path of ['afu0.0/mode', 'afu0.0/reset', 'card0/reset']) {
      const { stderr } = await nobody('sh', '-c', 'echo 1 >"$0"', join(directory, path));
      assert.match(stderr, /Permission denied/, path);
    }
    assert.match((await nobody('cat', join(directory, 'afu0.0/cr0/config'))).stderr, /Permission denied/);
  });
});

describe('binary attributes', { skip: noFuse() }, () => {
  it('config: 0400, the size of the space, live; a record without its own has its numbers where PCI has them', async t => {
    const { directory } = await serveCard(t);
    const path = join(directory, 'afu0.0/cr1/config');
    const found = await stat(path);
    assert.deepEqual([found.mode & 0o7777, found.size], [0o400, 4096]);
    assert.deepEqual(await readFile(path), Buffer.from(config));
    const made = await readFile(join(directory, 'afu0.0/cr0/config'));
    assert.deepEqual([made.length, made.toString('hex', 0, 12)], [256, '1410000f0000000000001200']);
    assert.ok(made.subarray(12).every(byte => byte === 0));
    assert.equal(await refused(open(path, constants.O_RDWR)), 'EACCES');
  });

  it('without link every byte is 0xff', async t => {
    const { adapter, directory } = await serveCard(t);
    adapter.loseLink();
    const bytes = await readFile(join(directory, 'afu0.0/cr0/config'));
    assert.deepEqual([bytes.length, bytes.every(byte => byte === 0xff)], [256, true]);
    adapter.restoreLink();
  });

  it('afu_err_buff: 0444, its length as size; a page of whole 8-byte units for each read, and nothing from the end on', async t => {
    const { directory } = await serveCard(t);
    const path = join(directory, 'afu0.0/afu_err_buff');
    const found = await stat(path);
    assert.deepEqual([found.mode & 0o7777, found.size], [0o444, 5000]);
    const { stdout } = await start(t, 'sh', ['-c', 'od -An -v -tu1 -w1 "$0"', path]).ended;
    assert.deepEqual(stdout.trim().split(/\s+/).map(Number), [...errors]);
    const file = await open(path, constants.O_RDONLY);
    t.after(() => file.close());
    const lengths: number[] = [];
    const cases: readonly (readonly [offset: number, size: number, given: number])[] = [
      [0, 8192, 4096],
      [8, 4096, 4096],
      [4, 4096, 4092],
      [4, 4090, 4090],
      [4999, 100, 1],
      [5000, 100, 0],
      [1 << 20, 100, 0],
    ];
    for (const [offset, size, given] of cases) {
      const buffer = Buffer.alloc(size, 0xee);
      const { bytesRead } = await file.read(buffer, 0, size, offset);
      lengths.push(bytesRead);
      assert.deepEqual(buffer.subarray(0, bytesRead), Buffer.from(errors.subarray(offset, offset + given)));
    }
    assert.deepEqual(
      lengths,
      cases.map(([, , given]) => given),
    );
  });
});

describe('a PowerVM guest', { skip: noFuse() }, () => {
  it('lacks what it cannot know, and its card has a device number', async t => {
    const { directory, read } = await serveCard(t, definition, { guest: true, card: 2 });
    const card = await readdir(join(directory, 'card2'));
    const absent = ['base_image', 'image_loaded', 'load_image_on_perst', 'perst_reloads_same_image'];
    assert.deepEqual(
      absent.filter(name => card.includes(name)),
      [],
    );
    assert.ok(card.includes('reset'));
    assert.deepEqual((await readdir(join(directory, 'afu2.0m'))).toSorted(), [
      'dev',
      'device',
      'mmio_size',
      'pp_mmio_len',
      'subsystem',
      'uevent',
    ]);
    assert.equal(await read('card2/dev'), '242:26\n');
    assert.equal(await read('card2/uevent'), 'MAJOR=242\nMINOR=26\nDEVNAME=cxl/card2\n');
  });

  it('irqs_max is at most what the AFU began with', async t => {
    const { write } = await serveCard(t, definition, { guest: true });
    assert.equal(await write('afu0.0/irqs_max', '8'), 'EINVAL');
    assert.equal(await write('afu0.0/irqs_max', '6'), undefined);
  });
});

describe('numbers, as the kernel’s sscanf takes %i', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['0', 0],
    ['-1\n', -1],
    ['-0x1', -1],
    ['- 1', undefined],
    ['--1', undefined],
    ['08', 0],
    ['0x', 0],
    ['0xg', 0],
    ['1e3', 1],
    ['2147483648', -2147483648],
    ['', undefined],
    ['\u00001', undefined],
  ];
  for (const [text, value] of cases) it(JSON.stringify(text), () => assert.equal(scanInteger(text), value));
});
