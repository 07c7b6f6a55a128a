/* A card's life as programs see it: modes that change, links that go, cards that fail and return, a guest's images. */
import assert from 'node:assert/strict';
import { access, constants, open, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { afuOptions, echo } from '../../src/afu/index.ts';
import { Adapter } from '../../src/core/index.ts';
import { DeviceFiles } from '../../src/devfs/device-files.ts';
import { deviceTree } from '../../src/devfs/tree.ts';
import type { DirectoryNode, Node } from '../../src/fuse/index.ts';
import { Calls } from '../support/clients.ts';
import { mountAdapters, serve, type Device } from '../support/device.ts';
import { eventHex, number } from '../support/kinds.ts';
import { any, noFuse, noPython } from '../support/needs.ts';
import { until } from '../support/until.ts';

const powerpc = process.arch.startsWith('ppc');
const START_WORK = powerpc ? 0x8040ca00 : 0x4040ca00;
const GET_PROCESS_ELEMENT = powerpc ? 0x4004ca01 : 0x8004ca01;
const DOWNLOAD_IMAGE = powerpc ? 0x8040ca0a : 0x4040ca0a;
const VALIDATE_IMAGE = powerpc ? 0x8040ca0b : 0x4040ca0b;
const NOTHING = '00'.repeat(64);
const both = ['dedicated_process', 'afu_directed'] as const;

const irq = (n: number, pe = 0): string => {
  const fields = [0, n].map(value => [2, value] as const);
  return `16 ${eventHex(1, [...fields, [4, 0]], '', pe)}`;
};

const sysfs = ({ directory }: Device, path: string): string => join(directory, 'sys/class/cxl', path);
const nodes = async ({ directory }: Device): Promise<string[]> =>
  (await readdir(join(directory, 'dev/cxl'))).toSorted();

async function codeOf(action: Promise<unknown>): Promise<string | undefined> {
  return action.then(
    () => undefined,
    (error: NodeJS.ErrnoException) => error.code,
  );
}
const write = (device: Device, path: string, text: string): Promise<string | undefined> =>
  codeOf(writeFile(sysfs(device, path), text, { flag: constants.O_WRONLY }));

/** A program that has the device open, with work started. */
async function working(t: TestContext, device: Device, view: 'd' | 'm' | 's' = 's'): Promise<Calls> {
  const calls = new Calls(t, device.path(view));
  assert.equal(await calls.opened(), 'open 0');
  assert.equal(await calls.call('ioctl', START_WORK, NOTHING), `0 ${NOTHING}`);
  return calls;
}

async function close(device: Device, ...programs: readonly Calls[]): Promise<void> {
  for (const { program } of programs) await program.finish();
  await device.idle();
}

const clients = { skip: any(noFuse(), noPython()) };

describe('modes through sysfs', clients, () => {
  it('nodes go and come; EBUSY while a program has one open, whatever is written', async t => {
    const device = await serve(t, { modes: both });
    const calls = await working(t, device);
    for (const text of ['dedicated_process', 'none', 'afu_directed', 'nonsense']) {
      assert.equal(await write(device, 'afu0.0/mode', text), 'EBUSY', text);
    }
    (await device.started()).interrupt(2);
    assert.equal(await calls.call('read', 4096), irq(2), 'and it goes on working');
    await close(device, calls);

    const steps = { dedicated_process: ['afu0.0d'], none: [], afu_directed: ['afu0.0m', 'afu0.0s'] };
    for (const [mode, expected] of Object.entries(steps)) {
      assert.equal(await write(device, 'afu0.0/mode', mode), undefined);
      assert.deepEqual(await nodes(device), expected);
      const inClass = await readdir(sysfs(device, '.'));
      assert.deepEqual(inClass.filter(name => /^afu0\.0./.test(name)).toSorted(), expected);
      const inAfu = await readdir(sysfs(device, 'afu0.0'));
      assert.deepEqual(inAfu.filter(name => name.startsWith('afu0.0')).toSorted(), expected);
      for (const name of expected) assert.match(await readFile(sysfs(device, `${name}/dev`), 'latin1'), /^242:\d+\n$/);
    }
    await close(device, await working(t, device));
  });

  it('one that is not supported is EINVAL and leaves the AFU without device files', async t => {
    const device = await serve(t);
    assert.equal(await write(device, 'afu0.0/mode', 'dedicated_process'), 'EINVAL');
    assert.equal(await readFile(sysfs(device, 'afu0.0/mode'), 'latin1'), 'none\n');
    assert.deepEqual(await nodes(device), []);
    assert.equal(await new Calls(t, device.path()).opened(), 'open -1 ENOENT');
  });

  it('a dedicated AFU has one user: ENOSPC for the second', async t => {
    const device = await serve(t, { modes: both });
    await write(device, 'afu0.0/mode', 'dedicated_process');
    const first = await working(t, device, 'd');
    assert.equal(await new Calls(t, device.path('d')).opened(), 'open -1 ENOSPC');
    await close(device, first);
    await close(device, await working(t, device, 'd'));
  });
});

describe('resets through sysfs', clients, () => {
  it('AFU: EBUSY while it is open, then done', async t => {
    const device = await serve(t);
    const calls = new Calls(t, device.path());
    assert.equal(await calls.opened(), 'open 0');
    assert.equal(await write(device, 'afu0.0/reset', '1'), 'EBUSY');
    await close(device, calls);
    assert.equal(await write(device, 'afu0.0/reset', '1'), undefined);
  });

  it('card: EBUSY with work, forced by -1: programs drain and then fail, and the card works for others', async t => {
    const device = await serve(t);
    const calls = await working(t, device);
    (await device.started()).interrupt(3);
    assert.equal(await write(device, 'card0/reset', '1'), 'EBUSY');
    assert.equal(await write(device, 'card0/perst_reloads_same_image', '1'), undefined);
    assert.equal(await write(device, 'card0/reset', '1'), 'EBUSY', 'before EINVAL');
    assert.equal(await write(device, 'card0/reset', '-1'), 'EINVAL');
    assert.equal(await write(device, 'card0/perst_reloads_same_image', '0'), undefined);
    assert.equal(await write(device, 'card0/load_image_on_perst', 'factory'), undefined);
    assert.equal(await readFile(sysfs(device, 'card0/image_loaded'), 'latin1'), 'user\n');
    assert.equal(await write(device, 'card0/reset', '-1\n'), undefined);
    assert.equal(await readFile(sysfs(device, 'card0/image_loaded'), 'latin1'), 'factory\n');
    assert.equal(await calls.call('ioctl', GET_PROCESS_ELEMENT, '00000000'), '-1 EIO');
    assert.equal(await calls.call('poll'), '0x41');
    assert.equal(await calls.call('read', 4096), irq(3));
    assert.equal(await calls.call('poll'), '0x8');
    assert.equal(await calls.call('read', 4096), '-1 EIO');
    const other = await working(t, device);
    await close(device, calls, other);
    assert.equal(await write(device, 'card0/reset', '1'), undefined);
  });
});

describe('the link', clients, () => {
  it('lost: whoever sleeps in read wakes with EIO; back: what was pending is read, then EIO for ever', async t => {
    const device = await serve(t);
    const [sleeper, busy] = [await working(t, device), await working(t, device)];
    const slept = sleeper.call('read', 4096);
    await device.waitedFor(0);
    (await device.started(1)).interrupt(1);
    device.adapter.loseLink();
    assert.equal(await slept, '-1 EIO');
    assert.equal(await busy.call('read', 4096), '-1 EIO');
    assert.equal(await busy.call('poll'), '0x8');
    assert.deepEqual(await nodes(device), ['afu0.0m', 'afu0.0s'], 'the device files stay');
    assert.equal(await new Calls(t, device.path()).opened(), 'open -1 EIO');
    assert.equal(await write(device, 'afu0.0/reset', '1'), 'EBUSY');
    assert.equal(await write(device, 'card0/reset', '1'), 'EIO');
    device.adapter.restoreLink();
    assert.equal(await busy.call('poll'), '0x41');
    assert.equal(await busy.call('read', 4096), irq(1, 1));
    assert.equal(await busy.call('read', 4096), '-1 EIO');
    assert.equal(await sleeper.call('read', 4096), '-1 EIO');
    const fresh = await working(t, device);
    await close(device, sleeper, busy, fresh);
  });

  it('a mode that is set without it: EIO, and no device files until it is back', async t => {
    const device = await serve(t);
    device.adapter.loseLink();
    assert.equal(await write(device, 'afu0.0/mode', 'afu_directed'), 'EIO');
    assert.deepEqual(await nodes(device), []);
    device.adapter.restoreLink();
    assert.deepEqual(await nodes(device), ['afu0.0m', 'afu0.0s']);
  });
});

describe('an AFU error that ends the work', clients, () => {
  it('whoever has the device open reads what was pending, the error last, and then EIO; others can open it', async t => {
    const device = await serve(t);
    const calls = await working(t, device);
    const element = await device.started();
    element.error(0x1234n);
    element.interrupt(1);
    device.context().detach();
    assert.equal(await calls.call('ioctl', START_WORK, NOTHING), '-1 EIO');
    assert.equal(await calls.call('read', 4096), irq(1));
    assert.equal(await calls.call('poll'), '0x41');
    assert.equal(
      await calls.call('read', 4096),
      `24 ${eventHex(3, [
        [2, 0],
        [2, 0],
        [4, 0],
        [8, 0x1234],
      ])}`,
    );
    assert.deepEqual([await calls.call('poll'), await calls.call('read', 4096)], ['0x8', '-1 EIO']);
    const fresh = await working(t, device);
    await close(device, calls, fresh);
  });
});

describe('a card that fails', clients, () => {
  it('vanishes with its files and its place in sysfs; programs drain and fail; found again, it works', async t => {
    const device = await serve(t);
    const calls = await working(t, device);
    const attribute = await open(sysfs(device, 'afu0.0/mode'));
    t.after(() => attribute.close());
    const shown = async (): Promise<string | undefined> => codeOf(attribute.read(Buffer.alloc(64), 0, 64, 0));
    assert.equal(await shown(), undefined);
    (await device.started()).interrupt(4);

    device.adapter.fail();
    assert.deepEqual([await nodes(device), await readdir(sysfs(device, '.'))], [[], ['.devices']]);
    assert.deepEqual(await readdir(sysfs(device, '.devices')), ['pci']);
    assert.equal(await new Calls(t, device.path()).opened(), 'open -1 ENOENT');
    assert.deepEqual([await calls.call('poll'), await calls.call('read', 4096)], ['0x8', '-1 EIO']);
    assert.equal(await shown(), 'ENODEV');

    device.adapter.probe();
    assert.deepEqual(await nodes(device), ['afu0.0m', 'afu0.0s']);
    await access(sysfs(device, 'afu0.0s/device/device/device/vendor'));
    assert.equal(await shown(), 'ENODEV', 'it was another one’s');
    assert.equal(await readFile(sysfs(device, 'afu0.0/mode'), 'latin1'), 'afu_directed\n');
    assert.equal(await calls.call('read', 4096), irq(4));
    assert.deepEqual([await calls.call('poll'), await calls.call('read', 4096)], ['0x8', '-1 EIO']);
    const fresh = await working(t, device);
    await close(device, calls, fresh);
  });

  it('does not take the others with it', async t => {
    const adapters = [0, 1].map(card => new Adapter({ card, afus: [afuOptions(echo())] }));
    const directory = await mountAdapters(t, adapters);
    adapters[0]!.fail();
    assert.deepEqual((await readdir(join(directory, 'dev/cxl'))).toSorted(), ['afu1.0m', 'afu1.0s']);
    assert.ok((await readdir(join(directory, 'sys/class/cxl'))).includes('card1'));
    assert.deepEqual((await readdir(join(directory, 'sys/class/cxl/.devices'))).toSorted(), ['0000:02:00.0', 'pci']);
  });
});

function at(root: DirectoryNode, path: string): Node | undefined {
  let node: Node | undefined = root;
  for (const name of path.split('/')) node = node?.kind === 'directory' ? node.lookup(name) : undefined;
  return node;
}

describe('which node is the same', () => {
  const device = 'dev/cxl/afu0.0s';
  const char = 'sys/class/cxl/card0/afu0.0/afu0.0s';
  const afuDirectory = dirname(char);

  it('the same again while nothing happens; another after a mode, a lost link, a reset, a new appearance', () => {
    const adapter = new Adapter({ afus: [afuOptions(echo({ modes: both }))] });
    const [afu] = adapter.afus;
    const root = deviceTree([adapter], new DeviceFiles());
    const paths = [device, char, afuDirectory];
    let before = paths.map(path => at(root, path));
    /** Which of the three are other nodes than before. */
    const others = (): boolean[] => {
      const now = paths.map(path => at(root, path));
      const changed = now.map((node, index) => node !== before[index]);
      assert.ok(now.every(node => node !== undefined));
      before = now;
      return changed;
    };
    assert.deepEqual(others(), [false, false, false]);
    afu!.setMode('afu_directed');
    assert.deepEqual(others(), [true, true, false], 'the same mode again');
    adapter.loseLink();
    assert.deepEqual(others(), [false, false, false]);
    adapter.restoreLink();
    assert.deepEqual(others(), [true, true, false]);
    adapter.reset();
    assert.deepEqual(others(), [true, true, true]);
    adapter.fail();
    assert.deepEqual(
      paths.map(path => at(root, path)),
      [undefined, undefined, undefined],
    );
    adapter.probe();
    assert.deepEqual(others(), [true, true, true]);
  });

  it('an old device node is ENXIO while there is none of its name, an old directory stays empty', () => {
    const adapter = new Adapter({ afus: [afuOptions(echo({ modes: both }))] });
    const root = deviceTree([adapter], new DeviceFiles());
    const [node, afu] = [at(root, device), at(root, afuDirectory)];
    assert.ok(node?.kind === 'file' && afu?.kind === 'directory');
    const opens = (): unknown => node.open({ flags: 2, pid: 0, uid: 0, gid: 0, poller: { notify: () => false } });
    adapter.afus[0]!.setMode('dedicated_process');
    assert.throws(opens, { code: 'ENXIO' });
    adapter.fail();
    assert.throws(opens, { code: 'ENXIO' });
    assert.deepEqual([...afu.entries()], []);
    adapter.probe();
    assert.deepEqual([...afu.entries()], []);
  });
});

interface Image {
  readonly flags?: number | bigint;
  readonly lenData?: number | bigint;
  readonly reserved?: readonly number[];
}

function image({ flags = 0, lenData = 0, reserved = [0, 0, 0, 0] }: Image = {}): string {
  return [flags, 0x1000, lenData, lenData, ...reserved].map(field => number(8, field)).join('');
}

async function serveGuest(t: TestContext): Promise<[Adapter, string]> {
  const adapter = new Adapter({ guest: true, afus: [afuOptions(echo())] });
  return [adapter, join(await mountAdapters(t, [adapter]), 'dev/cxl/card0')];
}

describe('a guest’s card node', clients, () => {
  const MIB = 1 << 20;
  const refusals: readonly (readonly [string, Image, string])[] = [
    ['an image', { lenData: MIB }, 'EPERM'],
    ['an image with a header', { flags: 1, lenData: MIB - 128 }, 'EPERM'],
    ['nothing at all', {}, 'EPERM'],
    ['more than 256 buffers', { lenData: MIB + 1 }, 'EINVAL'],
    ['more than 256 buffers with the header', { flags: 1, lenData: MIB - 127 }, 'EINVAL'],
    ['far too much', { lenData: (1n << 64n) - 1n }, 'EINVAL'],
    ['an unknown flag', { flags: 2, lenData: MIB }, 'EINVAL'],
    ['flag 63', { flags: 1n << 63n }, 'EINVAL'],
    ...[0, 1, 2, 3].map(
      index => [`reserved${index + 1}`, { reserved: [0, 0, 0, 0].with(index, 1) }, 'EINVAL'] as const,
    ),
  ];
  it('refuses every image, for what is wrong with it or because there is no hypervisor', async t => {
    const [, path] = await serveGuest(t);
    const calls = new Calls(t, path);
    assert.equal(await calls.opened(), 'open 0');
    for (const command of [DOWNLOAD_IMAGE, VALIDATE_IMAGE]) {
      for (const [what, given, code] of refusals) {
        assert.equal(await calls.call('ioctl', command, image(given)), `-1 ${code}`, what);
      }
      assert.equal(await calls.call('ioctl-at', command, 8), '-1 EFAULT');
    }
    for (const command of [START_WORK, 0xca7f]) {
      assert.equal(await calls.call('ioctl', command, NOTHING), '-1 EINVAL');
    }
    assert.equal(await calls.call('read', 4096), '-1 EINVAL');
    await calls.program.finish();
  });

  it('one program has it, or any other card’s, at a time: EBUSY', async t => {
    const adapters = [0, 1].map(card => new Adapter({ card, guest: true, afus: [afuOptions(echo())] }));
    const directory = await mountAdapters(t, adapters);
    const card = (n: number): Calls => new Calls(t, join(directory, `dev/cxl/card${n}`));
    const first = card(0);
    assert.equal(await first.opened(), 'open 0');
    assert.deepEqual([await card(0).opened(), await card(1).opened()], ['open -1 EBUSY', 'open -1 EBUSY']);
    await first.program.finish();
    await until('it is free again', async () => (await card(1).opened()) === 'open 0');
  });

  it('closing it without an image resets the card', async t => {
    const [adapter, path] = await serveGuest(t);
    const calls = new Calls(t, path);
    await calls.opened();
    assert.equal(adapter.appearances, 1);
    await calls.program.finish();
    await until('the card is reset', () => adapter.appearances === 2);
  });

  it('is gone with its card; without a guest there is none, and an AFU takes no image', async t => {
    const [adapter, path] = await serveGuest(t);
    adapter.fail();
    assert.equal(await new Calls(t, path).opened(), 'open -1 ENOENT');
    const device = await serve(t);
    assert.deepEqual(await nodes(device), ['afu0.0m', 'afu0.0s']);
    const calls = new Calls(t, device.path());
    assert.equal(await calls.opened(), 'open 0');
    assert.equal(await calls.call('ioctl', DOWNLOAD_IMAGE, image()), '-1 EINVAL');
    await close(device, calls);
  });
});
