import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Adapter, type Context, CxlError } from '../../src/core/index.ts';
import { asleep, Backend, blamed, codeOf, drain, rig, work } from './rig.ts';

describe('interrupts come from the pool of the adapter', () => {
  it('all slices share it: ENOSPC when it is empty, and nothing is kept by the failure', () => {
    const adapter = new Adapter({ afus: [{ backend: new Backend() }, { backend: new Backend() }] });
    const [first, second] = adapter.afus.map(afu => afu.openContext());
    first!.start(work(2000));
    assert.equal(
      codeOf(() => second!.start(work(36))),
      'ENOSPC',
    );
    assert.deepEqual([second!.status, second!.interrupts, second!.work], ['OPENED', 0, undefined]);
    second!.start(work(35));
    assert.equal(second!.interrupts, 35);
  });

  const endings: Record<string, (context: Context) => void> = {
    detach: context => context.detach(),
    release: context => context.release(),
    'detach, then release': context => {
      context.detach();
      context.release();
    },
  };
  for (const [name, end] of Object.entries(endings)) {
    it(`${name} gives them back, once`, () => {
      const { afu } = rig();
      const context = afu.openContext();
      context.start(work(2037));
      end(context);
      assert.equal(context.interrupts, 0);
      afu.openContext().start(work(2037));
      assert.equal(
        codeOf(() => afu.openContext().start(work(1))),
        'ENOSPC',
      );
    });
  }

  it('0 is legal: then no interrupt exists', () => {
    const { afu } = rig({ irqsMin: 0 });
    const context = afu.openContext();
    context.start(work(0));
    assert.equal(
      codeOf(() => context.raiseInterrupt(1)),
      'EINVAL',
    );
    assert.deepEqual(drain(context), []);
  });

  it('before the work is started there is none', () => {
    const context = rig().afu.openContext();
    assert.equal(
      codeOf(() => context.raiseInterrupt(1)),
      'EINVAL',
    );
    assert.equal(context.poll(), 0);
  });
});

describe('starting work', () => {
  it('keeps what it was started with; a second start is EIO and changes nothing', () => {
    const { afu, backend } = rig();
    const context = afu.openContext();
    const first = work(3);
    context.start(first);
    assert.equal(context.work, first);
    assert.equal(
      codeOf(() => context.start(work(9))),
      'EIO',
    );
    assert.deepEqual([context.work, context.interrupts, backend.attached], [first, 3, [0]]);
  });

  it('EBUSY while contexts are locked: the backend is not asked, the interrupts are back, a retry works', () => {
    const { adapter, afu, backend } = rig();
    const context = afu.openContext();
    adapter.contextsLocked = true;
    assert.equal(
      codeOf(() => context.start(work(2037))),
      'EBUSY',
    );
    assert.deepEqual([context.status, context.interrupts, backend.attached], ['OPENED', 0, []]);
    adapter.contextsLocked = false;
    context.start(work(2037));
    assert.equal(context.status, 'STARTED');
  });

  it('a CxlError of attach is the errno, the interrupts are back, nothing is reported, a retry works', () => {
    const { afu, backend, diagnostics } = rig();
    const context = afu.openContext();
    for (const code of ['EPERM', 'EBUSY', 'ENODEV'] as const) {
      backend.onAttach = () => {
        throw new CxlError(code, 'attach');
      };
      assert.equal(
        codeOf(() => context.start(work(2037))),
        code,
      );
      assert.deepEqual([context.status, context.interrupts, context.work], ['OPENED', 0, undefined]);
    }
    assert.deepEqual(diagnostics, []);
    backend.onAttach = () => {};
    context.start(work(2037));
    assert.equal(context.status, 'STARTED');
    assert.deepEqual(backend.detached, []);
  });

  it('anything else that attach throws is EIO with the cause, and reported once', () => {
    const { afu, backend, diagnostics } = rig();
    const context = afu.openContext();
    const bug = new TypeError('model bug');
    backend.onAttach = () => {
      throw bug;
    };
    assert.throws(() => context.start(work()), { code: 'EIO', cause: bug });
    assert.deepEqual(blamed(diagnostics), ['AFU model rig attach']);
    assert.equal(diagnostics[0]!.error, bug);
  });

  it('interrupts may be raised in attach, and are read when it succeeds', () => {
    const { afu, backend } = rig();
    const context = afu.openContext();
    backend.onAttach = () => context.raiseInterrupt(1);
    const sleeper = asleep(context);
    context.start(work());
    assert.equal(sleeper.wakes, 1);
    assert.deepEqual(drain(context), ['irq 1']);
  });

  it('a context that is released in attach is not started: the backend is told to detach', () => {
    const { afu, backend } = rig();
    const context = afu.openContext();
    backend.onAttach = () => context.release();
    codeOf(() => context.start(work(2037)));
    assert.notEqual(context.status, 'STARTED');
    assert.deepEqual(backend.detached, backend.attached);
    backend.onAttach = () => {};
    afu.openContext().start(work(2037));
  });
});
