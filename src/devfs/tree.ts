import type { Adapter, DriverNode } from '../core/index.ts';
import { directory, type DirectoryNode, type Node } from '../fuse/index.ts';
import { ControlNode } from './control-node.ts';
import type { DeviceFiles } from './device-files.ts';
import { controlsOf, driverNode, nodesOf, viewNode } from './device-node.ts';
import type { Modules } from './modules.ts';
import { viewsOf } from './numbers.ts';
import { classDirectory } from './sysfs.ts';

/** The tree that is mounted: `dev`, `sys/class/cxl` and `debug/cxl` of these adapters. */
export function deviceTree(adapters: readonly Adapter[], files: DeviceFiles, modules?: Modules): DirectoryNode {
  const { owner } = files;
  const devices: Record<string, Node> = {};
  const debug: Record<string, Node> = modules ? { modules: new ControlNode(() => modules.controlFile, owner) } : {};
  const afus = adapters.flatMap(adapter => adapter.afus);
  for (const afu of afus) {
    for (const view of viewsOf(afu)) devices[afu.name + view] = viewNode(files, afu, view);
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
      name => driverNode(files, name, afus),
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
