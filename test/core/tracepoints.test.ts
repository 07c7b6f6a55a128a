import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { channel } from 'node:diagnostics_channel';
import { connectTracepoints, type Context, type TraceChannel, tracepoints } from '../../src/core/index.ts';
import { drain, failedRead, FetchDriver, owner, PullDriver, read, rig, throwsBug, work } from './rig.ts';

const names = [
  'afukit:context:open',
  'afukit:context:start',
  'afukit:context:detach',
  'afukit:context:close',
  'afukit:event:raised',
  'afukit:event:announced',
  'afukit:event:fetched',
  'afukit:event:delivered',
  'afukit:event:copy-failed',
  'afukit:module:get',
  'afukit:module:put',
  'afukit:adapter:link',
  'afukit:diagnostic',
];

/** A channel that keeps what is published; nobody listens while `open` is false. */
class Recorder {
  listening = true;
  readonly messages: [string, Record<string, unknown>][] = [];

  readonly channelFor = (name: string): TraceChannel => {
    const listening = (): boolean => this.listening;
    return {
      get hasSubscribers() {
        return listening();
      },
      publish: message => void this.messages.push([name, message as Record<string, unknown>]),
    };
  };

  /** The messages of one place, without their context. */
  of(name: string): unknown[] {
    return this.messages
      .filter(([where]) => where === name)
      .map(([, message]) => Object.fromEntries(Object.entries(message).filter(([key]) => key !== 'context')));
  }
}

describe('point 7: tracepoints', () => {
  let recorder: Recorder;
  beforeEach(() => {
    recorder = new Recorder();
    connectTracepoints(recorder.channelFor);
  });
  afterEach(() => connectTracepoints(() => ({ hasSubscribers: false, publish: throwsBug })));

  it('have these names and no others', () => {
    assert.deepEqual(
      Object.values(tracepoints).map(({ name }) => name),
      names,
    );
  });

  it('tell the life of a context and of its module, in order, with the context and the module', () => {
    const module = owner('d');
    const context = rig({ driver: module }).afu.openContext();
    const driver = new FetchDriver(context, module);
    context.start(work(2));
    context.release();
    const life = recorder.messages.map(([name, message]) => {
      assert.equal(message['context'], context);
      if (name.startsWith('afukit:module')) assert.equal(message['module'], driver.owner);
      return name;
    });
    assert.deepEqual(life, [
      'afukit:context:open',
      'afukit:module:get',
      'afukit:module:get',
      'afukit:context:start',
      'afukit:context:detach',
      'afukit:module:put',
      'afukit:context:close',
      'afukit:module:put',
    ]);
  });

  it('raised, announced, fetched, delivered and copy-failed say what kind, which interrupt, how many and how large', () => {
    const context = rig().afu.openContext();
    context.start(work(9));
    const driver = new FetchDriver(context);
    context.raiseInterrupt(7);
    context.raiseInterrupt(7);
    context.raiseFault(1n, 1n);
    context.raiseAfuError(2n);
    driver.post(1, 2, 3);
    failedRead(context);
    drain(context);
    assert.deepEqual(recorder.of('afukit:event:raised'), [
      { kind: 'interrupt', irq: 7, coalesced: false },
      { kind: 'interrupt', irq: 7, coalesced: true },
      { kind: 'fault', coalesced: false },
      { kind: 'error', coalesced: false },
    ]);
    assert.deepEqual(recorder.of('afukit:event:announced'), [{ count: 1 }]);
    assert.deepEqual(recorder.of('afukit:event:fetched'), [{ dataSize: 3 }]);
    assert.deepEqual(recorder.of('afukit:event:copy-failed'), [{ kind: 'driver', kept: true }]);
    assert.deepEqual(recorder.of('afukit:event:delivered'), [
      { kind: 'driver' },
      { kind: 'interrupt', irq: 7 },
      { kind: 'fault' },
      { kind: 'error' },
    ]);
  });

  it('copy-failed says when the event is lost; an orphan is a driver event, too', () => {
    const lossy = rig({ copyFault: 'drop' }).afu.openContext();
    lossy.start(work(1));
    lossy.raiseInterrupt(1);
    failedRead(lossy);
    const context = rig().afu.openContext();
    new PullDriver(context).post(1);
    failedRead(context);
    assert.deepEqual(new PullDriver(context).queue, []);
    read(context);
    assert.deepEqual(recorder.of('afukit:event:copy-failed'), [
      { kind: 'interrupt', irq: 1, kept: false },
      { kind: 'driver', kept: true },
    ]);
    assert.deepEqual(recorder.of('afukit:event:delivered'), [{ kind: 'driver' }]);
  });

  it('a diagnostic goes to its channel also, whole, and before the sink', () => {
    const { afu, diagnostics } = rig();
    const context = afu.openContext();
    context.setDriverOps({ owner: owner('d'), eventPending: throwsBug, deliverEvent: () => 0 });
    context.poll();
    const [, message] = recorder.messages.find(([name]) => name === 'afukit:diagnostic')!;
    assert.equal(message, diagnostics[0]);
  });

  it('a card’s link, each time that it changes', () => {
    const { adapter } = rig();
    for (const change of ['loseLink', 'loseLink', 'restoreLink', 'fail', 'fail', 'probe', 'probe'] as const)
      adapter[change]();
    const links = recorder.of('afukit:adapter:link').map(message => (message as { link: string }).link);
    assert.deepEqual(links, ['down', 'up', 'failed', 'up']);
  });

  it('make no message while nobody listens: publish is not called at all', () => {
    recorder.listening = false;
    const module = owner('d');
    const { afu } = rig({ driver: module });
    const context = afu.openContext();
    context.start(work(1));
    const driver = new FetchDriver(context, module);
    context.raiseInterrupt(1);
    driver.post(1);
    failedRead(context);
    drain(context);
    context.driverEventsPending(1);
    context.poll();
    context.release();
    assert.deepEqual(recorder.messages, []);
  });

  for (const what of ['delivered', 'fetched', 'raised', 'announced', 'copyFailed'] as const) {
    it(`a listener to ${what} that polls the context is not the driver's fault`, () => {
      const { afu, diagnostics } = rig();
      const context = afu.openContext();
      context.start(work(1));
      const driver = new FetchDriver(context);
      const listener: TraceChannel = {
        hasSubscribers: true,
        publish(message) {
          try {
            (message as { context: Context }).context.poll();
          } catch {
            // What it may do is not the question here.
          }
        },
      };
      connectTracepoints(name => (name === tracepoints[what].name ? listener : recorder.channelFor(name)));
      driver.post(1);
      driver.post(2);
      context.raiseInterrupt(1);
      failedRead(context);
      assert.deepEqual(drain(context), ['driver 1', 'driver 2', 'irq 1']);
      assert.deepEqual(diagnostics, []);
    });
  }

  it('in Node each is the diagnostics channel of its name', async () => {
    await import('../../src/node.ts');
    connectTracepoints(channel);
    const seen: unknown[] = [];
    const note = (message: unknown): void => void seen.push(message);
    channel('afukit:context:open').subscribe(note);
    const context = rig().afu.openContext();
    channel('afukit:context:open').unsubscribe(note);
    rig().afu.openContext();
    assert.deepEqual(seen, [{ context }]);
  });
});
