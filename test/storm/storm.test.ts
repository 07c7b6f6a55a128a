/* The short form of `npm run storm`: two rounds of each kind, the same each time. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';

import { StormFailure } from '../../storm/failure.ts';
import { kinds } from '../../storm/kinds.ts';
import { Stage } from '../../storm/stage.ts';
import { oneRound } from '../../storm/storm.ts';
import { any, noCompiler, noFuse } from '../support/needs.ts';

const SEED = 20_151;
const ROUNDS = 2;

describe(
  'a storm on the real mount: nothing missed or repeated, nobody stuck',
  { skip: any(noFuse(), noCompiler()) },
  () => {
    let stage: Stage;

    before(async () => {
      stage = new Stage();
      await stage.serve();
    });
    after(() => stage.end());

    for (const [index, kind] of kinds.entries()) {
      it(`${kind.name}: ${kind.title}`, async () => {
        for (let round = 0; round < ROUNDS; round++) {
          try {
            const { delivered } = await oneRound(stage, kind, SEED + index * ROUNDS + round);
            assert.ok(delivered > 0, 'readers got something');
          } catch (error) {
            // The runner shows a message, not its details.
            if (error instanceof StormFailure) assert.fail([error.message, ...error.details].join('\n'));
            throw error;
          }
        }
      });
    }
  },
);
