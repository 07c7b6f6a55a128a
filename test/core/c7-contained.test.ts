import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Context, DriverEvent } from '../../src/core/index.ts';
import { blamed, drain, FAILED, FetchDriver, owner, read, READY, startedRig, throwsBug } from './rig.ts';

const event = (dataSize: unknown, data: unknown): DriverEvent => ({ dataSize, data }) as DriverEvent;
const memory = new Uint8Array(6000);

/** Fetch form: what fetchEvent may give back that is no event. Each is offered once. */
const badFetches: Record<string, () => DriverEvent | null> = {
  throws: throwsBug,
  'has nothing': () => null,
  'returns undefined': () => undefined as unknown as null,
  'returns a promise': () => Promise.resolve(null) as unknown as null,
  'returns a number': () => 7 as unknown as null,
  'returns no data': () => event(1, undefined),
  'returns a string as data': () => event(1, 'x'),
  'returns a plain array as data': () => event(1, [1]),
  'says more than its data holds': () => event(3, new Uint8Array(2)),
  'says 4089 bytes': () => event(4089, memory),
  'says 65529 bytes, which wraps in the kernel': () => event(65529, new Uint8Array(65529)),
  'says -1 bytes': () => event(-1, memory),
  'says half a byte': () => event(0.5, memory),
  'says NaN bytes': () => event(Number.NaN, memory),
  'returns an object that throws when looked at': () => ({
    data: memory,
    get dataSize() {
      return throwsBug();
    },
  }),
};

/** Pull form: what deliverEvent may do that delivers nothing. */
const badDeliveries: Record<string, () => unknown> = {
  throws: throwsBug,
  'returns undefined': () => undefined,
  'returns a promise': () => Promise.resolve(1),
  'returns -1': () => -1,
  'returns 4089': () => 4089,
  'returns NaN': () => Number.NaN,
  'returns half a byte': () => 0.5,
  'returns a numeric string': () => '4',
  'returns a bigint': () => 4n,
};

/** The context, a neighbour and their generic events must be unharmed, and the bad source must not be asked. */
function provesUnharmed(context: Context, neighbour: Context, problems: () => number): void {
  context.raiseFault(1n, 1n);
  context.raiseInterrupt(2);
  assert.equal(context.poll(), READY);
  assert.deepEqual(drain(context), ['irq 2', 'fault 1/1']);
  for (let i = 0; i < 3; i++) {
    assert.equal(context.poll(), 0);
    assert.deepEqual(read(context), []);
  }
  assert.equal(problems(), 1, 'diagnostics');
  new FetchDriver(neighbour).post(8);
  assert.deepEqual(drain(neighbour), ['driver 8']);
  assert.equal(problems(), 1, 'diagnostics');
}

describe('C7: a fetch driver that misbehaves', () => {
  for (const [name, misbehave] of Object.entries(badFetches)) {
    it(`fetchEvent ${name}: one diagnostic, set aside until it posts, everything else unharmed`, () => {
      const { afu, context, diagnostics } = startedRig();
      const good = event(1, Uint8Array.of(5));
      const answers = [misbehave, () => good];
      let asked = 0;
      const results: number[] = [];
      context.setDriverOps({
        owner: owner('bad'),
        fetchEvent: () => answers[asked++]!(),
        eventDelivered: (_context, _event, result) => void results.push(result),
      });
      context.driverEventsPending(1);
      assert.equal(context.poll(), 0);
      provesUnharmed(context, afu.openContext(), () => diagnostics.length);
      assert.deepEqual(blamed(diagnostics), ['driver bad fetchEvent']);
      assert.equal(diagnostics[0]!.context, context);
      assert.equal(asked, 1);
      context.driverEventsPending(1);
      assert.equal(context.poll(), READY);
      assert.deepEqual(drain(context), ['driver 5']);
      assert.deepEqual(results, name === 'throws' ? [0] : [-22, 0]);
    });
  }

  it('a fetchEvent that throws has fetched nothing: posting 0 asks it again', () => {
    const { context } = startedRig();
    const driver = new FetchDriver(context);
    const fetch = driver.fetchEvent.bind(driver);
    driver.fetchEvent = throwsBug;
    driver.post(1);
    assert.equal(context.poll(), 0);
    driver.fetchEvent = fetch;
    context.driverEventsPending(0);
    assert.deepEqual(drain(context), ['driver 1']);
  });

  it('eventDelivered that throws: the reader has the event, the source is set aside until it posts', () => {
    const { context, diagnostics } = startedRig();
    const driver = new FetchDriver(context);
    const delivered = driver.eventDelivered.bind(driver);
    driver.eventDelivered = throwsBug;
    driver.post(1);
    driver.post(2);
    assert.equal(read(context).length, 1);
    assert.deepEqual(
      diagnostics.map(({ callback, error }) => [callback, error instanceof TypeError]),
      [['eventDelivered', true]],
    );
    assert.equal(context.poll(), 0);
    driver.eventDelivered = delivered;
    context.driverEventsPending(0);
    assert.deepEqual(drain(context), ['driver 2']);
    assert.equal(diagnostics.length, 1);
  });

  it('an event that its driver changes while it is held does not jam the context nor overrun the reader', () => {
    for (const dataSize of [5000, -1, Number.NaN]) {
      const { context } = startedRig();
      const held = { dataSize: 2, data: memory };
      context.setDriverOps({ owner: owner(), fetchEvent: () => held, eventDelivered() {} });
      context.driverEventsPending(1);
      assert.equal(context.poll(), READY);
      held.dataSize = dataSize;
      assert.doesNotThrow(() => read(context, 8192), `dataSize ${dataSize}`);
      assert.doesNotThrow(() => context.poll());
    }
  });

  it('over-announcing by thousands is one diagnostic and one fetch', () => {
    const { context, diagnostics } = startedRig();
    const driver = new FetchDriver(context);
    context.driverEventsPending(5000);
    context.raiseInterrupt(1);
    assert.deepEqual(drain(context), ['irq 1']);
    assert.equal(driver.fetched, 1);
    driver.post(2);
    assert.deepEqual(drain(context), ['driver 2']);
    assert.equal(driver.fetched, 2);
    assert.equal(diagnostics.length, 1);
  });
});

describe('C7: a pull driver that misbehaves', () => {
  for (const [name, misbehave] of Object.entries(badDeliveries)) {
    it(`deliverEvent ${name}: one diagnostic, set aside until it posts, everything else unharmed`, () => {
      const { afu, context, diagnostics } = startedRig();
      const answers: (() => unknown)[] = [misbehave, () => 0];
      let asked = 0;
      context.setDriverOps({
        owner: owner('bad'),
        eventPending: () => asked < answers.length,
        deliverEvent: () => answers[asked++]!() as number,
      });
      assert.deepEqual(read(context), []);
      provesUnharmed(context, afu.openContext(), () => diagnostics.length);
      assert.deepEqual(blamed(diagnostics), ['driver bad deliverEvent']);
      assert.equal(asked, 1);
      context.driverEventsPending(0);
      assert.deepEqual(drain(context), ['driver ']);
    });
  }

  it('eventPending that throws: one diagnostic, set aside until it posts, everything else unharmed', () => {
    const { afu, context, diagnostics } = startedRig();
    let bad = true;
    let left = 1;
    context.setDriverOps({
      owner: owner(),
      eventPending: () => (bad ? throwsBug() : left > 0),
      deliverEvent: () => --left,
    });
    assert.equal(context.poll(), 0);
    provesUnharmed(context, afu.openContext(), () => diagnostics.length);
    assert.equal(diagnostics[0]!.callback, 'eventPending');
    bad = false;
    assert.equal(context.poll(), 0, 'it has not posted yet');
    context.driverEventsPending(0);
    assert.deepEqual(drain(context), ['driver ']);
  });

  it('eventPending that returns a promise says nothing: one diagnostic, no POLLIN', () => {
    const { context, diagnostics } = startedRig();
    const answer = Promise.resolve(false) as unknown as boolean;
    context.setDriverOps({ owner: owner(), eventPending: () => answer, deliverEvent: () => 0 });
    assert.equal(context.poll(), 0);
    assert.deepEqual(read(context), []);
    assert.equal(diagnostics.length, 1);
  });

  it('a batch keeps what was delivered before the fault', () => {
    const { context, diagnostics } = startedRig({ eventsPerRead: 10 });
    let calls = 0;
    context.setDriverOps({
      owner: owner(),
      eventPending: () => true,
      deliverEvent: () => (calls++ === 0 ? 0 : throwsBug()),
    });
    context.raiseInterrupt(1);
    assert.equal(read(context, 64 * 1024).length, 2);
    assert.equal(diagnostics.length, 1);
    assert.equal(context.poll(), 0);
  });

  it('a fault after detach leaves POLLERR and EIO', () => {
    const { context } = startedRig();
    context.setDriverOps({ owner: owner(), eventPending: throwsBug, deliverEvent: () => 0 });
    context.detach();
    assert.equal(context.poll(), FAILED);
    assert.deepEqual(read(context), []);
  });
});

describe('C7: a diagnostic sink that throws', () => {
  it('neither reaches who polled nor leaves the context locked; the diagnostic goes to the console', t => {
    const lines = t.mock.method(console, 'error', () => {});
    const { context, diagnostics } = startedRig();
    diagnostics.push = throwsBug;
    context.setDriverOps({ owner: owner(), eventPending: throwsBug, deliverEvent: () => 0 });
    assert.equal(context.poll(), 0);
    assert.equal(lines.mock.callCount(), 1);
    assert.equal(context.poll(), 0);
    context.raiseInterrupt(1);
    assert.deepEqual(drain(context), ['irq 1']);
  });
});
