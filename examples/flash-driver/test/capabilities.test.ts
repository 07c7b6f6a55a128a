import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';

import type * as Afukit from 'afukit';
import type * as Config from 'afukit/config';
import { config } from 'afukit/config';

import type * as Card from '../src/card.ts';
import type * as Driver from '../src/driver.ts';
import { importFrom, olderAfukit } from './older-afukit.ts';
import { afukit, cannotRun, openDevice, root, serve, startReader } from './rig.ts';

/** One write to the control file each, and the interrupt that stands for it where there are no driver events. */
const notices = [
  ['resize 3 4096', 'pe 0 interrupt 2', 'lun 3 4096 blocks'],
  ['reset 1', 'pe 0 interrupt 3', 'port 1 1 resets'],
  ['timeout 7 30000', 'pe 0 interrupt 4', 'timeout of command 7 after 30000 ms'],
] as const;

const manifest = (directory: string): unknown => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));

describe('with an afukit that has no CXL_AFU_DRIVER_OPS', () => {
  it('the driver is imported, though what it does not need would not be', async t => {
    const older = await olderAfukit(t);
    const { isEnabled } = await importFrom<typeof Config>(older.afukit, 'config.js');
    assert.equal(isEnabled('CXL_AFU_DRIVER_OPS'), false);
    const wanting = importFrom(older.flashDriver, 'dist/src/typed-channel.js');
    await assert.rejects(wanting, { name: 'SyntaxError', message: /does not provide an export named 'defineEvents'/ });
    const { default: driver } = await importFrom<typeof Driver>(older.flashDriver, 'dist/src/driver.js');
    assert.equal(driver.name, 'flash');
  });

  it('an opener gets plain interrupts, in process', async t => {
    const older = await olderAfukit(t);
    const { Adapter, CxlFile, afuOptions } = await importFrom<typeof Afukit>(older.afukit, 'dist/src/index.js');
    const { default: driver } = await importFrom<typeof Driver>(older.flashDriver, 'dist/src/driver.js');
    const { flashCard } = await importFrom<typeof Card>(older.flashDriver, 'dist/src/card.js');
    const [afu] = new Adapter({ afus: [afuOptions({ model: flashCard, irqsMin: 4, driver })] }).afus;
    assert.ok(afu?.driver);
    await using file = new CxlFile(driver.nodes!(afu, afu.driver)['flash0']!.open({ pid: 0, flags: 0 }));
    const events = file.events();
    const interrupt = async () => ((await events.next()).value as { readonly irq?: number }).irq;
    assert.equal(await interrupt(), 1);
    void driver.controls!(afu)['flash']!.write!(Buffer.from('resize 3 4096'));
    assert.equal(await interrupt(), 2);
    assert.equal(file.context.driverOps, undefined);
  });

  it(
    'a reader of the device file gets plain interrupts, and the rest from the control file',
    { skip: cannotRun() },
    async t => {
      const older = await olderAfukit(t);
      const card = await serve(t, older.flashDriver, older.afukit);
      const reader = startReader(t, 'C', card.device);
      assert.equal(await reader.line(), 'pe 0 interrupt 1');
      for (const [command, line, text] of notices) {
        await card.command(command);
        assert.equal(await reader.line(), line);
        assert.ok((await card.text()).includes(`\n${text}\n`));
      }
    },
  );

  it('what happens twice before it is read is one interrupt, lowest number first', { skip: cannotRun() }, async t => {
    const older = await olderAfukit(t);
    const card = await serve(t, older.flashDriver, older.afukit);
    const file = await openDevice(t, card.device);
    for (const [command] of notices.toReversed()) for (const _ of 'xx') await card.command(command);
    await card.command('detach');
    const reader = startReader(t, 'C', file);
    const lines = ['pe 0 interrupt 1', ...notices.map(([, line]) => line), 'end poll POLLERR read EIO'];
    assert.deepEqual(await reader.lines(5), lines);
  });
});

describe('with this afukit', () => {
  it('has the symbol, and is in the range that package.json asks for', () => {
    assert.equal(config.CXL_AFU_DRIVER_OPS, true);
    const { peerDependencies } = manifest(root) as { peerDependencies: { afukit: string } };
    const { version } = manifest(afukit) as { version: string };
    const [least, most] = /^>=(\S+) <(\d+)$/.exec(peerDependencies.afukit)!.slice(1);
    assert.ok(version.localeCompare(least!, undefined, { numeric: true }) >= 0, version);
    assert.ok(Number.parseInt(version) < Number(most), version);
  });

  it('nothing but its public entries is imported', () => {
    const { exports } = manifest(afukit) as { exports: object };
    const entries = new Set(Object.keys(exports).map(entry => `afukit${entry.slice(1)}`));
    for (const directory of ['src', 'client', 'test'].map(name => join(root, name))) {
      for (const file of readdirSync(directory).filter(name => name.endsWith('.ts'))) {
        const imported = readFileSync(join(directory, file), 'utf8').matchAll(
          /from '(afukit[^']*)'|from '(\.\.\/\.\.[^']*)'/g,
        );
        for (const [, entry, outside] of imported)
          assert.ok(!outside && entries.has(entry!), `${file}: ${entry ?? outside}`);
      }
    }
  });
});
