import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CXL_IOCTL_START_WORK,
  CXL_START_WORK_ALL,
  CXL_START_WORK_AMR,
  CXL_START_WORK_ERR_FF,
  CXL_START_WORK_NUM_IRQS,
  CXL_START_WORK_TID,
  StartWork,
} from '../../src/abi/index.ts';
import { CxlError } from '../../src/core/index.ts';
import { IoctlTable } from '../../src/file/index.ts';
import { codeOf, work } from '../core/rig.ts';
import { interrupts, openRig, type OpenRig, startWorkBytes } from './files.ts';

const table = new IoctlTable();
const copyFails = (): never => {
  throw new CxlError('EFAULT', 'ioctl');
};
const refuse = (): never => {
  throw new CxlError('EPERM', 'attach');
};

function startWork(
  { context }: OpenRig,
  argument: Uint8Array,
  copyBack?: (argument: Uint8Array) => void,
): string | undefined {
  return codeOf(() => table.call(context, CXL_IOCTL_START_WORK, argument, { pid: 7, copyBack }));
}

/** One row of the kernel's order of checks: what makes it fail, and with what. */
interface Check {
  readonly name: string;
  readonly code: string;
  /** Brings the context or its adapter into the state that fails. */
  readonly state?: (rig: OpenRig) => void;
  /** Makes the argument fail. */
  readonly argument?: Partial<StartWork>;
  /** Bytes of the argument. */
  readonly short?: boolean;
}

const LINK_DOWN = 'link down';
const checks: readonly Check[] = [
  { name: 'CLOSED', code: 'EIO', state: ({ context }) => context.detach() },
  { name: LINK_DOWN, code: 'EIO', state: ({ adapter }) => adapter.loseLink() },
  { name: 'a short argument', code: 'EFAULT', short: true },
  { name: 'started already', code: 'EIO', state: ({ context }) => context.start(work(4)) },
  { name: 'a reserved field', code: 'EINVAL', argument: { reserved3: 1n } },
  { name: 'an unknown flag', code: 'EINVAL', argument: { flags: CXL_START_WORK_ALL + 1n } },
  { name: 'too many interrupts', code: 'EINVAL', argument: interrupts(101) },
  {
    name: 'no interrupts left',
    code: 'ENOSPC',
    state: ({ afu }) => {
      for (const count of [100, 10, 1]) while (!codeOf(() => afu.openContext().start(work(count))));
    },
  },
  { name: 'adapter being reset', code: 'EBUSY', state: ({ adapter }) => (adapter.contextsLocked = true) },
  {
    name: 'attach refused',
    code: 'EPERM',
    state: ({ backend }) => {
      backend.onAttach = refuse;
    },
  },
];

describe('START_WORK checks in the kernel order: the earlier of two failures is the errno', () => {
  for (const check of checks) {
    it(`${check.name} alone is ${check.code}`, () => {
      assert.equal(failing(check), check.code);
    });
  }
  checks.forEach((earlier, i) => {
    for (const later of checks.slice(i + 1)) {
      // Two checks with one errno say nothing of their order.
      if (earlier.code === later.code) continue;
      it(`${earlier.name} (${earlier.code}) before ${later.name} (${later.code})`, () => {
        assert.equal(failing(earlier, later), earlier.code);
      });
    }
  });

  it('the write-back of the thread id comes last: after a refused attach its failure is not reached', () => {
    const rig = openRig();
    rig.backend.onAttach = refuse;
    assert.equal(startWork(rig, startWorkBytes({ flags: CXL_START_WORK_TID }), copyFails), 'EPERM');
  });
});

/** Fails all of the given checks at once; a link is lost last, since without it no other state can be made. */
function failing(...failures: readonly Check[]): string | undefined {
  const rig = openRig({ irqsMax: 100, irqsMin: 1 });
  const states = failures.toSorted((a, b) => Number(a.name === LINK_DOWN) - Number(b.name === LINK_DOWN));
  for (const { state } of states) state?.(rig);
  const flags = failures.reduce((all, { argument }) => all | (argument?.flags ?? 0n), 0n);
  const fields: Partial<StartWork> = Object.assign({}, ...failures.map(({ argument }) => argument), { flags });
  const bytes = startWorkBytes(fields);
  const { status } = rig.context;
  const code = startWork(rig, failures.some(({ short }) => short) ? bytes.subarray(0, 63) : bytes);
  assert.equal(rig.context.status, status, 'the status changed');
  return code;
}

describe('START_WORK fields', () => {
  for (const field of ['reserved1', 'reserved2', 'reserved3', 'reserved4', 'reserved5'] as const) {
    it(`${field} other than 0 is EINVAL, also negative and in its top bit alone`, () => {
      const values = field === 'reserved1' ? [1, -1, -0x80000000] : [1n, 1n << 63n];
      for (const value of values) assert.equal(startWork(openRig(), startWorkBytes({ [field]: value })), 'EINVAL');
    });
  }

  it('every unknown flag is EINVAL, every known one is not', () => {
    for (let bit = 0n; bit < 64n; bit++) {
      const flags = 1n << bit;
      const code = startWork(openRig(), startWorkBytes({ flags, numInterrupts: 1 }));
      assert.equal(code, bit < 4n ? undefined : 'EINVAL', `bit ${bit}`);
    }
  });

  it('tid is not looked at', () => {
    assert.equal(startWork(openRig(), startWorkBytes({ tid: 0xffff })), undefined);
  });

  const counts: [number, number | 'EINVAL'][] = [
    [-32768, 'EINVAL'],
    [-1, 'EINVAL'],
    [0, 'EINVAL'],
    [3, 'EINVAL'],
    [4, 4],
    [9, 9],
    [10, 'EINVAL'],
    [32767, 'EINVAL'],
  ];
  for (const [count, expected] of counts) {
    it(`NUM_IRQS ${count} where 4 to 9 are allowed: ${expected}`, () => {
      const rig = openRig({ irqsMin: 4, irqsMax: 9 });
      const code = startWork(rig, startWorkBytes(interrupts(count)));
      assert.equal(code ?? rig.context.interrupts, expected);
    });
  }

  it('without NUM_IRQS num_interrupts is not looked at and irqs_min are given', () => {
    const rig = openRig({ irqsMin: 4, irqsMax: 9 });
    assert.equal(startWork(rig, startWorkBytes({ numInterrupts: -5 })), undefined);
    assert.equal(rig.context.interrupts, 4);
  });

  it('NUM_IRQS 0 is legal where irqs_min is 0', () => {
    const rig = openRig({ irqsMin: 0 });
    assert.equal(startWork(rig, startWorkBytes(interrupts(0))), undefined);
    assert.equal(rig.context.interrupts, 0);
  });

  it('amr counts only with its flag; wed, ERR_FF and the calling pid reach the AFU', () => {
    const wed = 0xfedc_ba98_7654_3210n;
    const rows = [
      [0n, 0n, false],
      [CXL_START_WORK_AMR, 5n, false],
      [CXL_START_WORK_ERR_FF, 0n, true],
      [CXL_START_WORK_ALL, 5n, true],
    ] as const;
    for (const [flags, amr, mmioErrorsAllOnes] of rows) {
      const rig = openRig();
      const argument = startWorkBytes({ flags, amr: 5n, workElementDescriptor: wed, numInterrupts: 1 });
      assert.equal(startWork(rig, argument), undefined);
      assert.deepEqual(rig.context.work, { wed, amr, interrupts: 1, mmioErrorsAllOnes, pid: 7, memory: undefined });
    }
  });
});

describe('START_WORK and its thread id', () => {
  it('with TID the whole structure is copied back with tid 0', () => {
    const rig = openRig();
    const given = { flags: CXL_START_WORK_TID | CXL_START_WORK_NUM_IRQS, numInterrupts: 2, tid: 9, amr: 3n };
    let copied: StartWork | undefined;
    const argument = startWorkBytes(given);
    assert.equal(
      startWork(rig, argument, bytes => {
        assert.equal(bytes.length, 64);
        assert.equal(rig.context.status, 'STARTED');
        copied = StartWork.decode(bytes);
      }),
      undefined,
    );
    assert.deepEqual(copied, StartWork.decode(startWorkBytes({ ...given, tid: 0 })));
    assert.equal(StartWork.decode(argument).tid, 0);
  });

  it('without TID nothing is copied back', () => {
    assert.equal(startWork(openRig(), startWorkBytes({ tid: 9 }), copyFails), undefined);
  });

  it('a copy back that fails is EFAULT although the work is STARTED', () => {
    const rig = openRig();
    assert.equal(startWork(rig, startWorkBytes({ flags: CXL_START_WORK_TID }), copyFails), 'EFAULT');
    assert.equal(rig.context.status, 'STARTED');
    assert.deepEqual(rig.backend.detached, []);
    assert.equal(startWork(rig, startWorkBytes()), 'EIO');
  });
});

describe('startWork of a file', () => {
  it('asks for what its options say and nothing else', () => {
    const all = openRig();
    all.file.startWork({ wed: 5n, numInterrupts: 3, amr: 6n, errorsAllOnes: true });
    assert.deepEqual(all.context.work, {
      wed: 5n,
      amr: 6n,
      interrupts: 3,
      mmioErrorsAllOnes: true,
      pid: 0,
      memory: undefined,
    });
    const none = openRig({ irqsMin: 2 });
    none.file.startWork();
    assert.deepEqual(none.context.work, {
      wed: 0n,
      amr: 0n,
      interrupts: 2,
      mmioErrorsAllOnes: false,
      pid: 0,
      memory: undefined,
    });
  });

  it('numInterrupts outside what the AFU has is EINVAL, also where the field cannot hold it', () => {
    for (const numInterrupts of [-1, 0, 2038, 32768, 65537]) {
      const { file, context } = openRig();
      assert.throws(() => file.startWork({ numInterrupts }), { code: 'EINVAL' }, String(numInterrupts));
      assert.equal(context.status, 'OPENED');
    }
  });
});
