/* A storm is worth what its accounts are: each thing that can be wrong is found, and what is right is not. */
import assert from 'node:assert/strict';
import { constants } from 'node:os';
import { describe, it } from 'node:test';

import { audit, type Ledger } from '../../storm/account.ts';
import { What, type Entry } from '../../storm/log.ts';
import type { ContextState } from '../../storm/protocol.ts';

const { EIO, ENOTCONN } = constants.errno;

const entry = (what: number, value: number, more: Partial<Entry> = {}): Entry => ({
  what,
  value,
  pid: 10,
  tid: 10,
  pe: 0,
  ns: 1000n,
  ...more,
});
const other = { pid: 11, tid: 11 };

/** Two readers who share five driver events, an interrupt, a fault and an error. */
const good: readonly Entry[] = [
  entry(What.born, 0),
  entry(What.born, 0, other),
  entry(What.driver, 1),
  entry(What.driver, 3),
  entry(What.driver, 2, other),
  entry(What.interrupt, 4, other),
  entry(What.fault, 2),
  entry(What.error, 1),
  entry(What.driver, 4, other),
  entry(What.driver, 5),
  entry(What.ended, EIO),
  entry(What.ended, EIO, other),
];

const state: ContextState = {
  afu: 0,
  pe: 0,
  posted: 5,
  raised: {
    'interrupt 4': { count: 2, last: '900' },
    fault: { count: 2, last: '900' },
    error: { count: 2, last: '900' },
  },
  pending: false,
  counters: { raised: 11, coalesced: 3, delivered: 8, kept: 0, dropped: 0 },
};

const ledger = (more: Partial<Ledger> = {}): Ledger => ({
  pe: 0,
  entries: good,
  state,
  ordered: 5,
  killed: new Set(),
  mayMiss: 0,
  endings: [EIO],
  ...more,
});

const without = (what: number, value: number): Entry[] =>
  good.filter(each => each.what !== what || each.value !== value);
const instead = (what: number, value: number, by: Partial<Entry>): Entry[] =>
  good.map(each => (each.what === what && each.value === value ? { ...each, ...by } : each));
const counters = (more: Partial<ContextState['counters']>): ContextState => ({
  ...state,
  counters: { ...state.counters, ...more },
});

const wrong: readonly (readonly [string, Partial<Ledger>, RegExp])[] = [
  ['a driver event is missing', { entries: without(What.driver, 2) }, /1 events are missed.*driver events 2$/m],
  ['the last driver event is missing', { entries: without(What.driver, 5) }, /driver events 5$/m],
  ['a driver event came twice', { entries: [...good, entry(What.driver, 5, other)] }, /driver event 5 was repeated/],
  ['one reader got them out of order', { entries: instead(What.driver, 1, { value: 4 }) }, /event 3 came after 4 to/],
  ['a driver event that nobody posted', { entries: [...good, entry(What.driver, 6)] }, /event 6 was never posted/],
  ['an interrupt that nobody raised', { entries: [...good, entry(What.interrupt, 5)] }, /interrupt 5 was read 1 times/],
  [
    'an interrupt is not read after it was raised',
    { entries: instead(What.interrupt, 4, { ns: 800n }) },
    /interrupt 4/,
  ],
  ['a fault is not read', { entries: without(What.fault, 2) }, /fault was not read since/],
  ['an error is not read', { entries: without(What.error, 1) }, /error was not read since/],
  ['an event of another context', { entries: instead(What.fault, 2, { pe: 1 }) }, /process element 1 came to 0/],
  ['a reader did not end', { entries: good.slice(0, -1) }, /process 11 thread 11 did not end/],
  ['a reader ended badly', { entries: instead(What.ended, EIO, { value: 22 }) }, /ended with errno 22/],
  ['a reader met an errno', { entries: [...good, entry(What.trouble, 14)] }, /thread 10: errno 14/],
  ['something is pending', { state: { ...state, pending: true } }, /still pending/],
  ['the server dropped something', { state: counters({ dropped: 1 }) }, /dropped 1 events/],
  ['the counters do not add up', { state: counters({ raised: 12 }) }, /do not add up/],
  ['the server delivered more than was read', { state: counters({ raised: 12, delivered: 9 }) }, /delivered 9 events/],
  [
    'more is missing than the killed can have',
    {
      entries: good.filter(({ what, value }) => what !== What.driver || value < 4),
      killed: new Set([11]),
      mayMiss: 1,
    },
    /2 events are missed, of which the killed may have 1/,
  ],
  [
    'a hole before what a killed server gave last',
    { entries: instead(What.ended, EIO, { value: ENOTCONN }).filter(({ value }) => value !== 2), state: undefined },
    /1 events are missed/,
  ],
];

describe('the accounts of a storm', () => {
  it('find nothing where nothing is wrong', () => {
    assert.deepEqual(audit(ledger()), { delivered: 8, missed: 0, threads: 2, problems: [] });
  });

  it('allow each killed reader its one event, and no end', () => {
    const entries = without(What.driver, 2).filter(({ what, pid }) => what !== What.ended || pid !== 11);
    const audited = audit(ledger({ entries, killed: new Set([11]), mayMiss: 1 }));
    assert.deepEqual(audited, { delivered: 7, missed: 1, threads: 2, problems: [] });
  });

  it('allow a killed server to take along what was not read yet', () => {
    const entries = without(What.driver, 5).map(each =>
      each.what === What.ended ? { ...each, value: ENOTCONN } : each,
    );
    assert.deepEqual(audit(ledger({ entries, state: undefined, endings: [ENOTCONN] })).problems, []);
  });

  for (const [what, more, said] of wrong) {
    it(`find that ${what}`, () => assert.match(audit(ledger(more)).problems.join('\n'), said));
  }
});
