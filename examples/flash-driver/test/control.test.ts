import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { cannotRun, openDevice, serve } from './rig.ts';

const refused = [
  '\n',
  'rest 1',
  'resize 3',
  'resize 3 4096 5',
  'resize three 4096',
  'resize -1 4096',
  'resize 4294967296 4096',
  'resize 3 18446744073709551616',
  'resize 3 0x10',
  'resize 3 1e3',
  'reset 256',
  'reset 1.5',
  'timeout 7',
  'timeout 7 4294967296',
  'complete 1',
  'reset 1 to',
  'reset 1 to me',
  'reset 1 to 0 to 0',
  'constructor 1',
  '__proto__',
  'toString',
  'x'.repeat(32768),
  '\0\u{fffd}',
];

describe('debug/cxl/afu0.0/flash', { skip: cannotRun() }, () => {
  it('says what the card is like', async t => {
    const card = await serve(t);
    assert.equal(await card.text(), 'openers 0\n');
    await openDevice(t, card.device);
    for (const text of ['resize 3 4096', 'resize 3 8192', 'reset 1', 'reset 1', 'timeout 7 30000']) {
      await card.command(`${text}\n`);
    }
    assert.equal(
      await card.text(),
      'openers 1\nlun 3 8192 blocks\nport 1 2 resets\ntimeout of command 7 after 30000 ms\n',
    );
  });

  it('refuses what is not a command with EINVAL, and nothing has happened', async t => {
    const card = await serve(t);
    await openDevice(t, card.device);
    for (const text of refused) await assert.rejects(card.command(text), { code: 'EINVAL' }, text.slice(0, 40));
    assert.equal(await card.text(), 'openers 1\n');
  });

  it('says ENXIO for a process element that nobody has', async t => {
    const card = await serve(t);
    await assert.rejects(card.command('reset 1 to 0'), { code: 'ENXIO' });
    assert.equal(await card.text(), 'openers 0\n');
  });
});
