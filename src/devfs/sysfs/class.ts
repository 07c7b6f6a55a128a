import type { Adapter } from '../../core/index.ts';
import { directory, symlink, type Node, type SymlinkNode } from '../../fuse/index.ts';
import { liveDirectory, type LiveEntries } from '../live-directory.ts';
import { viewsOf } from '../numbers.ts';
import { cardDirectory } from './card.ts';
import { pciAddress, pciDirectory } from './pci.ts';

/**
 * `sys/class/cxl`. Cards contain their AFUs and these their char nodes, as in the kernel's tree, but the cards live in the
 * class directory itself, and their PCI devices in its hidden `.devices`, so that the whole of it can be mounted as one.
 */
export function classDirectory(adapters: readonly Adapter[]): Node {
  const links = new Map<string, SymlinkNode>();
  const link = (target: string): SymlinkNode => {
    const known = links.get(target) ?? symlink(target);
    links.set(target, known);
    return known;
  };
  const devices = pciDevices(adapters);
  return liveDirectory(() => ({
    '.devices': devices,
    ...merged(adapters.filter(({ gone }) => !gone).map(adapter => cardEntries(adapter, link))),
  }));
}

function cardEntries(adapter: Adapter, link: (target: string) => Node): LiveEntries {
  const targets = adapter.afus.flatMap(afu => [
    `${adapter.name}/${afu.name}`,
    ...viewsOf(afu).map(view => `${adapter.name}/${afu.name}/${afu.name}${view}`),
  ]);
  return {
    [adapter.name]: { identity: adapter.appearances, make: () => cardDirectory(adapter) },
    ...Object.fromEntries(targets.map(target => [target.slice(target.lastIndexOf('/') + 1), link(target)])),
  };
}

function pciDevices(adapters: readonly Adapter[]): Node {
  const pci = directory({});
  return liveDirectory(() => ({
    pci,
    ...merged(
      adapters
        .filter(({ gone }) => !gone)
        .map(adapter => ({
          [pciAddress(adapter)]: {
            identity: adapter.appearances,
            make: () => pciDirectory(adapter),
          },
        })),
    ),
  }));
}

function merged(entries: readonly LiveEntries[]): LiveEntries {
  return Object.assign({}, ...entries) as LiveEntries;
}
