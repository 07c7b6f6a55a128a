/* mmap and memory of a file in this process: the kernel's checks in their order, and what goes with the work. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { localMemory } from '../../src/afu/index.ts';
import { CxlError, type MemoryPiece, type ProgramMemory } from '../../src/core/index.ts';
import { codeOf } from '../core/rig.ts';
import { openRig, type OpenRig } from './files.ts';

const AREA = { size: 131_072, perProcess: { offset: 65_536, size: 8192 } };
const directed = { numProcs: 8, problemState: AREA };

function started(options: object = directed): OpenRig {
  const rig = openRig(options);
  rig.file.startWork();
  return rig;
}

describe('mmap of a file', () => {
  it('shows the context’s own window, and the same bytes each time', () => {
    const { file, context } = started();
    const [whole, page] = [file.mmap(8192), file.mmap(16, 4096)];
    whole[4097] = 5;
    assert.deepEqual([page.length, page[1], context.window.bytes?.[4097]], [16, 5, 5]);
  });

  const states: readonly [what: string, code: string, state: (rig: OpenRig) => unknown][] = [
    ['after close', 'EBADF', ({ file }) => file.close()],
    ['after detach', 'EIO', ({ context }) => context.detach()],
    ['without link', 'EIO', ({ adapter }) => adapter.loseLink()],
  ];
  for (const [what, code, state] of states) {
    it(`${what}: ${code}, also where the arguments are bad`, () => {
      const rig = started();
      state(rig);
      assert.equal(
        codeOf(() => rig.file.mmap(8192)),
        code,
      );
      assert.equal(
        codeOf(() => rig.file.mmap(8193)),
        code,
      );
    });
  }

  it('before START_WORK: EIO', () => {
    assert.equal(
      codeOf(() => openRig(directed).file.mmap(1)),
      'EIO',
    );
  });

  for (const [length, offset] of [
    [8193, 0],
    [4097, 4096],
    [1, 8192],
    [0, 0],
    [-1, 0],
    [1.5, 0],
    [Number.NaN, 0],
    [1, 1],
    [1, -4096],
    [2 ** 53, 0],
    [1, 2 ** 53],
    [1, Number.NaN],
  ] as const) {
    it(`${length} bytes at ${offset}: EINVAL`, () => {
      assert.equal(
        codeOf(() => started().file.mmap(length, offset)),
        'EINVAL',
      );
    });
  }

  it('of an AFU without registers: EINVAL', () => {
    assert.equal(
      codeOf(() => started({}).file.mmap(1)),
      'EINVAL',
    );
  });

  it('a dedicated file sees the whole area', () => {
    const { file } = started({ modes: ['dedicated_process'], problemState: { size: 65_536 } });
    assert.equal(file.mmap(65_536).length, 65_536);
  });
});

/** Counts how often it was closed. */
class Counted implements ProgramMemory {
  closed = 0;

  read(_pieces: readonly MemoryPiece[]): number {
    return 0;
  }

  write(_pieces: readonly MemoryPiece[]): number {
    return 0;
  }

  failure(): undefined {
    return undefined;
  }

  compareExchange(): undefined {
    return undefined;
  }

  close(): void {
    this.closed++;
  }
}

describe('memory of a file', () => {
  it('is the work’s, and closed once, when the work is over', () => {
    const memory = new Counted();
    const { file, context } = openRig();
    file.startWork({ memory });
    assert.equal(context.work?.memory, memory);
    assert.equal(memory.closed, 0);
    file.close();
    context.detach();
    assert.equal(memory.closed, 1);
  });

  it('is not touched when START_WORK’s arguments are bad, and closed when the AFU refuses', () => {
    const memory = new Counted();
    const { file, backend } = openRig();
    assert.throws(() => file.startWork({ memory, numInterrupts: 0 }), { code: 'EINVAL' });
    assert.equal(memory.closed, 0);
    backend.onAttach = () => {
      throw new CxlError('EPERM', 'attach');
    };
    assert.throws(() => file.startWork({ memory }), { code: 'EPERM' });
    assert.equal(memory.closed, 1);
    file.close();
    assert.equal(memory.closed, 1);
  });

  it('a typed array does', () => {
    const { file, context } = openRig();
    file.startWork({ memory: localMemory(Uint8Array.of(1, 2, 3), 0x10n) });
    const bytes = new Uint8Array(2);
    assert.equal(context.work?.memory?.read([{ address: 0x11n, bytes }]), 2);
    assert.deepEqual(bytes, Uint8Array.of(2, 3));
  });
});
