/* The trees dev/cxl and sys/class/cxl: names, numbers, links, and who may open what. */
import assert from 'node:assert/strict';
import { readFile, readdir, readlink, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { afuOptions, echo, ticker } from '../../src/afu/index.ts';
import { Adapter } from '../../src/core/index.ts';
import { mountAdapters } from '../support/device.ts';
import { noFuse, notRoot } from '../support/needs.ts';
import { start } from '../support/program.ts';

/** Card 0 with one AFU of each mode, card 3 with one that can do both. */
function cards(): Adapter[] {
  const directed = afuOptions(ticker());
  const dedicated = afuOptions(echo({ modes: ['dedicated_process'] }));
  const both = afuOptions(ticker({ modes: ['dedicated_process', 'afu_directed'], irqsMin: 2, irqsMax: 7 }));
  return [new Adapter({ afus: [directed, dedicated] }), new Adapter({ card: 3, afus: [directed, both] })];
}

const nodes = ['afu0.0m', 'afu0.0s', 'afu0.1d', 'afu3.0m', 'afu3.0s', 'afu3.1m', 'afu3.1s'];

/** libcxl's own way to an attribute: in the directory itself, else in that of its `device`, and so on upwards. */
async function attribute(directory: string, name: string): Promise<string> {
  for (let at = directory, depth = 0; depth < 4; at = join(at, 'device'), depth++) {
    const value = await readFile(join(at, name), 'latin1').catch(() => undefined);
    if (value === undefined) continue;
    assert.ok(value.endsWith('\n'), `${name} ends in a newline, which libcxl cuts off`);
    return value.slice(0, -1);
  }
  throw new Error(`no ${name} from ${directory} upwards`);
}

describe('the trees', { skip: noFuse() }, () => {
  it('dev/cxl has d in dedicated mode, m and s in directed mode', async t => {
    const directory = await mountAdapters(t, cards());
    assert.deepEqual((await readdir(join(directory, 'dev/cxl'))).toSorted(), nodes);
    assert.deepEqual((await readdir(directory)).toSorted(), ['debug', 'dev', 'sys']);
  });

  it('sys/class/cxl lists cards, AFUs and char nodes; AFUs stand in their card, char nodes in their AFU', async t => {
    const directory = join(await mountAdapters(t, cards()), 'sys/class/cxl');
    const afus = ['afu0.0', 'afu0.1', 'afu3.0', 'afu3.1'];
    const listed = await readdir(directory);
    assert.deepEqual(listed.toSorted(), ['.devices', 'card0', 'card3', ...afus, ...nodes].toSorted());
    // libcxl's own filters, for the class directory and for a card's.
    assert.deepEqual(listed.filter(name => /^card[0-9]+$/.test(name)).toSorted(), ['card0', 'card3']);
    const inCard = await readdir(join(directory, 'card0'));
    assert.deepEqual(inCard.filter(name => /^afu[0-9]+\.[0-9]+$/.test(name)).toSorted(), ['afu0.0', 'afu0.1']);
    for (const afu of afus) {
      const card = `card${afu[3]}`;
      assert.equal(await realpath(join(directory, afu)), join(directory, card, afu));
      assert.equal(await realpath(join(directory, afu, 'device')), join(directory, card));
    }
    for (const node of nodes) {
      const afu = node.slice(0, -1);
      assert.equal(await realpath(join(directory, node)), join(directory, `card${afu[3]}`, afu, node));
      assert.equal(await realpath(join(directory, node, 'device')), await realpath(join(directory, afu)));
      for (const below of [node, afu, `card${afu[3]}`]) {
        assert.equal(await realpath(join(directory, below, 'subsystem')), directory);
        assert.match(await readlink(join(directory, below, 'subsystem')), /\/cxl$/, 'its name is the last component');
      }
    }
  });

  it('`device` leads from a char node upwards to a PCI device, as libcxl follows it', async t => {
    const directory = join(await mountAdapters(t, cards()), 'sys/class/cxl');
    for (const [node, address] of Object.entries({ 'afu0.1d': '0000:01:00.0', 'afu3.1s': '0000:04:00.0' })) {
      const pci = join(directory, node, 'device/device/device');
      assert.equal(await realpath(pci), join(directory, '.devices', address));
      assert.match(await readlink(join(pci, 'subsystem')), /\/pci$/);
      await stat(join(pci, 'subsystem'));
      const names = ['vendor', 'device', 'class'];
      const values = await Promise.all(names.map(name => readFile(join(pci, name), 'latin1')));
      assert.deepEqual(values, ['0x1014\n', '0x0477\n', '0x120000\n']);
      assert.match(await readFile(join(pci, 'uevent'), 'latin1'), new RegExp(`^PCI_SLOT_NAME=${address}$`, 'm'));
    }
  });

  it('links are relative, so that they also hold where the tree is mounted elsewhere', async t => {
    const directory = join(await mountAdapters(t, cards()), 'sys/class/cxl');
    for (const link of ['afu0.0', 'afu0.0s', 'afu0.0/device', 'afu0.0s/device', 'afu0.0s/subsystem']) {
      assert.doesNotMatch(await readlink(join(directory, link)), /^\//, link);
    }
  });

  it('minors: 13 for each card, one of its own, then d, m and s of each slice', async t => {
    const directory = join(await mountAdapters(t, cards()), 'sys/class/cxl');
    const minors = await Promise.all(
      nodes.map(async node => (await attribute(join(directory, node), 'dev')).split(':')[1]),
    );
    assert.deepEqual(minors, ['2', '3', '4', '41', '42', '44', '45']);
  });

  it('the inode number of a device file has its major and minor, as sysfs shows them', async t => {
    const directory = await mountAdapters(t, cards());
    for (const node of nodes) {
      const { ino } = await stat(join(directory, 'dev/cxl', node));
      assert.equal(ino >>> 24, 0xca);
      const number = `${(ino >>> 12) & 0xfff}:${ino & 0xfff}`;
      assert.equal(number, await attribute(join(directory, 'sys/class/cxl', node), 'dev'));
    }
  });

  it('every attribute that libcxl asks for is found from a char node upwards', async t => {
    const directory = join(await mountAdapters(t, cards()), 'sys/class/cxl');
    const wanted = {
      api_version: '3',
      api_version_compatible: '1',
      irqs_min: '2',
      irqs_max: '7',
      mode: 'afu_directed',
      modes_supported: 'dedicated_process\nafu_directed',
      prefault_mode: 'none',
    };
    for (const node of ['afu3.1', 'afu3.1m', 'afu3.1s']) {
      for (const [name, value] of Object.entries(wanted)) {
        assert.equal(await attribute(join(directory, node), name), value, `${node}/${name}`);
      }
    }
    assert.equal(await attribute(join(directory, 'afu0.1d'), 'mode'), 'dedicated_process');
  });

  it('device files are 0600 and the owner is who serves', async t => {
    const directory = await mountAdapters(t, cards());
    const { mode, uid, gid } = await stat(join(directory, 'dev/cxl/afu0.0s'));
    assert.deepEqual(
      { mode: mode & 0o7777, uid, gid },
      { mode: 0o600, uid: process.getuid!(), gid: process.getgid!() },
    );
  });
});

const [OWNER, GROUP] = [4711, 4712];

/** Whether somebody can open the device for reading and writing. */
async function opens(t: TestContext, directory: string, uid: number, groups: string): Promise<boolean> {
  const who = [`--reuid=${uid}`, '--regid=65534', groups === '' ? '--clear-groups' : `--groups=${groups}`];
  const file = join(directory, 'dev/cxl/afu0.0s');
  const { code, stderr } = await start(t, 'setpriv', [...who, 'sh', '-c', 'exec 3<>"$0"', file]).ended;
  if (code !== 0) assert.match(stderr, /Permission denied/);
  return code === 0;
}

describe('permissions, enforced by the kernel', { skip: noFuse() || notRoot() }, () => {
  const cases = [
    { mode: 0o600, owner: true, group: false, other: false },
    { mode: 0o660, owner: true, group: true, other: false },
    { mode: 0o606, owner: true, group: false, other: true },
    { mode: 0o440, owner: false, group: false, other: false },
  ] as const;
  for (const { mode, owner, group, other } of cases) {
    it(`0${mode.toString(8)}: owner ${owner}, group ${group}, others ${other}`, async t => {
      const directory = await mountAdapters(t, cards(), { uid: OWNER, gid: GROUP, mode });
      const found = await stat(join(directory, 'dev/cxl/afu0.0s'));
      assert.deepEqual([found.uid, found.gid, found.mode & 0o7777], [OWNER, GROUP, mode]);
      const seen = {
        owner: await opens(t, directory, OWNER, ''),
        group: await opens(t, directory, 65534, `4000,${GROUP}`),
        other: await opens(t, directory, 65534, '4000'),
      };
      assert.deepEqual(seen, { owner, group, other });
    });
  }

  it('sysfs is for everybody, the control files for their owner alone', async t => {
    const directory = await mountAdapters(t, cards(), { uid: OWNER, gid: GROUP, mode: 0o666 });
    const read = ['--reuid=65534', '--regid=65534', '--clear-groups', 'cat', `${directory}/sys/class/cxl/afu0.0s/dev`];
    assert.equal((await start(t, 'setpriv', read).ended).stdout, '242:3\n');
    const control = join(directory, 'debug/cxl/afu0.1/echo');
    const write = ['--reuid=65534', '--regid=65534', '--clear-groups', 'sh', '-c', 'echo >"$0"', control];
    assert.match((await start(t, 'setpriv', write).ended).stderr, /Permission denied/);
  });
});
