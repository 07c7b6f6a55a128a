import assert from 'node:assert/strict';
import os from 'node:os';
import { describe, it } from 'node:test';
import * as abi from '../../src/abi/index.ts';

const { CxlPsl9Dsisr, CxlPsl9DsisrStatus, CxlPslDsisr, CxlPslTfc, dsisrNames, Errno, errnoCode, errnoText } = abi;

/** Fails if two names of a table of numbers have the same one. */
function assertDistinct(table: Readonly<Record<string, number | bigint>>): void {
  const seen = new Map<number | bigint, string>();
  for (const [name, value] of Object.entries(table)) {
    assert.equal(seen.get(value), undefined, `${name} and ${seen.get(value)} are both ${value}`);
    seen.set(value, name);
  }
}

/** Fails if two names of a table of bits share one, or a name has none. */
function assertNoSharedBit(table: Readonly<Record<string, number | bigint>>): void {
  let taken = 0n;
  for (const [name, bits] of Object.entries(table)) {
    const value = BigInt(bits);
    assert.notEqual(value, 0n, `${name} has no bit`);
    assert.equal(taken & value, 0n, `${name} shares a bit with a name before it`);
    taken |= value;
  }
}

describe('names tables', () => {
  const bitTables = {
    StartWorkFlags: abi.StartWorkFlags,
    PollBits: abi.PollBits,
    OpenFlags: abi.OpenFlags,
    powerpcOpenFlags: abi.powerpcOpenFlags,
    CxlPslDsisr,
    CxlPsl9Dsisr: { ...CxlPsl9Dsisr, CO_MASK: abi.CXL_PSL9_DSISR_An_CO_MASK },
    CxlPslTfc,
    CxlMode: abi.CxlMode,
  };
  for (const [name, table] of Object.entries(bitTables)) {
    it(`${name}: no two names share a bit`, () => assertNoSharedBit(table));
  }

  it('powerpc open flags share no bit with the ones that do not differ', () => {
    assertNoSharedBit({ ...abi.OpenFlags, ...abi.powerpcOpenFlags });
  });

  const numberTables = {
    Errno,
    CxlEventType: abi.CxlEventType,
    CxlPsl9DsisrStatus,
    'both ioctl encodings': {
      ...abi.CxlIoctl,
      ...Object.fromEntries(Object.entries(abi.CxlIoctlPowerpc).map(([name, cmd]) => [`${name} on powerpc`, cmd])),
    },
  };
  for (const [name, table] of Object.entries(numberTables)) {
    it(`${name}: no two names share a number`, () => assertDistinct(table));
  }

  it('the two checks find what they look for', () => {
    assert.throws(() => assertDistinct({ a: 1, b: 2, c: 1 }), /c and a are both 1/);
    assert.throws(() => assertNoSharedBit({ a: 1, b: 6, c: 4 }), /c shares a bit/);
    assert.throws(() => assertNoSharedBit({ a: 0n }), /a has no bit/);
  });

  it('every constant in a table is exported on its own with the same value', () => {
    const exported: Readonly<Record<string, unknown>> = abi;
    const tables = [abi.StartWorkFlags, abi.PollBits, abi.OpenFlags, abi.CxlEventType, abi.CxlIoctl, abi.CxlMode];
    for (const table of tables) {
      for (const [name, value] of Object.entries(table)) assert.equal(exported[name], value, name);
    }
  });

  it('masks are the or of their flags', () => {
    const all = Object.values(abi.StartWorkFlags).reduce((sum, flag) => sum | flag, 0n);
    assert.equal(abi.CXL_START_WORK_ALL, all);
    assert.equal(abi.CXL_AI_ALL, abi.CXL_AI_NEED_HEADER);
    assert.equal(abi.CXL_AI_MAX_CHUNK_SIZE, abi.CXL_AI_BUFFER_SIZE * abi.CXL_AI_MAX_ENTRIES);
    assert.equal(abi.O_ACCMODE, abi.O_RDONLY | abi.O_WRONLY | abi.O_RDWR);
    assert.equal(abi.O_SYNC & abi.O_DSYNC, abi.O_DSYNC);
  });
});

describe('errno', () => {
  const named =
    'EAGAIN EBADF EBUSY ECANCELED EEXIST EFAULT EINTR EINVAL EIO EMSGSIZE ENODATA ENODEV ENOENT ENOMEM ENOSPC';
  const more = 'ENOSYS ENOTCONN ENOTTY ENXIO EPERM EPROTO ESTALE';
  it('has every error that the fact sheet and the design name', () => {
    for (const code of `${named} ${more}`.split(' ')) assert.ok(code in Errno, code);
  });

  it('has a code and a text for each number, in one style', () => {
    for (const [name, number] of Object.entries(Errno)) {
      const code = errnoCode(number);
      assert.equal(code, name);
      assert.ok(code !== undefined);
      assert.equal(errnoCode(-number), code, 'as the kernel returns it');
      assert.match(errnoText(code), /^[a-z].*[^.]$/);
    }
    const number: 5 = Errno.EIO;
    assert.equal(number, 5);
    assert.ok(Object.isFrozen(Errno));
  });

  it('knows nothing of other numbers', () => {
    for (const number of [0, 41, 512, 4096, 1.5, Number.NaN]) assert.equal(errnoCode(number), undefined);
  });

  it('agrees with Node', { skip: process.platform !== 'linux' && 'numbers of another system' }, () => {
    const known: Readonly<Record<string, number>> = os.constants.errno;
    let compared = 0;
    for (const [code, number] of Object.entries(Errno)) {
      if (known[code] === undefined) continue;
      assert.equal(number, known[code], code);
      compared++;
    }
    assert.ok(compared > 40);
  });
});

describe('poll and open', () => {
  it('a poll mask has a text', () => {
    assert.equal(abi.pollText(0), '0');
    assert.equal(abi.pollText(abi.POLLIN | abi.POLLRDNORM), 'POLLIN|POLLRDNORM');
    assert.equal(abi.pollText(abi.POLLERR | 0x8000), 'POLLERR|0x8000');
    assert.equal(abi.pollText(-0x80000000), '0x80000000');
  });
});

describe('dsisr', () => {
  it('has the values of the fact sheet', () => {
    // PSL8: DS to OC from bit 63 down.
    const high = ['DS', 'DM', 'ST', 'UR', 'PE', 'AE', 'OC'];
    for (const [at, name] of high.entries()) assert.deepEqual(dsisrNames(1n << BigInt(63 - at), 8), [name]);
    const low: [bigint, string][] = [
      [0x40000000n, 'M'],
      [0x08000000n, 'P'],
      [0x04000000n, 'A'],
      [0x02000000n, 'S'],
      [0x00200000n, 'K'],
    ];
    for (const [bit, name] of low) assert.deepEqual(dsisrNames(bit, 8), [name]);
    // PSL9: TF to OC from bit 60 down.
    for (const [at, name] of ['PE', 'AE', 'OC'].entries()) {
      assert.deepEqual(dsisrNames(1n << BigInt(59 - at), 9), [name]);
    }
    assert.deepEqual(dsisrNames(0x02000000n, 9), ['S']);
    const statuses: [bigint, string][] = [
      [0x80n, 'SF'],
      [0x88n, 'PF_SLR'],
      [0x8cn, 'PF_RGC'],
      [0x90n, 'PF_RGP'],
      [0x94n, 'PF_HRH'],
      [0x9cn, 'PF_STEG'],
      [0xb4n, 'URTCH'],
      [0x81n, 'status 0x81'],
    ];
    for (const [status, name] of statuses) assert.deepEqual(dsisrNames((1n << 60n) | status, 9), ['TF', name]);
  });

  it('a store to a missing page reads as such', () => {
    assert.deepEqual(dsisrNames(0x4000_0000_4200_0000n, 8), ['DM', 'M', 'S']);
    assert.deepEqual(dsisrNames(0x1000_0000_0200_0088n, 9), ['TF', 'S', 'PF_SLR']);
    assert.deepEqual(dsisrNames(0n, 8), []);
    assert.deepEqual(dsisrNames(0n, 9), []);
  });

  it('undefined parts are left out, unnamed bits are shown', () => {
    assert.deepEqual(dsisrNames(0x8000_0000_ffff_ffffn, 8), ['DS']);
    assert.deepEqual(dsisrNames(0x0800_0000_0000_0088n, 9), ['PE']);
    assert.deepEqual(dsisrNames(0x4000_0000_0000_0101n, 8), ['DM', '0x101']);
    assert.deepEqual(dsisrNames(0x9000_0000_0000_0088n, 9), ['TF', '0x8000000000000000', 'PF_SLR']);
  });

  it('TFC bits are A, C, AE, R from bit 35 down', () => {
    for (const [at, name] of ['A', 'C', 'AE', 'R'].entries()) {
      assert.deepEqual(abi.tfcNames(1n << BigInt(35 - at)), [name]);
    }
  });
});
