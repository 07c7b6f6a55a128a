import type { Adapter, ControlFile } from '../core/index.ts';
import { directory, textFile, type Attributes, type DirectoryNode, type FileNode, type Node } from '../fuse/index.ts';
import { CardNode } from './card-node.ts';
import type { DeviceFiles } from './device-files.ts';
import { controlsOf, driverNode, nodesOf, viewNode } from './device-node.ts';
import { liveDirectory, type LiveEntries } from './live-directory.ts';
import type { Modules } from './modules.ts';
import { viewsOf } from './numbers.ts';
import { classDirectory } from './sysfs/class.ts';

/** The tree that is mounted: `dev`, `sys/class/cxl` and `debug/cxl` of these adapters. */
export function deviceTree(adapters: readonly Adapter[], files: DeviceFiles, modules?: Modules): DirectoryNode {
  return directory({
    dev: deviceDirectory(adapters, files),
    sys: directory({ class: directory({ cxl: classDirectory(adapters) }) }),
    debug: directory({ cxl: debugDirectory(adapters, files.owner, modules) }),
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
function debugDirectory(adapters: readonly Adapter[], owner: Owner, modules: Modules | undefined): Node {
  const entries: Record<string, Node> = {};
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

/** A control file, for its owner alone; it is looked up at each call, for its driver may have been unloaded or reloaded. */
function controlNode(file: () => ControlFile | undefined, owner: Owner): FileNode {
  return textFile(
    () => {
      const control = file();
      return (
        control && {
          ...(control.read && { read: () => control.read!() }),
          ...(control.write && { write: (_: string, bytes: Uint8Array) => control.write!(bytes) }),
        }
      );
    },
    () => {
      const control = file();
      return { ...owner, mode: (control?.read ? 0o400 : 0) | (control?.write ? 0o200 : 0), size: 0 };
    },
  );
}
