import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Adapter, type Context, CxlError } from '../../src/core/index.ts';
import { asleep, Backend, blamed, codeOf, FetchDriver, owner, rig, startedRig, throwsBug, work } from './rig.ts';

describe('process elements', () => {
  it('the lowest free one is given, also after holes', () => {
    const { afu } = rig();
    const contexts = Array.from({ length: 6 }, () => afu.openContext());
    assert.deepEqual(
      contexts.map(context => context.pe),
      [0, 1, 2, 3, 4, 5],
    );
    for (const pe of [4, 1, 2]) contexts[pe]!.release();
    assert.deepEqual(
      [0, 0, 0, 0].map(() => afu.openContext().pe),
      [1, 2, 4, 6],
    );
  });

  it('beyond num_procs open is ENOSPC, until one is released', () => {
    const { afu } = rig({ numProcs: 3 });
    const contexts = [0, 1, 2].map(() => afu.openContext());
    assert.equal(
      codeOf(() => afu.openContext()),
      'ENOSPC',
    );
    contexts[1]!.release();
    assert.equal(afu.openContext().pe, 1);
    assert.equal(
      codeOf(() => afu.openContext()),
      'ENOSPC',
    );
  });

  it('a second open in dedicated mode is ENOSPC, not EBUSY', () => {
    const { afu } = rig({ modes: ['dedicated_process'], numProcs: 10 });
    const context = afu.openContext();
    assert.equal(
      codeOf(() => afu.openContext()),
      'ENOSPC',
    );
    context.release();
    assert.equal(afu.openContext().pe, 0);
  });

  it('a detached context keeps its process element until it is released', () => {
    const { afu } = rig({ numProcs: 1 });
    const context = afu.openContext();
    context.detach();
    assert.equal(
      codeOf(() => afu.openContext()),
      'ENOSPC',
    );
    context.release();
    assert.equal(afu.openContext().pe, 0);
  });

  it('slices number theirs independently', () => {
    const adapter = new Adapter({ afus: [{ backend: new Backend() }, { backend: new Backend() }] });
    assert.deepEqual(
      adapter.afus.map(afu => afu.openContext().pe),
      [0, 0],
    );
  });

  it('contexts lists the open ones, count counts them by status', () => {
    const { afu } = rig();
    const [, second, third] = [0, 1, 2].map(() => afu.openContext());
    second!.start(work());
    third!.detach();
    assert.deepEqual(
      (['OPENED', 'STARTED', 'CLOSED'] as const).map(status => afu.count(status)),
      [1, 1, 1],
    );
    second!.release();
    assert.deepEqual([...afu.contexts.keys()], [0, 2]);
  });
});

describe('the driver of an AFU', () => {
  it('is told of each context when it opens and when it is gone, once', () => {
    const log: string[] = [];
    const driver = {
      name: 'd',
      open: (context: Context) => void log.push(`open ${context.pe}`),
      release: (context: Context) => void log.push(`release ${context.pe} ${context.status} ${context.released}`),
    };
    const { afu } = rig({ driver });
    const context = afu.openContext();
    context.start(work());
    context.release();
    context.release();
    assert.deepEqual(log, ['open 0', 'release 0 CLOSED true']);
  });

  it('whose open refuses with a CxlError: the errno reaches the opener and the process element is free', () => {
    let refuse = true;
    const open = (context: Context): void => {
      context.setDriverOps({ owner: owner(), fetchEvent: () => null, eventDelivered() {} });
      if (refuse) throw new CxlError('EPERM', 'open');
    };
    const { afu } = rig({ driver: { name: 'd', open } });
    assert.equal(
      codeOf(() => afu.openContext()),
      'EPERM',
    );
    assert.equal(afu.contexts.size, 0);
    refuse = false;
    assert.equal(afu.openContext().pe, 0);
  });

  it('whose open throws anything else is reported once, and the process element is free (C7)', () => {
    const { afu, diagnostics } = rig({ driver: { name: 'd', open: throwsBug } });
    assert.throws(() => afu.openContext());
    assert.equal(afu.contexts.size, 0);
    assert.deepEqual(blamed(diagnostics), ['driver d open']);
  });

  it('whose release throws is reported once, and the process element is free', () => {
    const { afu, diagnostics } = rig({ driver: { name: 'd', release: throwsBug } });
    afu.openContext().release();
    assert.deepEqual(blamed(diagnostics), ['driver d release']);
    assert.equal(afu.openContext().pe, 0);
  });

  it('gets what is held back before its release hook', () => {
    const log: string[] = [];
    const { afu } = rig({ driver: { name: 'd', release: () => void log.push('release') } });
    const context = afu.openContext();
    const driver = new FetchDriver(context);
    driver.eventDelivered = (_context, _event, result) => void log.push(String(result));
    driver.post(1);
    context.poll();
    context.release();
    assert.deepEqual(log, ['-125', 'release']);
  });
});

describe('release', () => {
  it('takes the work off the AFU, wakes who waits and frees the process element', () => {
    const { afu, backend, context } = startedRig();
    const sleeper = asleep(context);
    context.release();
    assert.equal(sleeper.wakes, 1);
    assert.deepEqual([context.status, context.released, afu.contexts.size], ['CLOSED', true, 0]);
    assert.deepEqual(backend.detached, [0]);
  });

  it('of a context that was never started asks nothing of the backend', () => {
    const { afu, backend } = rig();
    afu.openContext().release();
    assert.deepEqual([backend.attached, backend.detached], [[], []]);
  });

  it('between take and commit waits for the commit', () => {
    const { context } = startedRig();
    context.raiseInterrupt(1);
    const bytes = new Uint8Array(4096);
    context.take(bytes, 0, 4096);
    context.release();
    assert.equal(context.released, false);
    context.commit();
    assert.equal(context.released, true);
  });

  it('goes to the end though the backend and the driver throw', () => {
    const { afu, backend, context, diagnostics } = startedRig();
    backend.onDetach = throwsBug;
    const driver = new FetchDriver(context);
    driver.eventDelivered = throwsBug;
    driver.post(1);
    context.poll();
    context.release();
    assert.deepEqual(blamed(diagnostics), ['AFU model rig detach', 'driver fetch eventDelivered']);
    assert.equal(afu.openContext().pe, context.pe);
  });
});
