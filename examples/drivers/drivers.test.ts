import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { hostOrder } from 'afukit';

import doorbell from './doorbell.ts';
import lamp, { lampEvents } from './lamp.ts';
import mailbox from './mailbox.ts';
import { Rig, exists, guide, payload, read } from './rig.ts';
import thermometer from './thermometer.ts';
import { watch } from './watch.ts';

describe('docs/drivers.md', () => {
  for (const name of ['doorbell', 'thermometer', 'mailbox', 'lamp', 'watch']) {
    it(`shows ${name} as it is in examples/drivers`, () => {
      assert.ok(guide.includes(`\`\`\`ts\n${read(`examples/drivers/${name}.ts`)}\`\`\``));
    });
  }

  it('names only files that are there', () => {
    const linked = [...guide.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => `docs/${path}`);
    const named = [...guide.matchAll(/\bexamples\/[\w./-]*\w/g)].map(([path]) => path);
    for (const path of [...linked, ...named]) assert.ok(exists(path), path);
  });

  it('shows the C header that the lamp makes', () => {
    assert.ok(guide.includes(`\`\`\`c\n${lampEvents.cHeader('lamp')}\`\`\``));
  });
});

describe('examples/drivers', () => {
  it('doorbell: everybody who has the AFU open gets what was written', async () => {
    const rig = new Rig(doorbell);
    await using one = rig.open();
    await using two = rig.open();
    rig.write('bell', 'ring');
    assert.equal(String(payload(one)), 'ring');
    assert.equal(String(payload(two)), 'ring');
    assert.equal(payload(one), undefined);
    assert.deepEqual(rig.diagnostics, []);
  });

  it('thermometer: a reader gets the newest value, once', async () => {
    const rig = new Rig(thermometer);
    await using file = rig.open();
    const waiting = file.ready();
    for (const text of ['20000', '20500', '-1250']) rig.write('temperature', text);
    assert.notEqual(await waiting, 0);
    assert.equal(payload(file)?.readInt32LE(), -1250);
    assert.equal(payload(file), undefined);
    assert.deepEqual(rig.diagnostics, []);
  });

  it('mailbox: what one reader leaves behind the next one gets, in order', () => {
    const rig = new Rig(mailbox, { eventsPerRead: 2 });
    for (const text of ['one', 'two', 'three']) rig.write('mail', text);
    const first = rig.open();
    assert.throws(() => rig.open(), { code: 'EBUSY' });
    const { context } = first;
    // The copy to the reader fails, and then the reader goes.
    const buffer = new Uint8Array(4096);
    assert.equal(context.take(buffer, 0, 4096), 8 + 3 + 8 + 3);
    context.putBack(buffer);
    assert.notEqual(first.poll(), 0);
    first.close();
    rig.write('mail', 'four');
    const second = rig.open();
    const got = Buffer.alloc(4096);
    const text = (size: number): string => got.toString('latin1', 0, size).replaceAll(/[^a-z]+/g, ' ');
    assert.equal(text(second.readSync(got)), ' one two');
    assert.equal(text(second.readSync(got)), ' three four');
    assert.equal(second.poll(), 0);
    second.close();
    assert.equal(rig.afu.driver!.driver.controls!(rig.afu)['mail']!.read!(), '0 letters, 0 of them fetched\n');
    assert.deepEqual(rig.diagnostics, []);
  });

  it('lamp: typed events, and one that says how many were dropped', async () => {
    const rig = new Rig(lamp);
    await using file = rig.open();
    for (const text of '101010') rig.write('switch', text);
    const seen = Array.from({ length: 5 }, () => lampEvents.decode(payload(file)!, hostOrder));
    assert.deepEqual(seen, [
      { name: 'dropped', count: 2 },
      { name: 'switched', on: 1 },
      { name: 'switched', on: 0 },
      { name: 'switched', on: 1 },
      { name: 'switched', on: 0 },
    ]);
    assert.equal(payload(file), undefined);
    assert.throws(() => lampEvents.encode('switched', { on: 256 }), RangeError);
  });

  it('watch: sees what readers of any AFU get, until it is ended', async () => {
    const lines: string[] = [];
    const end = watch(line => lines.push(line));
    const rig = new Rig(doorbell);
    await using file = rig.open();
    file.context.raiseInterrupt(1);
    rig.write('bell', 'ring');
    payload(file);
    payload(file);
    end();
    rig.write('bell', 'ring');
    payload(file);
    assert.deepEqual(lines, ['afu0.0 pe 0: driver', 'afu0.0 pe 0: interrupt 1']);
  });
});
