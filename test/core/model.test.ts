import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decodeEvents, POLLERR } from '../../src/abi/index.ts';
import type { Context } from '../../src/core/index.ts';
import { takeForRead } from '../../src/file/index.ts';
import { asleep, blamed, brief, codeOf, FetchDriver, PullDriver, READY, startedRig, type Rig } from './rig.ts';

/**
 * What a context is, written down as plainly as possible and without a look at its code: a set, an array and three
 * values, from which the next read is worked out anew each time. Room is never short here (see c8), so sizes are left out.
 */
class Model {
  readonly interrupts = new Set<number>();
  driver: string[] = [];
  fault: string | undefined;
  error: string | undefined;
  /** Labels of what was put back, in order; a generic one is still pending in its own place too. */
  back: string[] = [];
  closed = false;
  /** CLOSED, and somebody was told that nothing is left: what is posted from then on nobody gets. */
  drained = false;
  /** AFU errors that were lost and not the first of their kind in a row are not said again. */
  lost = 0;
  #saidLost = false;
  link = true;

  /** What a read of at most `most` events gives now. */
  next(most: number): string[] {
    const back = this.back.map(label => this.#now(label));
    const irqs = [...this.interrupts].sort((a, b) => a - b).map(number => `irq ${number}`);
    const generic = [...irqs, this.fault, this.error].filter(label => label !== undefined);
    const backDrivers = back.filter(label => label.startsWith('driver')).length;
    const fresh = generic.filter(label => !back.includes(label));
    return [...back, ...this.driver.slice(backDrivers), ...fresh].slice(0, most);
  }

  /** A fault that was put back may have been replaced since. */
  #now(label: string): string {
    return label.startsWith('fault') ? this.fault! : label;
  }

  raiseError(label: string): void {
    const news = this.error === undefined;
    this.error ??= label;
    if (!news && !this.#saidLost) this.lost++;
    this.#saidLost = !news;
  }

  deliver(labels: readonly string[]): void {
    this.back.splice(0, labels.length);
    for (const label of labels) {
      if (label.startsWith('irq')) this.interrupts.delete(Number(label.slice(4)));
      else if (label.startsWith('fault')) this.fault = undefined;
      else if (label.startsWith('error')) this.error = undefined;
      else this.driver.shift();
    }
  }

  /** What was already back and is read again without success stays where it was; the rest comes behind it. */
  fail(labels: readonly string[]): void {
    this.back.splice(0, labels.length, ...labels);
  }

  /** What was put back survives in the pull form; in the fetch form the former driver is told that it has it again. */
  replaceDriver(survives: boolean): void {
    if (!survives) this.back = this.back.filter(label => !label.startsWith('driver'));
    this.driver = this.back.filter(label => label.startsWith('driver'));
  }

  poll(): number {
    if (!this.link) return POLLERR;
    if (this.next(1).length > 0) return READY;
    this.drained ||= this.closed;
    return this.closed ? POLLERR : 0;
  }
}

type Op =
  | { readonly do: 'interrupt' | 'fault' | 'error' | 'post' | 'spurious'; readonly value: number }
  | { readonly do: 'read' | 'failedRead' | 'poll' | 'setOps' | 'detach' | 'loseLink' | 'restoreLink' };

const value = fc.integer({ min: 1, max: 6 });
const valued = (name: 'interrupt' | 'fault' | 'error' | 'post' | 'spurious'): fc.Arbitrary<Op> =>
  value.map(value => ({ do: name, value: name === 'interrupt' ? value * 10 : value }));
const plain = (name: Exclude<Op['do'], 'interrupt' | 'fault' | 'error' | 'post' | 'spurious'>): fc.Arbitrary<Op> =>
  fc.constant({ do: name });
const op: fc.Arbitrary<Op> = fc.oneof(
  { weight: 6, arbitrary: valued('interrupt') },
  { weight: 3, arbitrary: valued('fault') },
  { weight: 3, arbitrary: valued('error') },
  { weight: 6, arbitrary: valued('post') },
  { weight: 1, arbitrary: valued('spurious') },
  { weight: 7, arbitrary: plain('read') },
  { weight: 5, arbitrary: plain('failedRead') },
  { weight: 2, arbitrary: plain('poll') },
  { weight: 1, arbitrary: plain('setOps') },
  { weight: 1, arbitrary: plain('detach') },
  { weight: 1, arbitrary: plain('loseLink') },
  { weight: 1, arbitrary: plain('restoreLink') },
);

const forms = { fetch: FetchDriver, pull: PullDriver } as const;

/** A real context beside its model; every step compares them. */
class Pair {
  readonly model = new Model();
  readonly #rig: Rig & { readonly context: Context };
  readonly #form: keyof typeof forms;
  readonly #most: number;
  #driver: FetchDriver | PullDriver;
  #serial = 0;
  /** Fetch form: each fetch of the former and the present driver must come back exactly once. */
  readonly #fetchers: FetchDriver[] = [];

  constructor(form: keyof typeof forms, most: number) {
    this.#rig = startedRig({ eventsPerRead: most });
    this.#form = form;
    this.#most = most;
    this.#driver = this.#newDriver();
  }

  #newDriver(): FetchDriver | PullDriver {
    const driver = new forms[this.#form](this.#rig.context);
    if (driver instanceof FetchDriver) this.#fetchers.push(driver);
    return driver;
  }

  step(op: Op): void {
    const { model } = this;
    const { adapter, context } = this.#rig;
    const wakes = asleep(context);
    const before = model.next(Infinity).length;
    switch (op.do) {
      case 'interrupt':
        context.raiseInterrupt(op.value);
        if (!model.closed) model.interrupts.add(op.value);
        break;
      case 'fault':
        context.raiseFault(BigInt(op.value), 1n);
        if (!model.closed) model.fault = `fault ${op.value}/1`;
        break;
      case 'error':
        context.raiseAfuError(BigInt(op.value));
        if (!model.closed) model.raiseError(`error ${op.value}`);
        break;
      case 'post':
        // The kernel takes driver events on a CLOSED context too; here only until somebody was told that it is drained.
        this.#serial = (this.#serial + 1) & 255;
        this.#driver.post(this.#serial, op.value);
        if (!model.drained) model.driver.push(`driver ${this.#serial},${op.value}`);
        break;
      case 'spurious':
        context.driverEventsPending(0);
        break;
      case 'setOps':
        this.#driver = this.#newDriver();
        model.replaceDriver(this.#form === 'pull');
        break;
      case 'detach':
        context.detach();
        model.closed = true;
        break;
      case 'loseLink':
        adapter.loseLink();
        model.closed = true;
        model.link = false;
        break;
      case 'restoreLink':
        adapter.restoreLink();
        model.link = true;
        break;
      case 'poll':
        break;
      default:
        this.#read(op.do === 'read');
    }
    // C2: whoever slept knows of what has become pending.
    if (model.next(Infinity).length > before) assert.ok(wakes.wakes > 0, 'an event came and nobody was woken');
    wakes.leave();
    assert.equal(context.poll(), model.poll(), 'poll');
  }

  #read(arrives: boolean): void {
    const { context } = this.#rig;
    const bytes = new Uint8Array(16_384).fill(0xa5);
    let size = 0;
    const code = codeOf(() => (size = takeForRead(context, bytes, 0, bytes.length)));
    const expected = this.model.link ? this.model.next(this.#most) : [];
    const failed = !this.model.link || (expected.length === 0 && this.model.closed);
    assert.equal(code, failed ? 'EIO' : undefined);
    assert.deepEqual(decodeEvents(bytes, size).map(brief), expected);
    if (size === 0) return;
    if (arrives) {
      context.commit();
      this.model.deliver(expected);
    } else {
      context.putBack(bytes);
      this.model.fail(expected);
      bytes.fill(0);
    }
  }

  end(): void {
    if (!this.model.link) this.step({ do: 'restoreLink' });
    while (this.model.next(1).length > 0) this.step({ do: 'read' });
    this.#rig.context.release();
    assert.deepEqual(
      blamed(this.#rig.diagnostics),
      Array.from({ length: this.model.lost }, () => 'AFU model rig error'),
    );
    for (const { fetched, returned } of this.#fetchers) {
      assert.equal(returned.length, fetched, 'one eventDelivered for each fetch');
      assert.equal(new Set(returned).size, returned.length);
    }
  }
}

describe('a context and a model of it, under any sequence of operations', () => {
  for (const form of ['fetch', 'pull'] as const) {
    for (const most of [1, 5]) {
      it(`agree on poll, on every event read, on their order and on wake-ups: ${form} form, ${most} per read`, () => {
        fc.assert(
          fc.property(fc.array(op, { maxLength: 40, size: 'max' }), ops => {
            const pair = new Pair(form, most);
            for (const op of ops) pair.step(op);
            pair.end();
          }),
          { numRuns: 600 },
        );
      });
    }
  }
});
