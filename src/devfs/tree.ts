import type { Adapter } from '../core/index.ts';
import { directory, type Attributes, type DirectoryNode, type Node } from '../fuse/index.ts';
import { CardNode } from './card-node.ts';
import { controlNode } from './control-node.ts';
import { debugFiles } from './debug/index.ts';
import type { DeviceFiles } from './device-files.ts';
import { controlsOf, driverNode, nodesOf, viewNode } from './device-node.ts';
import { liveDirectory, type LiveEntries } from './live-directory.ts';
import type { Modules } from './modules.ts';
import { viewsOf } from './numbers.ts';
import { classDirectory } from './sysfs/class.ts';

/**
 * The tree that is mounted: `dev`, `sys/class/cxl` and `debug/cxl` of these adapters.
 * @param log told what was injected through the tree, and why something was refused
 */
export function deviceTree(
  adapters: readonly Adapter[],
  files: DeviceFiles,
  modules?: Modules,
  log: (line: string) => void = () => {},
): DirectoryNode {
  return directory({
    dev: deviceDirectory(adapters, files),
    sys: directory({ class: directory({ cxl: classDirectory(adapters) }) }),
    debug: directory({ cxl: debugDirectory(adapters, files.owner, modules, log) }),
  });
}

/** `dev`: every device file there is, in `cxl` or where a driver wants its own. */
function deviceDirectory(adapters: readonly Adapter[], files: DeviceFiles): DirectoryNode {
  const afus = adapters.flatMap(adapter => adapter.afus);

  const views = (): LiveEntries =>
    Object.fromEntries(
      afus.flatMap(afu =>
        viewsOf(afu).map(view => [
          afu.name + view,
          { identity: afu.activations, make: () => viewNode(files, afu, view) },
        ]),
      ),
    );
  const cards = (): LiveEntries =>
    Object.fromEntries(
      adapters
        .filter(({ guest, gone }) => guest && !gone)
        .map(adapter => [adapter.name, { identity: adapter.appearances, make: () => new CardNode(adapter, files) }]),
    );
  const cxl = liveDirectory(() => ({ ...cards(), ...views() }));

  const own = (): LiveEntries => {
    const names = afus.filter(({ adapter }) => !adapter.gone).flatMap(afu => Object.keys(nodesOf(afu)));
    return Object.fromEntries(names.map(name => [name, { identity: name, make: () => driverNode(files, name, afus) }]));
  };
  return liveDirectory(own, { cxl });
}

type Owner = Pick<Attributes, 'uid' | 'gid'>;

/** `debug/cxl`: the control files of the modules and of each AFU's driver. */
function debugDirectory(
  adapters: readonly Adapter[],
  owner: Owner,
  modules: Modules | undefined,
  log: (line: string) => void,
): Node {
  const entries: Record<string, Node> = debugFiles(adapters, owner, log);
  if (modules) entries['modules'] = controlNode(() => modules.controlFile, owner);
  for (const afu of adapters.flatMap(adapter => adapter.afus)) {
    entries[afu.name] = liveDirectory(() =>
      Object.fromEntries(
        Object.keys(controlsOf(afu)).map(name => [
          name,
          { identity: name, make: () => controlNode(() => controlsOf(afu)[name], owner) },
        ]),
      ),
    );
  }
  return directory(entries);
}
