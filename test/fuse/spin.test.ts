// Waiting for the next request without sleeping: how long, how often, and who gets a turn meanwhile.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BUSY_MS, LONGEST, MANY, MOST_CREDIT, SHARE, Spinner, WINDOW } from '../../src/fuse/transport/spin.ts';

/** A clock that moves by `step` each time that /dev/fuse is asked, and what is found there, by the count of asking. */
class Rig {
  now = 0;
  asked = 0;
  handled = 0;
  answer = true;
  readonly spinner: Spinner;

  constructor(found: (asked: number) => number, step = 0.001) {
    const read = (): number => {
      this.now += step;
      return found(++this.asked);
    };
    this.spinner = new Spinner(read, () => this.now);
    // A busy client, which has nothing of its share left.
    while (!this.spinner.busy) this.spinner.run(() => true);
    this.asked = 0;
  }

  /** Runs it `later` milliseconds after the last run. */
  run(later: number): boolean {
    this.now += later;
    return this.spinner.run(() => {
      this.handled++;
      return this.answer;
    });
  }
}

test('it waits for its window, in vain, and no longer', () => {
  const rig = new Rig(() => 0);
  assert.equal(rig.run(1000), false);
  assert.ok(Math.abs(rig.asked - WINDOW / 0.001) <= 1, `asked ${rig.asked} times`);
});

test('what comes is handled, and the window begins anew', () => {
  const rig = new Rig(asked => (asked % 30 === 0 && asked <= 60 ? 80 : -1));
  assert.equal(rig.run(1000), false);
  assert.equal(rig.handled, 2);
  assert.ok(rig.asked >= 60 + WINDOW / 0.001 - 1);
});

test('a request that is not answered at once may need the event loop: back to it', () => {
  const rig = new Rig(() => 80);
  rig.answer = false;
  assert.equal(rig.run(1000), false);
  assert.equal(rig.handled, 1);
});

test('a busy client does not keep the event loop from its turn', () => {
  const rig = new Rig(() => 80, 0.01);
  assert.equal(rig.run(1000), true, 'and it is come back to');
  assert.ok(rig.handled <= LONGEST / 0.01 + 2, `${rig.handled} in one turn`);
});

test('of a long time no more than its share is waited in vain', () => {
  const rig = new Rig(() => 0);
  const step = 0.02;
  for (let i = 0; i < 50_000; i++) rig.run(step);
  const waited = rig.asked * 0.001;
  assert.ok(waited <= SHARE * rig.now + MOST_CREDIT + WINDOW, `${waited} of ${rig.now} ms`);
  assert.ok(waited > (SHARE * rig.now) / 2, 'and that is made use of');
});

test('when somebody else had the CPU meanwhile it is left alone for a while', () => {
  const rig = new Rig(() => 0, 5);
  rig.run(1000);
  assert.equal(rig.asked, 1);
  rig.run(20);
  assert.equal(rig.asked, 1, 'not yet');
  rig.run(40);
  assert.equal(rig.asked, 2);
});

test('a client that asks now and then is not waited for', () => {
  const rig = new Rig(() => 0);
  for (let i = 0; i < 2 * MANY; i++) rig.run((2 * BUSY_MS) / MANY);
  rig.asked = 0;
  for (let i = 0; i < 10 * MANY; i++) rig.run((2 * BUSY_MS) / MANY);
  assert.deepEqual([rig.asked, rig.spinner.busy], [0, false]);
});

test('what comes in time costs nothing of the share', () => {
  const rig = new Rig(asked => (asked % 40 === 0 ? 80 : 0));
  rig.run(1000);
  for (let i = 0; i < 1000; i++) rig.run(0);
  assert.ok(rig.handled > 1000);
});
