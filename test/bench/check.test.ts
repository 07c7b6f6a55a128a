import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { judge, nameOf, TOLERANCE, type Verdict } from '../../bench/check.ts';
import type { Unit } from '../../bench/measure.ts';
import type { KeptRow, Summary } from '../../bench/results.ts';

const same = (value: number): Summary => ({ median: value, p10: value, p90: value });

function row(title: string, ratio: Summary | undefined, more: { unit?: Unit; measure?: string } = {}): KeptRow {
  const { unit = 'ns', measure = 'p2' } = more;
  return { measure, title, against: 'C', unit, own: same(100), ...(ratio ? { ratio } : {}) };
}

/** What becomes of one row whose ratio was `committed` and has the median `now`. */
function verdict(committed: Summary, now: number, unit: Unit = 'ns'): Verdict {
  const [judgement] = judge([row('read', committed, { unit })], [row('read', same(now), { unit })], ['p2']);
  return judgement!.verdict;
}

const committed: Summary = { median: 1, p10: 0.9, p90: 1.2 };

describe('bench --check', () => {
  it('takes a ratio within the committed spread as it was', () => {
    assert.equal(verdict(committed, 1.2), 'as before');
    assert.equal(verdict(committed, 0.9), 'as before');
  });

  it('takes a ratio beyond the spread, but within the tolerance, as it was', () => {
    assert.equal(verdict(committed, 1.2 * (1 + TOLERANCE) - 0.001), 'as before');
    assert.equal(verdict(committed, 0.9 / (1 + TOLERANCE) + 0.001), 'as before');
  });

  it('finds a ratio worse that is beyond both', () => {
    assert.equal(verdict(committed, 1.2 * (1 + TOLERANCE) + 0.001), 'WORSE');
  });

  it('says what is better', () => {
    assert.equal(verdict(committed, 0.8), 'better');
  });

  it('takes fewer events per second, not more, as worse', () => {
    assert.equal(verdict(committed, 0.8, 'events/s'), 'WORSE');
    assert.equal(verdict(committed, 1.4, 'events/s'), 'better');
    assert.equal(verdict(committed, 0.9, 'events/s'), 'as before');
  });

  it('does not judge times', () => {
    const slow: KeptRow = { ...row('serve', undefined), own: same(100_000) };
    assert.deepEqual(judge([row('serve', undefined)], [slow], ['p2']), []);
  });

  it('shows new and missing rows, and fails neither', () => {
    const found = judge([row('two cores', same(1))], [row('same core', same(1))], ['p2']);
    assert.deepEqual(
      found.map(({ row: { title }, verdict }) => [title, verdict]),
      [
        ['same core', 'new'],
        ['two cores', 'missing'],
      ],
    );
  });

  it('misses nothing of a measure that was not run', () => {
    assert.deepEqual(judge([row('read', same(1), { measure: 'p1' })], [], ['p2']), []);
  });

  it('tells rows apart by what they are compared with', () => {
    assert.notEqual(nameOf(row('read', undefined)), nameOf({ ...row('read', undefined), against: 'RxJS' }));
  });
});
