import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AFU_ID_SIZE,
  AfuId,
  CXL_AFUID_FLAG_SLAVE,
  CXL_IOCTL_GET_AFU_ID,
  CXL_IOCTL_GET_PROCESS_ELEMENT,
  CXL_IOCTL_START_WORK,
  CXL_MODE_DEDICATED,
  CXL_MODE_DIRECTED,
  CxlIoctl,
  CxlIoctlPowerpc,
  ProcessElement,
} from '../../src/abi/index.ts';
import { Adapter, type AfuOptions } from '../../src/core/index.ts';
import { CxlFile, IoctlTable, openAfu } from '../../src/file/index.ts';
import { Backend, codeOf } from '../core/rig.ts';
import { openRig, startWorkBytes } from './files.ts';

const UNKNOWN = 0x4040ca7f;

describe('GET_PROCESS_ELEMENT', () => {
  it('gives the process element, OPENED and STARTED; CLOSED is EIO', () => {
    const { afu } = openRig();
    const file = new CxlFile(afu.openContext());
    const argument = new Uint8Array(4);
    file.ioctl(CXL_IOCTL_GET_PROCESS_ELEMENT, argument);
    assert.deepEqual([ProcessElement.decode(argument), file.processElement()], [1, 1]);
    file.startWork();
    assert.equal(file.processElement(), 1);
    file.context.detach();
    assert.equal(
      codeOf(() => file.processElement()),
      'EIO',
    );
  });

  it('a short argument is EFAULT; bytes behind the four are not touched', () => {
    const { file } = openRig();
    for (const size of [0, 3]) {
      assert.equal(
        codeOf(() => file.ioctl(CXL_IOCTL_GET_PROCESS_ELEMENT, new Uint8Array(size))),
        'EFAULT',
      );
    }
    const argument = new Uint8Array(8).fill(0xa5);
    file.ioctl(CXL_IOCTL_GET_PROCESS_ELEMENT, argument);
    assert.deepEqual([...argument], [0, 0, 0, 0, 0xa5, 0xa5, 0xa5, 0xa5]);
  });
});

describe('GET_PROCESS_ELEMENT for a guest', () => {
  it('is all-ones until the work is started', () => {
    const adapter = new Adapter({ guest: true, afus: [{ backend: new Backend() }] });
    const file = openAfu(adapter.afus[0]!);
    assert.equal(file.processElement(), 0xffff_ffff);
    file.startWork();
    assert.equal(file.processElement(), 0);
  });
});

describe('GET_AFU_ID', () => {
  const backend = new Backend();
  const rows: [AfuOptions['modes'], boolean | undefined, bigint, number][] = [
    [['afu_directed'], undefined, CXL_AFUID_FLAG_SLAVE, CXL_MODE_DIRECTED],
    [['afu_directed'], false, CXL_AFUID_FLAG_SLAVE, CXL_MODE_DIRECTED],
    [['afu_directed'], true, 0n, CXL_MODE_DIRECTED],
    [['dedicated_process'], undefined, 0n, CXL_MODE_DEDICATED],
    [['dedicated_process'], false, 0n, CXL_MODE_DEDICATED],
  ];
  for (const [modes, master, flags, afuMode] of rows) {
    it(`${String(modes)}, master ${master}: flags ${flags}, mode ${afuMode}, card and slice, all else 0`, () => {
      const adapter = new Adapter({ card: 5, afus: [{ backend }, { backend, modes }] });
      const file = openAfu(adapter.afus[1]!, master === undefined ? {} : { master });
      const argument = new Uint8Array(AFU_ID_SIZE + 8).fill(0xa5);
      file.ioctl(CXL_IOCTL_GET_AFU_ID, argument);
      const expected = new Uint8Array(AFU_ID_SIZE);
      AfuId.encode({ flags, cardId: 5, afuOffset: 1, afuMode }, expected);
      assert.deepEqual(argument.subarray(0, AFU_ID_SIZE), expected);
      assert.ok(argument.subarray(AFU_ID_SIZE).every(byte => byte === 0xa5));
    });
  }

  it('a short argument is EFAULT', () => {
    const { file } = openRig();
    for (const size of [0, 63]) {
      assert.equal(
        codeOf(() => file.ioctl(CXL_IOCTL_GET_AFU_ID, new Uint8Array(size))),
        'EFAULT',
      );
    }
  });
});

describe('the gates of ioctl', () => {
  it('an unknown command is EINVAL, not ENOTTY, whatever its argument', () => {
    const { file } = openRig();
    for (const command of [0, UNKNOWN, CxlIoctlPowerpc.CXL_IOCTL_START_WORK, 0xffffffff, -1, 0x5401]) {
      assert.equal(
        codeOf(() => file.ioctl(command)),
        'EINVAL',
        String(command),
      );
    }
  });

  it('the commands of card<N> are unknown to an AFU', () => {
    const { file } = openRig();
    for (const command of [CxlIoctl.CXL_IOCTL_DOWNLOAD_IMAGE, CxlIoctl.CXL_IOCTL_VALIDATE_IMAGE]) {
      assert.equal(
        codeOf(() => file.ioctl(command, new Uint8Array(64))),
        'EINVAL',
      );
    }
  });

  const commands = [UNKNOWN, CXL_IOCTL_START_WORK, CXL_IOCTL_GET_PROCESS_ELEMENT, CXL_IOCTL_GET_AFU_ID];
  for (const command of commands) {
    it(`CLOSED and link down are EIO before anything else, 0x${command.toString(16)}`, () => {
      const closed = openRig();
      closed.context.detach();
      const cut = openRig();
      cut.adapter.loseLink();
      for (const { file } of [closed, cut])
        assert.equal(
          codeOf(() => file.ioctl(command)),
          'EIO',
        );
    });
  }

  it('a negative command is the unsigned one: some languages sign 0x8004CA01', () => {
    const { file } = openRig();
    file.ioctl(CXL_IOCTL_GET_PROCESS_ELEMENT | 0, new Uint8Array(4));
  });

  it('after close it is EBADF, before the other gates', () => {
    const { file } = openRig();
    file.close();
    for (const command of commands)
      assert.equal(
        codeOf(() => file.ioctl(command)),
        'EBADF',
      );
    assert.equal(
      codeOf(() => file.startWork()),
      'EBADF',
    );
    assert.equal(
      codeOf(() => file.processElement()),
      'EBADF',
    );
  });

  it('a table with powerpc numbers knows those and no others', () => {
    const { context } = openRig();
    const table = new IoctlTable(CxlIoctlPowerpc);
    const call = (command: number, argument: Uint8Array): string | undefined =>
      codeOf(() => table.call(context, command, argument, { pid: 1 }));
    assert.equal(call(CxlIoctl.CXL_IOCTL_START_WORK, startWorkBytes()), 'EINVAL');
    assert.equal(call(CxlIoctlPowerpc.CXL_IOCTL_GET_AFU_ID, new Uint8Array(64)), undefined);
    assert.equal(call(CxlIoctlPowerpc.CXL_IOCTL_START_WORK, startWorkBytes()), undefined);
    assert.equal(context.status, 'STARTED');
  });
});

describe('openAfu', () => {
  it('passes on what open says: EIO without link, ENOSPC when full', () => {
    const { adapter, afu } = openRig({ numProcs: 1 });
    assert.equal(
      codeOf(() => openAfu(afu)),
      'ENOSPC',
    );
    adapter.loseLink();
    assert.equal(
      codeOf(() => openAfu(afu)),
      'EIO',
    );
  });

  it('errors look like those of Node: code, negative errno, syscall, and a message that says more', () => {
    const { file } = openRig();
    assert.throws(() => file.ioctl(UNKNOWN), {
      name: 'CxlError',
      code: 'EINVAL',
      errno: -22,
      syscall: 'ioctl',
      message: 'EINVAL: invalid argument, ioctl: unknown command 0x4040ca7f',
    });
  });
});
