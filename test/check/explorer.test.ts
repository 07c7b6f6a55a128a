import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { attempt, explore, Fingerprint, shrink } from '../../src/check/index.ts';
import { NEW, StateSet } from '../../src/check/fingerprint.ts';
import { Counters, Word } from './toys.ts';

const makers = {
  sum: () => new Counters(3, 3, values => values.reduce((sum, value) => sum + value) === 7),
  atEnd: () => new Counters(2, 3, undefined, values => values.join() === '1,2'),
  pair: () => new Counters(3, 3, values => values[0] === 1 && values[2] === 2),
  word: () => new Word('ab'),
};

function printOf(...values: number[]): Fingerprint {
  const print = new Fingerprint();
  for (const value of values) print.add(value);
  return print;
}

describe('the explorer', () => {
  for (const [count, limit] of [
    [1, 5],
    [2, 3],
    [3, 4],
    [4, 3],
  ] as const) {
    it(`sees each of the ${(limit + 1) ** count} states of ${count} counters to ${limit}, with and without reduction`, async () => {
      const make = () => new Counters(count, limit);
      const reduced = await explore(make);
      const whole = await explore(make, { reduce: false });
      for (const { states, complete, deepest, found } of [reduced, whole]) {
        assert.deepEqual(
          { states, complete, deepest, found },
          {
            states: (limit + 1) ** count,
            complete: true,
            deepest: count * limit,
            found: undefined,
          },
        );
      }
      if (count > 1)
        assert.ok(reduced.transitions < whole.transitions, `${reduced.transitions} of ${whole.transitions}`);
    });
  }

  it('sees each of the 121 words of up to 4 letters out of 3', async () => {
    const { states, complete } = await explore(() => new Word());
    assert.deepEqual({ states, complete }, { states: 1 + 3 + 9 + 27 + 81, complete: true });
  });

  it('finds the same violations with and without reduction, whatever the seed', async () => {
    for (const wrong of [
      [2, 0, 3],
      [0, 0, 1],
      [3, 3, 3],
      [4, 0, 0],
    ]) {
      const make = () => new Counters(3, 3, values => values.join() === wrong.join());
      for (const seed of [0, 1, 2]) {
        const [reduced, whole] = [await explore(make, { seed }), await explore(make, { seed, reduce: false })];
        assert.equal(reduced.found?.violation.text, whole.found?.violation.text);
        assert.equal(reduced.found?.violation.text, wrong.includes(4) ? undefined : wrong.join());
      }
    }
  });

  it('finds by walking about what a walk comes by', async () => {
    const { found, walks, states } = await explore(() => new Word('aaaa'), { walks: 1000, seed: 5 });
    assert.ok(found && walks > 0 && walks <= 1000);
    assert.equal(states, 0);
  });

  it('keeps to --depth, and then sees all that is so short', async () => {
    const { states, complete, deepest } = await explore(() => new Word(), { depth: 2 });
    assert.deepEqual({ states, complete, deepest }, { states: 13, complete: false, deepest: 2 });
    const counted = await explore(() => new Counters(2, 9), { depth: 3 });
    assert.deepEqual([counted.states, counted.complete], [10, false]);
  });

  it('keeps to --time and to a number of states', async () => {
    const began = performance.now();
    const { complete } = await explore(() => new Counters(8, 9), { timeMs: 50 });
    assert.equal(complete, false);
    assert.ok(performance.now() - began < 2000);
    const few = await explore(() => new Counters(8, 9), { states: 100 });
    assert.deepEqual([few.states, few.complete], [100, false]);
  });

  it('does the same for the same seed and another for another', async () => {
    const make = makers.sum;
    const traces = await Promise.all(
      [1, 1, 2, 3].map(async seed => (await explore(make, { seed })).found!.trace.join()),
    );
    assert.equal(traces[0], traces[1]);
    assert.ok(new Set(traces).size > 1);
  });

  it('ends every path, and with endAll every state', async () => {
    const make = makers.atEnd;
    assert.equal((await explore(make)).found, undefined, 'no path ends there');
    const { found } = await explore(make, { endAll: true });
    assert.deepEqual([found?.atEnd, found?.violation.text, found?.trace.length], [true, '1,2', 3]);
  });
});

describe('shrinking', () => {
  it('gives a shortest trace, and says so', async () => {
    const make = makers.pair;
    const { found } = await explore(make, { walks: 10, seed: 3 });
    const shrunk = await shrink(make, found!);
    assert.deepEqual([shrunk.trace.length, shrunk.shortest, shrunk.violation.text], [3, true, '1,0,2']);
  });

  it('finds one that is no part of the trace that was found', async () => {
    // Reached by "ccc" first, though "ab" does it too.
    const make = makers.word;
    const found = { trace: [2, 2, 0, 1], violation: { invariant: 'C1', text: '' }, atEnd: false } as const;
    assert.deepEqual((await shrink(make, found)).trace, [0, 1]);
  });

  it('leaves out what cannot be done', async () => {
    const { trace, violation } = await attempt(() => new Word('b'), [0, 0, 1, 2], false);
    assert.deepEqual([trace, violation?.text], [[0, 0, 1], 'aab']);
  });
});

describe('the set of states', () => {
  it('tells 200,000 states apart, also those that differ little', () => {
    const set = new StateSet();
    for (let i = 0; i < 200_000; i++) assert.equal(set.visit(printOf(i % 7, i, 0), 0, 0, false), NEW);
    assert.equal(set.size, 200_000);
    for (let i = 0; i < 200_000; i += 101) assert.notEqual(set.visit(printOf(i % 7, i, 0), 0, 0, false), NEW);
    assert.equal(set.size, 200_000);
  });

  it('depends on order and number', () => {
    const keys = [printOf(1, 2), printOf(2, 1), printOf(1, 2, 0), printOf(0, 1, 2)].map(
      ({ high, low }) => `${high},${low}`,
    );
    assert.equal(new Set(keys).size, 4);
  });

  it('remembers what was asleep at every visit', () => {
    const set = new StateSet();
    assert.equal(set.visit(printOf(1), 0b110, 0, false), NEW);
    assert.equal(set.visit(printOf(1), 0b010, 0, false), 0b100);
    assert.equal(set.visit(printOf(1), 0b010, 0, false), 0);
    assert.equal(set.visit(printOf(1), 0, 0, false), 0b010);
  });
});
