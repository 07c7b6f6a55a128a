import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AfuDriver, DriverModule, type DriverOps } from '../../src/core/index.ts';
import { codeOf, drain, FetchDriver, owner, PullDriver, READY, rig, throwsBug } from './rig.ts';

/** A module and a list of everything of it that was called, each with the module's state then. */
function logged(more: Partial<AfuDriver> = {}): { module: DriverModule; log: string[] } {
  const log: string[] = [];
  const module: DriverModule = new DriverModule({
    name: 'd',
    open: context => void log.push(`open ${context.pe}`),
    release: context => void log.push(`release ${context.pe}`),
    exit: () => void log.push('exit'),
    ...more,
  });
  return { module, log };
}

const opsOf = (module: DriverModule): DriverOps => ({
  owner: module,
  eventPending: () => false,
  deliverEvent: () => 0,
});

describe('M4, C6, point 1: references', () => {
  it('an open context holds one, its ops another, replacing ops moves that one, release puts both', () => {
    const [first, second] = [owner('first'), owner('second')];
    const { afu } = rig({ driver: first });
    const context = afu.openContext();
    const counts = (): number[] => [first.references, second.references];
    assert.deepEqual(counts(), [1, 0]);
    assert.equal(context.module, first);
    context.setDriverOps(opsOf(first));
    assert.deepEqual(counts(), [2, 0]);
    context.setDriverOps(opsOf(first));
    assert.deepEqual(counts(), [2, 0]);
    context.setDriverOps(opsOf(second));
    assert.deepEqual(counts(), [1, 1]);
    assert.deepEqual([first.holders, second.holders], [[context], [context]]);
    context.detach();
    assert.deepEqual(counts(), [1, 1]);
    context.release();
    context.release();
    assert.deepEqual(counts(), [0, 0]);
    assert.deepEqual([first.holders, second.holders], [[], []]);
  });

  it('a driver whose open hook is missing, or throws, leaves no reference too many', () => {
    const silent = owner('silent');
    const context = rig({ driver: silent }).afu.openContext();
    assert.equal(silent.references, 1);
    context.release();
    const failing = owner('failing', { open: throwsBug });
    assert.throws(() => rig({ driver: failing }).afu.openContext());
    assert.deepEqual([silent.references, failing.references], [0, 0]);
  });

  it("a driver's own context holds one, and its open hook is not called", () => {
    const { module, log } = logged();
    const context = rig({ driver: module }).afu.openKernelContext(module);
    assert.deepEqual([module.references, context.module, context.master, log], [1, module, false, []]);
    context.release();
    assert.deepEqual([module.references, log], [0, ['release 0']]);
  });

  it('putting a reference that is not held is EINVAL', () => {
    const { afu } = rig();
    assert.equal(
      codeOf(() => owner().put(afu.openContext())),
      'EINVAL',
    );
  });

  it('a driver that changes the owner of its ops later changes no count and blocks no release', () => {
    const [module, other] = [owner(), owner('other')];
    const { afu } = rig();
    const context = afu.openContext();
    const ops: { owner: DriverModule } & DriverOps = { ...opsOf(module) };
    context.setDriverOps(ops);
    ops.owner = other;
    assert.doesNotThrow(() => context.release());
    assert.deepEqual([module.references, other.references, afu.contexts.size], [0, 0, 0]);
  });
});

describe('M4, C6, point 1: unload', () => {
  it('while held is EBUSY naming every holder, and changes nothing', () => {
    const { module, log } = logged();
    const { afu } = rig({ driver: module });
    const contexts = [afu.openContext(), afu.openContext()];
    assert.throws(() => module.unload(), { code: 'EBUSY', message: /driver d is held by afu0\.0 pe 0, afu0\.0 pe 1$/ });
    assert.equal(module.state, 'live');
    contexts[0]!.release();
    assert.throws(() => module.unload(), { code: 'EBUSY', message: /held by afu0\.0 pe 1$/ });
    afu.openContext().release();
    contexts[1]!.release();
    module.unload();
    assert.equal(module.state, 'gone');
    assert.equal(log.at(-1), 'exit');
  });

  it('calls exit once, however it ends and however often it is asked', () => {
    for (const end of ['unload', 'retire'] as const) {
      const { module, log } = logged();
      module[end]();
      module.unload();
      module.retire();
      assert.deepEqual([log, module.state], [['exit'], 'gone']);
    }
  });

  it('retired: going while contexts hold it, gone at the last put, exit after the last release hook', () => {
    const { module, log } = logged();
    const { afu } = rig({ driver: module });
    const contexts = [afu.openContext(), afu.openContext()];
    contexts[1]!.setDriverOps(opsOf(module));
    module.retire();
    assert.equal(module.state, 'going');
    contexts[0]!.release();
    assert.equal(module.state, 'going');
    contexts[1]!.release();
    assert.equal(module.state, 'gone');
    assert.deepEqual(log, ['open 0', 'open 1', 'release 0', 'release 1', 'exit']);
  });

  it('going: the old contexts are served as before', () => {
    const module = owner();
    const context = rig({ driver: module }).afu.openContext();
    const driver = new FetchDriver(context, module);
    module.retire();
    driver.post(1);
    assert.equal(context.poll(), READY);
    assert.deepEqual(drain(context), ['driver 1']);
  });

  for (const state of ['going', 'gone'] as const) {
    it(`${state}: no new reference: setDriverOps and own contexts are ENODEV and change nothing, opened contexts have no driver`, () => {
      const { module, log } = logged();
      const { afu, diagnostics } = rig({ driver: module });
      const holder = afu.openContext();
      const other = afu.openContext();
      const kept = new PullDriver(other);
      kept.post(1);
      module.retire();
      if (state === 'gone') for (const context of [holder, other]) context.release();
      assert.equal(module.state, state);
      const references = module.references;
      const target = state === 'going' ? other : afu.openContext();
      assert.equal(
        codeOf(() => target.setDriverOps(opsOf(module))),
        'ENODEV',
      );
      const open = afu.contexts.size;
      assert.equal(
        codeOf(() => afu.openKernelContext(module)),
        'ENODEV',
      );
      assert.equal(afu.contexts.size, open, 'the process element is free again');
      if (state === 'going') assert.deepEqual(drain(other), ['driver 1']);
      const before = log.length;
      const fresh = afu.openContext();
      assert.deepEqual([fresh.module, fresh.driverOps], [undefined, undefined]);
      fresh.release();
      assert.deepEqual([log.length, module.references], [before, references]);
      assert.deepEqual(diagnostics, []);
    });
  }

  it('a driver that retires its module in its own open hook keeps that context and no other', () => {
    const { module, log } = logged({
      open(_context, mine) {
        mine.retire();
      },
    });
    const { afu } = rig({ driver: module });
    const context = afu.openContext();
    assert.deepEqual([context.module, module.state, afu.openContext().module], [module, 'going', undefined]);
    context.release();
    assert.deepEqual(log, ['release 0', 'exit']);
  });

  it('exit that throws at the last put is reported, and the close that caused it does not throw (C7)', () => {
    const module = owner('bad', { exit: throwsBug });
    const { afu, diagnostics } = rig({ driver: module });
    const context = afu.openContext();
    module.retire();
    assert.doesNotThrow(() => context.release());
    assert.deepEqual([afu.contexts.size, module.state], [0, 'gone']);
    assert.equal(diagnostics.length, 1);
  });
});

describe('C6, point 1: nothing is called after the module is gone, also for a read in flight', () => {
  const moments = ['fetchEvent', 'eventDelivered', 'between take and commit', 'between take and putBack'] as const;
  for (const moment of moments) {
    it(`released in ${moment}: the rest of the read, then release, then exit, then nothing`, () => {
      const { module, log } = logged();
      const context = rig({ driver: module, eventsPerRead: 4 }).afu.openContext();
      let left = 3;
      const results: number[] = [];
      const reached = (at: string): void => {
        log.push(at);
        if (at === moment) context.release();
      };
      context.setDriverOps({
        owner: module,
        fetchEvent() {
          reached('fetchEvent');
          return left-- > 0 ? { dataSize: 0, data: new Uint8Array() } : null;
        },
        eventDelivered(_context, _event, result) {
          results.push(result);
          reached('eventDelivered');
        },
      });
      context.driverEventsPending(3);
      module.retire();
      const bytes = new Uint8Array(4096);
      assert.equal(context.take(bytes, 0, 4096), 24);
      if (moment.startsWith('between')) reached(moment);
      assert.equal(module.state, 'going', 'not gone while the read is in flight');
      if (moment === 'between take and putBack') context.putBack(bytes);
      else context.commit();
      assert.equal(module.state, 'gone');
      assert.deepEqual(log.slice(-2), ['release 0', 'exit']);
      assert.deepEqual(
        results,
        Array.from({ length: 3 }, () => (moment === 'between take and putBack' ? -125 : 0)),
      );
      const calls = log.length;
      context.driverEventsPending(1);
      context.poll();
      context.take(bytes, 0, 4096);
      context.release();
      assert.equal(log.length, calls);
    });
  }
});
