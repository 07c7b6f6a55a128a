import assert from 'node:assert/strict';
import { open, readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, it, type TestContext } from 'node:test';

import { cannotRun, languages, openDevice, serve, startReader, type Card } from './rig.ts';

const skip = cannotRun();

/** A served card and a reader in each language, both past the card's first interrupt. */
async function twoReaders(t: TestContext) {
  const card = await serve(t);
  const first = startReader(t, 'C', card.device);
  assert.equal(await first.line(), 'pe 0 interrupt 1');
  const second = startReader(t, 'TypeScript', card.device);
  assert.equal(await second.line(), 'pe 1 interrupt 1');
  return { card, first, second };
}

async function commands(card: Card, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) await card.command(text);
}

describe('dev/flash0', { skip }, () => {
  it('is opened started, closed, and opened again with the same process element', async t => {
    const card = await serve(t);
    assert.deepEqual((await readdir(dirname(card.device))).toSorted(), ['cxl', 'flash0']);
    for (let round = 0; round < 3; round++) {
      const reader = startReader(t, 'C', card.device, 1);
      assert.equal(await reader.line(), 'pe 0 interrupt 1', 'nobody had to call START_WORK');
      assert.equal(await reader.ended, 0);
      await card.closed();
    }
  });

  it('gives a process element back when its last descriptor is closed, by the process or with it', async t => {
    const card = await serve(t);
    const reader = startReader(t, 'C', card.device);
    assert.equal(await reader.line(), 'pe 0 interrupt 1');
    assert.match(await card.text(), /^openers 1$/m);
    await reader.end('SIGKILL');
    await card.closed();
    const file = await open(card.device, 'r+');
    assert.match(await card.text(), /^openers 1$/m);
    await file.close();
    await card.closed();
  });

  for (const language of languages) {
    it(`gives a reader in ${language} every event, in order, among the card's interrupts`, async t => {
      const card = await serve(t);
      const reader = startReader(t, language, card.device);
      assert.equal(await reader.line(), 'pe 0 interrupt 1');
      await commands(card, 'resize 3 4096', 'reset 1', 'timeout 7 30000');
      assert.deepEqual(await reader.lines(3), [
        'pe 0 lun_resized lun 3 blocks 4096',
        'pe 0 link_reset port 1 resets 1',
        'pe 0 command_timeout tag 7 after_ms 30000',
      ]);
      await card.command('complete');
      assert.equal(await reader.line(), 'pe 0 interrupt 1');
      await commands(card, 'reset 1', 'resize 4294967295 18446744073709551615');
      assert.deepEqual(await reader.lines(2), [
        'pe 0 link_reset port 1 resets 2',
        'pe 0 lun_resized lun 4294967295 blocks 18446744073709551615',
      ]);
    });

    it(`tells a reader in ${language} that was behind how many events gave way`, async t => {
      const card = await serve(t);
      const file = await openDevice(t, card.device);
      for (let blocks = 1; blocks <= 20; blocks++) await card.command(`resize 0 ${blocks}`);
      const reader = startReader(t, language, file, 18);
      const kept = Array.from({ length: 16 }, (_, at) => `pe 0 lun_resized lun 0 blocks ${at + 5}`);
      assert.deepEqual(await reader.lines(18), ['pe 0 dropped 4', ...kept, 'pe 0 interrupt 1']);
      assert.equal(await reader.ended, 0);
    });
  }

  it('gives each opener its own events', async t => {
    const { card, first, second } = await twoReaders(t);
    await commands(card, 'reset 1 to 0', 'reset 1 to 1', 'resize 3 64', 'complete to 1');
    assert.deepEqual(await first.lines(2), ['pe 0 link_reset port 1 resets 1', 'pe 0 lun_resized lun 3 blocks 64']);
    assert.deepEqual(await second.lines(3), [
      'pe 1 link_reset port 1 resets 2',
      'pe 1 lun_resized lun 3 blocks 64',
      'pe 1 interrupt 1',
    ]);
  });

  it('drains when the card is taken away, and then is EIO and POLLERR for good', async t => {
    const card = await serve(t);
    const file = await openDevice(t, card.device);
    await commands(card, 'reset 1', 'timeout 7 1', 'detach', 'reset 1');
    const reader = startReader(t, 'C', file);
    assert.deepEqual(await reader.lines(4), [
      'pe 0 link_reset port 1 resets 1',
      'pe 0 command_timeout tag 7 after_ms 1',
      'pe 0 interrupt 1',
      'end poll POLLERR read EIO',
    ]);
    const again = startReader(t, 'TypeScript', file);
    assert.equal(await again.line(), 'end read EIO');
  });

  it('wakes readers that sleep when the card is taken away, each of them alone', async t => {
    const { card, first, second } = await twoReaders(t);
    await card.command('detach to 1');
    assert.equal(await second.line(), 'end read EIO');
    await commands(card, 'reset 1', 'detach');
    assert.deepEqual(await first.lines(2), ['pe 0 link_reset port 1 resets 1', 'end poll POLLERR read EIO']);
  });
});
