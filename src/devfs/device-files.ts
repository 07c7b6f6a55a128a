import { CxlIoctl, CxlIoctlPowerpc, type CxlIoctlName } from '../abi/index.ts';
import { diagnose, type Afu } from '../core/index.ts';
import { IoctlTable } from '../file/index.ts';
import type { Attributes } from '../fuse/index.ts';
import { AreaMirror } from './area-mirror.ts';
import { Lingering } from './lingering.ts';
import { MappedWindow } from './mapped-window.ts';

/** Who may open the device files; the kernel enforces it. */
export interface DevicePermissions {
  /** Owner's user id; default: the server's. */
  readonly uid: number;
  /** Group id; default: the server's. */
  readonly gid: number;
  /** Permission bits, 0 to 0o777; default 0o600, as devtmpfs gives a node that nobody asked otherwise for. */
  readonly mode: number;
}

/** What the device files of one tree have in common. */
export class DeviceFiles {
  readonly owner: Pick<Attributes, 'uid' | 'gid'>;
  readonly attributes: Attributes;
  readonly ioctlNumbers: Readonly<Record<CxlIoctlName, number>> = process.arch.startsWith('ppc')
    ? CxlIoctlPowerpc
    : CxlIoctl;
  readonly ioctls: IoctlTable = new IoctlTable(this.ioctlNumbers);
  /** One program at a time has any card's own device file open, as one semaphore of the driver has it. */
  cardOpen = false;
  readonly lingering: Lingering = new Lingering();
  readonly #mirrors = new WeakMap<Afu, AreaMirror>();
  #saidWhyNot = false;

  constructor({ uid, gid, mode = 0o600 }: Partial<DevicePermissions> = {}) {
    this.owner = { uid: uid ?? process.getuid?.() ?? 0, gid: gid ?? process.getgid?.() ?? 0 };
    this.attributes = { ...this.owner, mode };
  }

  /** Memory for a window that a program may map; without it registers are still reached by pread and pwrite. */
  window(afu: Afu): MappedWindow | undefined {
    if (!afu.problemState) return undefined;
    const mirror = this.#mirrors.get(afu) ?? new AreaMirror();
    this.#mirrors.set(afu, mirror);
    try {
      return new MappedWindow(mirror);
    } catch (error) {
      const facts = { source: 'afukit', callback: 'mmap', context: undefined };
      if (!this.#saidWhyNot) afu.adapter.report(diagnose({ ...facts, problem: 'no memory can be mapped', error }));
      this.#saidWhyNot = true;
      return undefined;
    }
  }
}
