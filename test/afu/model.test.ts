import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { afuOptions, defineAfu, type AfuModel, type ProcessElement } from '../../src/afu/index.ts';
import { Adapter, type Afu, CxlError, type Diagnostic } from '../../src/core/index.ts';
import { blamed, codeOf, drain, throwsBug, work } from '../core/rig.ts';

function afuOf(model: Partial<AfuModel>): { afu: Afu; diagnostics: Diagnostic[]; elements: ProcessElement[] } {
  const diagnostics: Diagnostic[] = [];
  const elements: ProcessElement[] = [];
  const attach = (element: ProcessElement): void => {
    elements.push(element);
    void model.attach?.(element);
  };
  const afus = [afuOptions(defineAfu({ numProcs: 8, model: { name: 'm', ...model, attach } }))];
  const adapter = new Adapter({ afus, onDiagnostic: diagnostic => void diagnostics.push(diagnostic) });
  return { afu: adapter.afus[0]!, diagnostics, elements };
}

describe('a model behind an AFU', () => {
  it('is told of the work: id, descriptor, authority mask and interrupts', () => {
    const seen: unknown[] = [];
    const { afu } = afuOf({
      attach: ({ id, workElementDescriptor, authorityMask, interrupts, attached }) =>
        void seen.push(id, workElementDescriptor, authorityMask, interrupts, attached),
    });
    afu.openContext();
    afu.openContext().start({ ...work(5), wed: 7n, amr: 9n });
    assert.deepEqual(seen, [1, 7n, 9n, 5, true]);
  });

  it('raises interrupts, faults and errors on its own context', () => {
    const { afu, elements, diagnostics } = afuOf({});
    const [first, second] = [afu.openContext(), afu.openContext()];
    first.start(work());
    second.start(work());
    elements[1]!.interrupt(1);
    elements[1]!.fault(2n, 3n);
    elements[1]!.error(4n);
    assert.deepEqual(drain(first), []);
    assert.deepEqual(drain(second), ['irq 1', 'fault 2/3', 'error 4']);
    assert.deepEqual(diagnostics, []);
  });

  it('an interrupt that the process element was not given is dropped, and reported once for each number', () => {
    const { afu, elements, diagnostics } = afuOf({});
    const context = afu.openContext();
    context.start(work());
    for (const number of [2, 2, 0, -1, 1.5]) elements[0]!.interrupt(number);
    assert.deepEqual(drain(context), []);
    assert.deepEqual(
      diagnostics.map(({ source, problem }) => `${source}: ${problem}`),
      ['2', '0', '-1', '1.5'].map(number => `AFU model m: raised interrupt ${number}, and has 1 to 1`),
    );
  });

  for (const end of ['detach', 'release'] as const) {
    it(`${end}: told once, with the element of attach; what it raises afterwards does not count, and no number throws`, () => {
      const detached: ProcessElement[] = [];
      const { afu, elements } = afuOf({ detach: element => void detached.push(element) });
      const context = afu.openContext();
      context.start(work());
      context[end]();
      context.release();
      assert.deepEqual(detached, elements);
      const [element] = elements;
      assert.equal(element!.attached, false);
      element!.interrupt(1);
      element!.interrupt(99);
      element!.fault(1n, 1n);
      element!.error(1n);
      assert.deepEqual(drain(context), []);
    });
  }

  it('is already detached when its detach is called: what it raises there does not count', () => {
    const { afu, diagnostics } = afuOf({ detach: element => element.interrupt(1) });
    const context = afu.openContext();
    context.start(work());
    context.detach();
    assert.deepEqual(drain(context), []);
    assert.deepEqual(diagnostics, []);
  });

  it('that refuses is not told of a detach, its element is detached, and a retry gets a new one', () => {
    const detached: ProcessElement[] = [];
    let refuse = true;
    const { afu, elements } = afuOf({
      attach() {
        if (refuse) throw new CxlError('EPERM', 'attach');
      },
      detach: element => void detached.push(element),
    });
    const context = afu.openContext();
    assert.equal(
      codeOf(() => context.start(work())),
      'EPERM',
    );
    assert.deepEqual([elements[0]!.attached, detached.length], [false, 0]);
    refuse = false;
    context.start(work());
    assert.notEqual(elements[1], elements[0]);
    context.release();
    assert.deepEqual(detached, [elements[1]]);
  });

  it('that throws in detach is reported by its name, and the context is CLOSED all the same', () => {
    const { afu, diagnostics } = afuOf({ detach: throwsBug });
    const context = afu.openContext();
    context.start(work());
    context.detach();
    assert.equal(context.status, 'CLOSED');
    assert.deepEqual(blamed(diagnostics), ['AFU model m detach']);
  });

  it('needs no detach', () => {
    const { afu, diagnostics } = afuOf({});
    const context = afu.openContext();
    context.start(work());
    context.release();
    assert.deepEqual(diagnostics, []);
  });

  it('link loss detaches every element', () => {
    const { afu, elements } = afuOf({});
    for (let i = 0; i < 3; i++) afu.openContext().start(work());
    afu.adapter.loseLink();
    assert.deepEqual(
      elements.map(element => element.attached),
      [false, false, false],
    );
  });
});
