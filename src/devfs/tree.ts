import { CxlIoctl, CxlIoctlPowerpc } from '../abi/index.ts';
import type { Adapter, DriverNode } from '../core/index.ts';
import { IoctlTable } from '../file/index.ts';
import { directory, type DirectoryNode, type Node } from '../fuse/index.ts';
import { ControlNode } from './control-node.ts';
import { controlsOf, driverNode, nodesOf, viewNode } from './device-node.ts';
import type { Modules } from './modules.ts';
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

/** The tree that is mounted: `dev`, `sys/class/cxl` and `debug/cxl` of these adapters. */
export function deviceTree(
  adapters: readonly Adapter[],
  permissions: Partial<DevicePermissions> = {},
  modules?: Modules,
): DirectoryNode {
  const owner = { uid: permissions.uid ?? process.getuid?.() ?? 0, gid: permissions.gid ?? process.getgid?.() ?? 0 };
  const attributes = { ...owner, mode: permissions.mode ?? 0o600 };
  const ioctls = new IoctlTable(process.arch.startsWith('ppc') ? CxlIoctlPowerpc : CxlIoctl);
  const devices: Record<string, Node> = {};
  const debug: Record<string, Node> = modules ? { modules: new ControlNode(() => modules.controlFile, owner) } : {};
  const afus = adapters.flatMap(adapter => adapter.afus);
  for (const afu of afus) {
    for (const view of viewsOf(afu)) devices[afu.name + view] = viewNode(afu, view, attributes, ioctls);
    debug[afu.name] = liveDirectory(
      {},
      () => controlsOf(afu),
      name => new ControlNode(() => controlsOf(afu)[name], owner),
    );
  }
  return directory({
    dev: liveDirectory(
      { cxl: directory(devices) },
      () => Object.assign({}, ...afus.map(nodesOf)) as Record<string, DriverNode>,
      name => driverNode(name, afus, attributes, ioctls),
    ),
    sys: directory({ class: directory({ cxl: classDirectory(adapters) }) }),
    debug: directory({ cxl: directory(debug) }),
  });
}

/** A directory with what is in `fixed`, and for every name that `current` has now the node that `make` made for it once. */
function liveDirectory(
  fixed: Readonly<Record<string, Node>>,
  current: () => Readonly<Record<string, unknown>>,
  make: (name: string) => Node,
): DirectoryNode {
  const made = new Map<string, Node>(Object.entries(fixed));
  const has = (name: string): boolean => Object.hasOwn(fixed, name) || Object.hasOwn(current(), name);
  const node = (name: string): Node => {
    const known = made.get(name) ?? make(name);
    made.set(name, known);
    return known;
  };
  return {
    ...directory({}),
    lookup: name => (has(name) ? node(name) : undefined),
    entries: () => [...Object.keys(fixed), ...Object.keys(current())].map(name => [name, node(name)] as const),
  };
}
