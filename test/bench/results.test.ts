import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { judge } from '../../bench/check.ts';
import type { Machine } from '../../bench/machine.ts';
import type { Measure, Row } from '../../bench/measure.ts';
import { runtimeDependencies } from '../../bench/package-facts.ts';
import { checkTable, forKeeping, forPeople } from '../../bench/report.ts';
import { formatKept, keptRows, parseKept, type Result } from '../../bench/results.ts';
import { spreadOf } from '../../bench/statistics.ts';

const machine: Machine = {
  cpu: 'CPU',
  cpus: 2,
  memoryMiB: 1024,
  kernel: 'Linux 6',
  virtual: true,
  node: 'v20',
  date: '2026-01-01',
  commit: 'abc1234',
  load: 0,
};
const rows: readonly Row[] = [
  {
    title: 'read',
    unit: 'ns',
    own: spreadOf([3000, 1000, 2000]),
    other: spreadOf([1500, 500, 1000]),
    against: 'C',
    bar: { of: 'ratio', bound: 'at most', value: 1.5 },
    limit: 'A wake-up costs what it costs.',
    note: 'On one core.',
  },
  { title: 'size', unit: 'bytes', own: spreadOf([70_000]), limit: 'Of nothing.' },
];
const measure: Measure = {
  name: 'p2',
  title: 'device file',
  bar: 'at most 1.5',
  how: 'By turns.',
  needs: [],
  rounds: 3,
  run: async () => [...rows],
};
const results: readonly Result[] = [{ measure, rows }];

describe('results.json', () => {
  it('comes back as it was written', () => {
    const kept = parseKept(formatKept(results, machine, 'npm run bench -- --write'));
    assert.deepEqual(kept.machine, machine);
    assert.deepEqual(kept.rows, keptRows(results));
    assert.deepEqual(kept.rows[0], {
      measure: 'p2',
      title: 'read',
      against: 'C',
      unit: 'ns',
      own: { median: 2000, p10: 1000, p90: 3000 },
      other: { median: 1000, p10: 500, p90: 1500 },
      ratio: { median: 2, p10: 2, p90: 2 },
      bar: { of: 'ratio', bound: 'at most', value: 1.5 },
      met: false,
      limit: 'A wake-up costs what it costs.',
    });
  });

  it('is not taken for what it is not', () => {
    for (const text of ['null', '{}', '{"version":2,"rows":[]}', '[', '{"version":1}']) {
      assert.throws(() => parseKept(text), Error, text);
    }
  });

  it('judges a run like the one that wrote it as before', () => {
    const now = keptRows(results);
    assert.deepEqual(
      judge(now, now, ['p2']).map(({ verdict }) => verdict),
      ['as before'],
    );
  });
});

describe('tables', () => {
  it('have a line for each row, and below them what limits a bar that is not met', () => {
    const text = forPeople(results, machine);
    assert.match(
      text,
      /p2 +\| read +\| 2\.00 µs \(1\.00 µs to 3\.00 µs\) +\| C: .*\| 2\.00 +\| ≤ ratio 1\.5 +\| NOT met \[1\] \[2\]/,
    );
    assert.match(text, /^1\. A wake-up costs what it costs\.\n2\. On one core\.$/m);
    assert.match(text, /p2 +\| size +\| 68\.4 KiB/);
    assert.doesNotMatch(text, /Of nothing/);
  });

  it('are kept with how they were made', () => {
    const text = forKeeping(results, machine, 'npm run bench -- --write');
    assert.match(text, /^## P2: device file$/m);
    assert.match(text, /By turns\./);
    assert.match(text, /commit abc1234/);
  });

  it('of a check begin with what got worse', () => {
    const now = keptRows(results);
    const [read] = now;
    const worse = { ...read!, title: 'poll', ratio: { median: 9, p10: 9, p90: 9 } };
    const before = [read!, { ...worse, ratio: { median: 1, p10: 1, p90: 1 } }];
    const text = checkTable(judge(before, [read!, worse], ['p2']), machine);
    assert.ok(text.indexOf('WORSE') < text.indexOf('as before'), text);
    assert.match(text, /1 of 2 rows/);
  });
});

describe('packages needed at run time', () => {
  it('are those that fit the platform, with theirs, and no other', () => {
    const lock = {
      packages: {
        '': { dependencies: { a: '1' }, devDependencies: { tool: '1' } },
        'node_modules/a': { dependencies: { b: '1' }, optionalDependencies: { 'a-linux': '1', 'a-mac': '1' } },
        'node_modules/a-linux': { os: ['linux'], cpu: ['x64'] },
        'node_modules/a-mac': { os: ['darwin'] },
        'node_modules/b': { dependencies: { a: '1' } },
        'node_modules/tool': {},
      },
    };
    assert.deepEqual(runtimeDependencies(lock, 'linux', 'x64'), ['a', 'b', 'a-linux']);
  });
});
