// A tool that finds nothing must be able to find something: for each invariant a defect is put into the real code, and found.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';

import { POLLERR, POLLIN, POLLRDNORM } from '../../src/abi/index.ts';
import { checkScenario, quickBounds, scenarios, type Invariant } from '../../src/check/index.ts';
import { Adapter, Context, DriverModule } from '../../src/core/index.ts';
import { FetchSource } from '../../src/core/fetch-source.ts';
import { FAULT, GenericEvents } from '../../src/core/generic-events.ts';
import { Handle } from '../../src/fuse/handles.ts';
import { AnyRequest } from '../../src/fuse/requests.ts';

/** Puts something in a method's place until the test is over; it is given the original. */
function broken<T extends object, K extends keyof T>(
  t: TestContext,
  of: T,
  name: K,
  by: (original: T[K]) => T[K],
): void {
  const original = of[name];
  of[name] = by(original);
  t.after(() => void (of[name] = original));
}

interface Defect {
  readonly invariant: Invariant;
  readonly what: string;
  readonly scenario: string;
  /** The shortest story has no more steps. */
  readonly steps: number;
  readonly put: (t: TestContext) => void;
}

const defects: readonly Defect[] = [
  {
    invariant: 'C1',
    what: 'poll says POLLIN when nothing is pending',
    scenario: 'wake-up',
    steps: 1,
    put: t =>
      broken(
        t,
        Context.prototype,
        'poll',
        original =>
          function (this: Context) {
            return original.call(this) || POLLIN | POLLRDNORM;
          },
      ),
  },
  {
    invariant: 'C2',
    what: 'a fault and a detach wake nobody',
    scenario: 'wake-all',
    steps: 2,
    put: t => broken(t, Context.prototype, 'wake', () => () => {}),
  },
  {
    invariant: 'C3',
    what: 'a fault is read before an interrupt',
    scenario: 'order',
    steps: 3,
    put: t =>
      broken(
        t,
        GenericEvents.prototype,
        'next',
        original =>
          function (this: GenericEvents) {
            return faults.has(this) ? FAULT : original.call(this);
          },
      ),
  },
  {
    invariant: 'C4',
    what: 'an event whose copy failed counts as read',
    scenario: 'large-fetch',
    steps: 3,
    put: t =>
      broken(
        t,
        Context.prototype,
        'putBack',
        () =>
          function (this: Context) {
            this.commit();
          },
      ),
  },
  {
    invariant: 'C4',
    what: 'in the fetch form nothing is put back',
    scenario: 'driver-fetch',
    steps: 3,
    put: t => broken(t, FetchSource.prototype, 'putBack', () => () => {}),
  },
  {
    invariant: 'C5',
    what: 'poll says nothing of a context that is CLOSED and drained',
    scenario: 'wake-up',
    steps: 2,
    put: t =>
      broken(
        t,
        Context.prototype,
        'poll',
        original =>
          function (this: Context) {
            return original.call(this) & ~POLLERR;
          },
      ),
  },
  {
    invariant: 'C6',
    what: 'the reference to a driver module is never put back',
    scenario: 'modules',
    steps: 1,
    put: t => broken(t, DriverModule.prototype, 'put', () => () => {}),
  },
  {
    invariant: 'C7',
    what: 'what a driver does wrong is reported twice',
    scenario: 'rogue-poll',
    steps: 2,
    put: t =>
      broken(
        t,
        Adapter.prototype,
        'report',
        original =>
          function (this: Adapter, diagnostic) {
            original.call(this, diagnostic);
            original.call(this, diagnostic);
          },
      ),
  },
  {
    invariant: 'C8',
    what: 'a read gets more bytes than it asked for',
    scenario: 'large-fetch',
    steps: 2,
    put: t =>
      broken(
        t,
        Context.prototype,
        'take',
        original =>
          function (this: Context, bytes, offset, room, most) {
            return original.call(this, bytes, offset, 2 * room, most);
          },
      ),
  },
  {
    invariant: 'FUSE',
    what: 'EINTR is swallowed',
    scenario: 'fuse-wake-all',
    steps: 4,
    put: t => broken(t, AnyRequest.prototype, 'interrupt', () => () => {}),
  },
  {
    invariant: 'C2',
    what: 'FUSE_NOTIFY_POLL is not sent',
    scenario: 'fuse-wake-up',
    steps: 3,
    put: t => broken(t, Handle.prototype, 'notify', () => () => false),
  },
];

/** Where a fault is unread. */
const faults = new WeakSet<GenericEvents>();

describe('a defect in the real code', () => {
  for (const { invariant, what, scenario: name, steps, put } of defects) {
    it(`${invariant}: ${what}: found, in a story of up to ${steps} steps`, async t => {
      broken(
        t,
        GenericEvents.prototype,
        'raiseFault',
        original =>
          function (this: GenericEvents, address, status) {
            faults.add(this);
            return original.call(this, address, status);
          },
      );
      broken(
        t,
        GenericEvents.prototype,
        'take',
        original =>
          function (this: GenericEvents, token, ...rest) {
            if (token === FAULT) faults.delete(this);
            return original.call(this, token, ...rest);
          },
      );
      put(t);
      const scenario = scenarios.find(each => each.name === name)!;
      const { found, shrunk, story } = await checkScenario(scenario, quickBounds);
      assert.ok(found, 'not found');
      assert.deepEqual([shrunk!.violation.invariant, shrunk!.shortest], [invariant, true]);
      assert.ok(story!.lines.length <= steps, `${story!.lines.length} steps`);
    });
  }
});
