import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { EventQueue, setDriverOps, type DriverOpsForm } from '../../src/driver/index.ts';
import { asleep, brief, drain, failedRead, owner, read, READY, rig, startedRig } from '../core/rig.ts';

const forms: readonly DriverOpsForm[] = ['fetch', 'poll'];
/** The event of a queue that forgot `n` events: distinct from what is posted, whose first byte is 0. */
const notice = (n: number): Uint8Array => Uint8Array.of(255, n);
const payload = (serial: number): Uint8Array => Uint8Array.of(0, serial & 255, serial >> 8);
const label = (serial: number): string => `driver ${payload(serial).join()}`;

/** A list with a limit: what waits, what the core has taken from it, and how many were forgotten before the first. */
class Model {
  readonly capacity: number;
  readonly drops: boolean;
  /** With the core or a reader: no longer the queue's to forget, but it has its place still. */
  held: string[] = [];
  waiting: string[] = [];
  readonly extra = new Set<string>();
  forgotten = 0;
  total = 0;

  constructor(capacity: number, drops: boolean) {
    this.capacity = capacity;
    this.drops = drops;
  }

  get counted(): number {
    return [...this.held, ...this.waiting].filter(each => !each.startsWith('driver 255') && !this.extra.has(each))
      .length;
  }

  post(event: string): boolean {
    if (this.counted === this.capacity) {
      if (!this.drops) return false;
      const oldest = this.waiting.shift();
      // Nothing is there to forget while all are with the core: the new event is one too many, as is what replaces it.
      if (oldest === undefined || this.extra.has(oldest)) this.extra.add(event);
      if (oldest !== undefined) {
        this.forgotten++;
        this.total++;
      }
    }
    this.waiting.push(event);
    return true;
  }

  /** The core takes the next out. */
  hold(): boolean {
    if (this.forgotten > 0) {
      this.held.push(`driver 255,${this.forgotten}`);
      this.forgotten = 0;
      return true;
    }
    const next = this.waiting.shift();
    if (next !== undefined) this.held.push(next);
    return next !== undefined;
  }
}

type Step = 'post' | 'read' | 'fail' | 'poll';
const step: fc.Arbitrary<Step> = fc.constantFrom('post', 'post', 'post', 'read', 'fail', 'poll');

/** One run: the queue and its model, compared after each step. */
function run(
  form: DriverOpsForm,
  drops: boolean,
  steps: readonly Step[],
  capacity: number,
  eventsPerRead: number,
): void {
  const { context, diagnostics } = startedRig({ eventsPerRead });
  const dropped = drops ? notice : undefined;
  const queue = new EventQueue(context, { owner: owner(), capacity, form, dropped });
  const model = new Model(capacity, drops);
  /** Pull form: what was read without success has left the queue and is the core's. */
  const kept: string[] = [];
  let serial = 0;
  for (const step of steps) {
    const some = kept.length + model.held.length + model.waiting.length > 0;
    if (step === 'post') assert.equal(queue.post(payload(++serial)), model.post(label(serial)));
    else if (step === 'poll') {
      assert.equal(context.poll() === READY, some);
      // The fetch form fetches one when it is first asked.
      if (form === 'fetch' && model.held.length === 0) model.hold();
    } else {
      while (kept.length + model.held.length < eventsPerRead && model.hold());
      if (form === 'poll') kept.push(...model.held.splice(0));
      const expected = [...kept, ...model.held].slice(0, eventsPerRead);
      assert.deepEqual((step === 'read' ? read(context) : failedRead(context)).map(brief), expected);
      if (step === 'read') (form === 'poll' ? kept : model.held).splice(0, expected.length);
    }
    assert.deepEqual([queue.length, queue.dropped], [model.counted, model.total]);
  }
  assert.deepEqual(diagnostics, []);
}

describe('point 6: the queue under any sequence of posts, reads and failed reads, against a list with a limit', () => {
  for (const form of forms) {
    for (const drops of [false, true]) {
      it(`${form} form, ${drops ? 'drop-oldest: the notice stands where the forgotten ones were' : 'refusing'}`, () => {
        fc.assert(
          fc.property(
            fc.array(step, { maxLength: 60, size: 'max' }),
            fc.integer({ min: 1, max: 4 }),
            fc.constantFrom(1, 2, 5),
            (steps, capacity, eventsPerRead) => run(form, drops, steps, capacity, eventsPerRead),
          ),
          { numRuns: 400 },
        );
      });
    }
  }
});

describe('point 6: the edges of the queue', () => {
  for (const form of forms) {
    it(`drop-oldest: each gap has its own notice, in its place, ${form}`, () => {
      const { context, diagnostics } = startedRig();
      const queue = new EventQueue(context, { owner: owner(), capacity: 2, form, dropped: notice });
      for (const serial of [1, 2, 3, 4]) assert.equal(queue.post(payload(serial)), true);
      assert.deepEqual(read(context).map(brief), ['driver 255,2']);
      assert.deepEqual(read(context).map(brief), [label(3)]);
      for (const serial of [5, 6]) queue.post(payload(serial));
      assert.deepEqual(drain(context), ['driver 255,1', label(5), label(6)]);
      assert.equal(queue.dropped, 3);
      assert.equal(context.poll(), 0);
      assert.deepEqual(diagnostics, []);
    });

    it(`drop-oldest: a dropped notice that throws harms nothing but itself, ${form}`, () => {
      const { context, diagnostics } = startedRig();
      let bad = true;
      const dropped = (n: number): Uint8Array => {
        if (bad) throw new Error('mine');
        return notice(n);
      };
      const queue = new EventQueue(context, { owner: owner(), capacity: 2, form, dropped });
      for (const serial of [1, 2, 3]) queue.post(payload(serial));
      context.raiseInterrupt(1);
      assert.deepEqual(drain(context), ['irq 1']);
      assert.equal(diagnostics.length, 1);
      bad = false;
      queue.post(payload(4));
      assert.deepEqual(drain(context), ['driver 255,2', label(3), label(4)]);
      assert.equal(diagnostics.length, 1);
    });

    it(`of a CLOSED context takes events until somebody was told that it is drained, ${form}`, () => {
      const { context, diagnostics } = startedRig();
      const queue = new EventQueue(context, { owner: owner(), form });
      context.detach();
      assert.equal(queue.post(payload(1)), true);
      assert.deepEqual(drain(context), [label(1)]);
      assert.equal(queue.post(payload(2)), false);
      assert.deepEqual([drain(context), queue.length, diagnostics], [[], 0, []]);
    });

    it(`replaced: posts are refused, what was held is back, and the new queue is not mixed up with it, ${form}`, () => {
      const { context, diagnostics } = startedRig();
      const former = new EventQueue(context, { owner: owner(), form, capacity: 3 });
      for (const serial of [1, 2]) former.post(payload(serial));
      context.poll();
      const queue = new EventQueue(context, { owner: owner(), form });
      assert.equal(former.post(payload(3)), false);
      queue.post(payload(4));
      assert.deepEqual(drain(context), [label(4)]);
      setDriverOps(context, { owner: owner(), eventPending: () => false, deliverEvent: () => 0 });
      assert.equal(queue.post(payload(5)), false);
      assert.deepEqual(diagnostics, []);
    });

    it(`closed: post is false and one diagnostic of its owner, however often, ${form}`, () => {
      for (const opened of [true, false]) {
        const module = owner('d');
        const { afu, diagnostics } = rig(opened ? { driver: module } : {});
        const context = afu.openContext();
        const queue = new EventQueue(context, { owner: module, form });
        context.release();
        module.unload();
        for (let i = 0; i < 3; i++) assert.equal(queue.post(payload(1)), false);
        assert.equal(diagnostics.length, 1, opened ? 'the driver opened it' : 'only the ops are the driver`s');
        assert.match(diagnostics[0]!.source, /^driver d$/);
      }
    });

    it(`asleep or not, each post that is taken wakes and each that is refused does not, ${form}`, () => {
      const { context } = startedRig();
      const queue = new EventQueue(context, { owner: owner(), form, capacity: 1 });
      for (const wakes of [1, 0, 0]) {
        const sleeper = asleep(context);
        assert.equal(queue.post(payload(1)), wakes === 1);
        assert.equal(sleeper.wakes, wakes);
        sleeper.leave();
      }
    });
  }

  it('without owner it belongs to the module that opened the context; where none did, that is EINVAL', () => {
    const module = owner('d');
    const { afu } = startedRig({ driver: module });
    const context = afu.openContext();
    assert.equal(new EventQueue(context).length, 0);
    assert.equal(module.references, 3, 'two contexts and the ops of one');
    assert.throws(() => new EventQueue(startedRig().context), { code: 'EINVAL' });
  });
});
