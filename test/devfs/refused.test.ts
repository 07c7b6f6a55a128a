/* C4 where the kernel refuses the answer to a read: the reader was killed, or the request aborted, in between. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { EventQueue, setDriverOps } from '../../src/driver/index.ts';
import { bench, types } from './handle.ts';

describe('C4: an answer that the kernel refuses', () => {
  for (const eventsPerRead of [1, 8]) {
    it(`leaves all its events to the next reader, in order (${eventsPerRead} per read)`, () => {
      const { element, context, read } = bench(eventsPerRead, opened => {
        new EventQueue(opened).post(Buffer.from('driver'));
      });
      element.interrupt(2);
      element.interrupt(1);
      element.fault(1n, 2n);
      element.error(3n);
      const seen: string[] = [];
      while (seen.length < 5) {
        assert.deepEqual(types(read(false)), [], 'refused');
        assert.equal(context.poll(), 0x41, 'still pending');
        seen.push(...types(read(true)));
      }
      assert.deepEqual(seen, ['afu-driver', 'afu-interrupt', 'afu-interrupt', 'data-storage', 'afu-error']);
      assert.equal(read(true).parked === undefined, false, 'then a reader sleeps');
    });
  }

  it('leaves the event to a reader that sleeps, which is woken for it', () => {
    const { element, read } = bench(1);
    const [killed, other] = [read(false), read(true)];
    assert.ok(killed.parked && other.parked, 'both sleep');
    element.interrupt(3);
    assert.deepEqual(types(other), ['afu-interrupt']);
    assert.ok(killed.answered);
  });

  it('leaves a driver event of the pull form, which the driver has forgotten', () => {
    const payloads = ['first', 'second'];
    const { read } = bench(1, opened =>
      setDriverOps(opened, {
        owner: opened.module!,
        eventPending: () => payloads.length > 0,
        deliverEvent: (_, buffer, offset) => Buffer.from(payloads.shift()!).copy(buffer, offset),
      }),
    );
    read(false);
    read(false);
    const seen = [read(true), read(true)].flatMap(({ events }) => events);
    const data = seen.map(event => (event.type === 'afu-driver' ? Buffer.from(event.data).toString() : event.type));
    assert.deepEqual(data, ['first', 'second']);
  });

  it('does not free an error for ever: the next one is refused to nobody', () => {
    const { context, read } = bench(1);
    context.detach();
    assert.equal(read(false).errno, 5);
    assert.equal(read(true).errno, 5);
  });
});
