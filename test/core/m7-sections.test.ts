import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Context, DriverOps } from '../../src/core/index.ts';
import { blamed, codeOf, drain, FetchDriver, owner, read, READY, startedRig, throwsBug, work } from './rig.ts';

const atomic = ['eventPending', 'deliverEvent', 'fetchEvent'] as const;
type Atomic = (typeof atomic)[number];

/** Ops with one event, of which `callback` does something extra and may return something else. */
function opsWith(callback: Atomic | 'eventDelivered', extra: (normal: unknown) => unknown): DriverOps {
  let left = 1;
  const answer = (name: string, normal: unknown): never => (name === callback ? extra(normal) : normal) as never;
  if (callback === 'fetchEvent' || callback === 'eventDelivered') {
    return {
      owner: owner('d'),
      fetchEvent: () => answer('fetchEvent', { dataSize: 0, data: new Uint8Array() }),
      eventDelivered: () => answer('eventDelivered', undefined),
    };
  }
  return {
    owner: owner('d'),
    eventPending: () => answer('eventPending', left > 0),
    deliverEvent: () => {
      left--;
      return answer('deliverEvent', 0);
    },
  };
}

/** What of `action` is reported as unhandled; whatever is unhandled is known after a turn of the event loop. */
async function unhandled(action: () => void): Promise<unknown[]> {
  const seen: unknown[] = [];
  const note = (reason: unknown): void => void seen.push(reason);
  process.on('unhandledRejection', note);
  action();
  await new Promise(resolve => setImmediate(resolve));
  process.off('unhandledRejection', note);
  return seen;
}

const rejecting = (): Promise<never> => Promise.reject(new Error('late'));
const forbidden: Record<string, (context: Context) => unknown> = {
  poll: context => context.poll(),
  take: context => context.take(new Uint8Array(4096), 0, 4096),
  setDriverOps: context => context.setDriverOps(opsWith('eventPending', () => false)),
  start: context => context.start(work()),
};

/** Sets the ops, announces, polls and reads; the interrupt must arrive whatever the driver does. */
function exercise(context: Context, ops: DriverOps): void {
  context.setDriverOps(ops);
  context.driverEventsPending(1);
  context.raiseInterrupt(5);
  context.poll();
  assert.ok(drain(context).includes('irq 5'));
  assert.equal(context.poll(), 0);
}

describe('M7, C7, point 3: a thenable', () => {
  for (const callback of atomic) {
    it(`returned from ${callback} is one diagnostic, and its rejection ends nothing`, async () => {
      const { context, diagnostics } = startedRig();
      assert.deepEqual(await unhandled(() => exercise(context, opsWith(callback, rejecting))), []);
      assert.deepEqual(blamed(diagnostics), [`driver d ${callback}`]);
      assert.match(diagnostics[0]!.problem, /promise/);
      assert.notEqual(diagnostics[0]!.stack, '');
    });

    it(`whose then throws when it is looked at, from ${callback}: one diagnostic, and the reader does not hear of it`, () => {
      const { context, diagnostics } = startedRig();
      const nasty = {
        // oxlint-disable-next-line unicorn/no-thenable -- that is the test
        get then(): never {
          throw new TypeError('mine');
        },
      };
      exercise(
        context,
        opsWith(callback, () => nasty),
      );
      assert.deepEqual(blamed(diagnostics), [`driver d ${callback}`]);
    });

    for (const [name, call] of Object.entries(forbidden)) {
      it(`from ${callback}, which rejects since it called ${name}: one diagnostic, no unhandled rejection`, async () => {
        const { context, diagnostics } = startedRig();
        // What `async` in everything but the declaration does: a method that returns an async closure's promise.
        const ops = opsWith(callback, async () => call(context));
        assert.deepEqual(await unhandled(() => exercise(context, ops)), []);
        assert.deepEqual(blamed(diagnostics), [`driver d ${callback}`]);
      });
    }
  }

  it('from eventDelivered, which may sleep, is nothing while it resolves and one diagnostic when it rejects', async () => {
    const { context, diagnostics } = startedRig();
    const resolving = opsWith('eventDelivered', () => Promise.resolve());
    assert.deepEqual(await unhandled(() => exercise(context, resolving)), []);
    assert.deepEqual(diagnostics, []);
    assert.deepEqual(await unhandled(() => exercise(context, opsWith('eventDelivered', rejecting))), []);
    assert.deepEqual(blamed(diagnostics), ['driver d eventDelivered']);
  });
});

describe('M7, C7, point 3: calling back into the same context', () => {
  for (const callback of atomic) {
    for (const [name, call] of Object.entries(forbidden)) {
      for (const caught of [true, false]) {
        it(`${name} from ${callback}, ${caught ? 'caught' : 'not caught'}: EDEADLK and one diagnostic, with where it was`, () => {
          const { context, diagnostics } = startedRig();
          let code: string | undefined;
          const ops = opsWith(callback, normal => {
            if (caught) code = codeOf(() => call(context));
            else call(context);
            return normal;
          });
          exercise(context, ops);
          if (caught) assert.equal(code, 'EDEADLK');
          assert.deepEqual(blamed(diagnostics), [`driver d ${callback}`]);
          assert.equal(diagnostics[0]!.context, context);
          assert.match(diagnostics[0]!.stack, /m7-sections\.test/, 'the stack leads into the callback');
        });
      }
    }
  }
});

describe('C7, point 3: hooks that fail later end nothing', () => {
  for (const hook of ['open', 'release', 'exit'] as const) {
    it(`${hook} that returns a promise which rejects: no unhandled rejection`, async () => {
      const module = owner('d', { [hook]: rejecting });
      const { afu } = startedRig({ driver: module });
      const seen = await unhandled(() => {
        afu.openContext().release();
        module.retire();
        for (const context of afu.contexts.values()) context.release();
      });
      assert.deepEqual(seen, []);
    });
  }
});

describe('C7, point 3: whoever listens to diagnostics', () => {
  it('and throws, harms nothing, whatever the driver did', t => {
    t.mock.method(console, 'error', () => {});
    for (const callback of [...atomic, 'eventDelivered'] as const) {
      const { context } = startedRig({}, { onDiagnostic: throwsBug });
      exercise(context, opsWith(callback, throwsBug));
      context.driverEventsPending(0);
      context.release();
      assert.equal(context.released, true);
    }
  });

  it('and polls or reads the context, is no fault of the driver: one diagnostic, no recursion', t => {
    t.mock.method(console, 'error', () => {});
    let calls = 0;
    const seen: string[] = [];
    const { context } = startedRig(
      {},
      {
        onDiagnostic(diagnostic) {
          seen.push(...blamed([diagnostic]));
          if (++calls < 50) diagnostic.context?.poll();
        },
      },
    );
    exercise(
      context,
      opsWith('eventPending', () => 'yes'),
    );
    assert.deepEqual(seen, ['driver d eventPending']);
  });
});

describe('C7, point 3: a source that was set aside', () => {
  it('is asked again when its driver posts, not before, each time; all others go on meanwhile', () => {
    const { afu, context, diagnostics } = startedRig();
    const other = afu.openContext();
    const neighbour = new FetchDriver(other);
    let asked = 0;
    let bad = true;
    context.setDriverOps({
      owner: owner('d'),
      eventPending() {
        asked++;
        if (bad) throw new Error('mine');
        return true;
      },
      deliverEvent: () => 0,
    });
    for (let fault = 1; fault <= 3; fault++) {
      for (let i = 0; i < 5; i++) {
        assert.equal(context.poll(), 0);
        context.raiseInterrupt(i + 1);
        assert.deepEqual(drain(context), [`irq ${i + 1}`]);
        neighbour.post(i);
        assert.deepEqual(drain(other), [`driver ${i}`]);
      }
      assert.deepEqual([asked, diagnostics.length], [fault, fault]);
      context.driverEventsPending(0);
    }
    bad = false;
    assert.equal(context.poll(), READY);
    assert.equal(read(context).length, 1);
  });
});
