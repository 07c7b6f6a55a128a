import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { CopyFault } from '../../src/core/index.ts';
import { decodeEvents } from '../../src/abi/index.ts';
import { codeOf, driverForms, failedRead, FetchDriver, PullDriver, read, startedRig } from './rig.ts';

type Step =
  | { readonly do: 'irq' | 'fault' | 'error'; readonly value: number }
  | { readonly do: 'post' | 'read' | 'fail' | 'poll' | 'replace' | 'detach' | 'null' | 'releaseInside' };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constantFrom('irq' as const, 'fault' as const, 'error' as const),
    value: fc.integer({ min: 1, max: 3 }),
  }),
  fc.record({
    do: fc.constantFrom('post' as const, 'post' as const, 'read' as const, 'fail' as const, 'poll' as const),
  }),
  fc.record({ do: fc.constantFrom('replace' as const, 'detach' as const, 'null' as const, 'releaseInside' as const) }),
);

const order = ['irq 1', 'irq 2', 'irq 3', 'fault', 'error'];
const inReadOrder = (a: string, b: string): number => order.indexOf(a) - order.indexOf(b);

describe('point 7: raised = coalesced + delivered + dropped + pending, at any time', () => {
  for (const [name, form] of [
    ['fetch', FetchDriver],
    ['pull', PullDriver],
  ] as const) {
    for (const copyFault of ['keep', 'drop'] as CopyFault[]) {
      it(`${name} form, copyFault ${copyFault}, under any sequence of operations`, () => {
        fc.assert(
          fc.property(fc.array(step, { maxLength: 40, size: 'max' }), fc.constantFrom(1, 3), (steps, eventsPerRead) => {
            const { context } = startedRig({ copyFault, eventsPerRead });
            /** AFU events that are unread, by kind. */
            const generic = new Set<string>();
            let driver = new form(context);
            let taken = 0;
            let delivered = 0;
            let failed = 0;
            let dropped = 0;
            /** Driver events that the core has from its drivers, and no reader: worked out from outside. */
            const heldNow = (): number => taken + tookOf(driver) - gone;
            let gone = 0;
            const tookOf = (each: FetchDriver | PullDriver): number => posted - each.queue.length;
            let posted = 0;
            let ended = false;
            for (const step of steps) {
              if (ended) break;
              if (step.do === 'irq') context.raiseInterrupt(step.value);
              else if (step.do === 'fault') context.raiseFault(1n, 1n);
              else if (step.do === 'error') context.raiseAfuError(1n);
              if (step.do === 'irq' || step.do === 'fault' || step.do === 'error') {
                if (context.status !== 'CLOSED') generic.add(step.do === 'irq' ? `irq ${step.value}` : step.do);
              } else if (step.do === 'post') {
                posted++;
                driver.post(1);
              } else if (step.do === 'null') context.driverEventsPending(1);
              else if (step.do === 'poll') context.poll();
              else if (step.do === 'detach') context.detach();
              else if (step.do === 'replace') {
                const held = heldNow();
                taken += tookOf(driver);
                posted = 0;
                driver = new form(context);
                // The fetch form's go back to their driver; the pull form's stay.
                if (driver instanceof FetchDriver) {
                  gone += held;
                  dropped += held;
                }
              } else {
                const events =
                  step.do === 'read'
                    ? read(context)
                    : step.do === 'fail'
                      ? failedRead(context)
                      : (() => {
                          const bytes = new Uint8Array(4096);
                          const size = context.take(bytes, 0, 4096);
                          context.release();
                          if (size > 0) context.putBack(bytes);
                          ended = true;
                          return decodeEvents(bytes, size);
                        })();
                if (step.do === 'read') delivered += events.length;
                else if (copyFault === 'drop') dropped += events.length;
                else failed += events.length;
                if (step.do === 'read' || copyFault === 'drop') {
                  for (const event of events) {
                    if (event.type === 'afu-driver') gone++;
                    else if (event.type === 'afu-interrupt') generic.delete(`irq ${event.irq}`);
                    else generic.delete(event.type === 'data-storage' ? 'fault' : 'error');
                  }
                }
              }
              if (ended) break;
              const { counters } = context;
              assert.deepEqual(
                [counters.delivered, counters.kept, counters.dropped],
                [delivered, failed, dropped],
                'delivered, kept, dropped',
              );
              assert.equal(
                counters.raised,
                counters.coalesced + counters.delivered + counters.dropped + generic.size + heldNow(),
              );
              const { interrupts, fault, error } = context.pending;
              const unread = interrupts.map(irq => `irq ${irq}`);
              if (fault) unread.push('fault');
              if (error) unread.push('error');
              assert.deepEqual(unread, [...generic].toSorted(inReadOrder), 'what is pending, by kind');
            }
            if (!ended) context.release();
            const { raised, coalesced, delivered: all, dropped: lost } = context.counters;
            // Nothing is counted twice; that what was unread is counted at all is the next test.
            assert.ok([0, generic.size].includes(raised - coalesced - all - lost), 'after the end nothing is pending');
          }),
          { numRuns: 500 },
        );
      });
    }
  }

  it('what is unread when the context is closed was dropped', () => {
    for (const [, make] of driverForms) {
      const { context } = startedRig();
      context.raiseInterrupt(1);
      context.raiseFault(1n, 1n);
      context.raiseAfuError(1n);
      make(context).post(1);
      failedRead(context);
      context.release();
      assert.deepEqual(context.counters, { raised: 4, coalesced: 0, delivered: 0, kept: 1, dropped: 4 });
    }
  });

  it('an interrupt of an attach that failed was dropped', () => {
    const { afu, backend } = startedRig();
    const context = afu.openContext();
    backend.onAttach = () => {
      context.raiseInterrupt(1);
      throw new Error('mine');
    };
    codeOf(() => context.start({ wed: 0n, amr: 0n, interrupts: 1, mmioErrorsAllOnes: false, pid: 0 }));
    assert.deepEqual(context.counters, { raised: 1, coalesced: 0, delivered: 0, kept: 0, dropped: 1 });
  });
});
