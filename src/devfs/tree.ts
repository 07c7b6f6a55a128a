import { CxlIoctl, CxlIoctlPowerpc } from '../abi/index.ts';
import type { Adapter } from '../core/index.ts';
import { IoctlTable } from '../file/index.ts';
import { directory, type DirectoryNode, type Node } from '../fuse/index.ts';
import { ControlNode } from './control-node.ts';
import { DeviceNode } from './device-node.ts';
import { viewsOf } from './numbers.ts';
import { classDirectory } from './sysfs.ts';

/** Who may open the device files; the kernel enforces it. */
export interface DevicePermissions {
  /** Owner's user id; default: the server's. */
  readonly uid: number;
  /** Group id; default: the server's. */
  readonly gid: number;
  /** Permission bits, 0 to 0o777; default 0o600, as devtmpfs gives a node that nobody asked otherwise for. */
  readonly mode: number;
}

/** The tree that is mounted: `dev/cxl`, `sys/class/cxl` and `debug/cxl` of these adapters. */
export function deviceTree(adapters: readonly Adapter[], permissions: Partial<DevicePermissions> = {}): DirectoryNode {
  const owner = { uid: permissions.uid ?? process.getuid?.() ?? 0, gid: permissions.gid ?? process.getgid?.() ?? 0 };
  const attributes = { ...owner, mode: permissions.mode ?? 0o600 };
  const ioctls = new IoctlTable(process.arch.startsWith('ppc') ? CxlIoctlPowerpc : CxlIoctl);
  const devices: Record<string, Node> = {};
  const controls: Record<string, Node> = {};
  for (const afu of adapters.flatMap(adapter => adapter.afus)) {
    for (const view of viewsOf(afu)) devices[afu.name + view] = new DeviceNode(afu, view, attributes, ioctls);
    const files = Object.entries(afu.driver?.controls?.(afu) ?? {}).map(([name, file]) => [
      name,
      new ControlNode(file, owner),
    ]);
    controls[afu.name] = directory(Object.fromEntries(files) as Record<string, Node>);
  }
  return directory({
    dev: directory({ cxl: directory(devices) }),
    sys: directory({ class: directory({ cxl: classDirectory(adapters) }) }),
    debug: directory({ cxl: directory(controls) }),
  });
}
