import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { met, ratioOf, type Row } from '../../bench/measure.ts';
import { ratiosOf, spreadOf } from '../../bench/statistics.ts';

describe('spread', () => {
  it('has the middle value, whatever the order', () => {
    assert.equal(spreadOf([3, 1, 2]).median, 2);
    assert.equal(spreadOf([4, 1, 3, 2]).median, 2.5);
  });

  it('leaves the lowest and the highest tenth out, and nothing of fewer than eleven values', () => {
    const { p10, p90 } = spreadOf([11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6]);
    assert.deepEqual([p10, p90], [2, 10]);
    const few = spreadOf([5, 1, 3]);
    assert.deepEqual([few.p10, few.p90], [1, 5]);
  });

  it('keeps the values in the order in which they came', () => {
    assert.deepEqual(spreadOf([3, 1, 2]).values, [3, 1, 2]);
  });

  it('is of at least one value', () => {
    assert.throws(() => spreadOf([]), RangeError);
  });
});

describe('ratio', () => {
  it('is taken round by round, so that a slow round is slow for both', () => {
    const { median, p10, p90 } = ratiosOf(spreadOf([10, 40, 20]), spreadOf([5, 20, 10]));
    assert.deepEqual([median, p10, p90], [2, 2, 2]);
  });

  it('is that of the medians where rounds have no partner', () => {
    assert.equal(ratiosOf(spreadOf([10, 20, 30]), spreadOf([5])).median, 4);
  });
});

const row = (bar: Row['bar']): Row => ({ title: '', unit: 'ns', own: spreadOf([60]), other: spreadOf([30]), bar });

describe('bar', () => {
  it('is met by our own median, or by the ratio', () => {
    assert.equal(met(row({ of: 'own', bound: 'at most', value: 60 })), true);
    assert.equal(met(row({ of: 'own', bound: 'at most', value: 59 })), false);
    assert.equal(met(row({ of: 'ratio', bound: 'at most', value: 1.9 })), false);
    assert.equal(met(row({ of: 'ratio', bound: 'at least', value: 2 })), true);
  });

  it('is neither met nor missed where there is none', () => {
    assert.equal(met(row(undefined)), undefined);
    assert.equal(ratioOf({ title: '', unit: 'ns', own: spreadOf([1]) }), undefined);
  });
});
