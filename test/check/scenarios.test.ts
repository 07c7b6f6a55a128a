import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { checkScenario, scenarios, worldOf } from '../../src/check/index.ts';

describe('the documented scenarios', () => {
  it('have names of their own', () => {
    assert.equal(new Set(scenarios.map(({ name }) => name)).size, scenarios.length);
  });

  for (const scenario of scenarios) {
    it(`${scenario.name}: nothing is wrong in a part of it`, async () => {
      const { story, states } = await checkScenario(scenario, { walks: 20, states: 150 });
      assert.equal(story, undefined);
      assert.equal(states, 150);
    });
  }

  it('the whole of "file": its states, with and without reduction, and in another order', async () => {
    const scenario = scenarios.find(({ name }) => name === 'file')!;
    const runs = await Promise.all(
      [{}, { reduce: false }, { seed: 7 }].map(bounds => checkScenario(scenario, { ...bounds, walks: 0 })),
    );
    for (const { complete, states, story } of runs) {
      assert.deepEqual({ complete, states, story }, { complete: true, states: runs[0]!.states, story: undefined });
    }
  });

  it('commute where two contexts have nothing in common: the same states by fewer transitions', async () => {
    const scenario = {
      name: 'apart',
      summary: '',
      door: 'core',
      contexts: 2,
      readers: [
        { kind: 'blocking', calls: 2, doomed: 1 },
        { kind: 'poll', calls: 1, slot: 1 },
      ],
      hardware: { 'raises interrupt 1': 2 },
    } as const;
    const reduced = await checkScenario(scenario, {});
    const whole = await checkScenario(scenario, { reduce: false });
    assert.deepEqual([reduced.complete, reduced.states], [true, whole.states]);
    assert.ok(reduced.transitions < 0.7 * whole.transitions, `${reduced.transitions} of ${whole.transitions}`);
  });

  it('are the same each time: nothing of one world is left for the next', () => {
    for (const scenario of scenarios) {
      const [one, two] = [worldOf(scenario)(), worldOf(scenario)()];
      assert.deepEqual(one.actions, two.actions);
      assert.equal(one.enabled(), two.enabled());
    }
  });
});
