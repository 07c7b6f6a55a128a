import type { Adapter, Afu, AfuMode } from '../core/index.ts';
import { directory, symlink, textFile, type Node } from '../fuse/index.ts';
import { CXL_MAJOR, minorOf, viewsOf, type View } from './numbers.ts';

type Attribute<T> = (of: T) => string | number;

/** In the order in which `modes_supported` lists them. */
const modes: readonly AfuMode[] = ['dedicated_process', 'afu_directed'];

/** An AFU's attributes; a char node's are found through its `device` link. Each value ends in a newline. */
const afuAttributes: Readonly<Record<string, Attribute<Afu>>> = {
  api_version: () => 3,
  api_version_compatible: () => 1,
  // Ours, not the kernel's: a buffer of this size holds any event that a reader of this AFU can get now.
  event_size_max: afu => afu.largestEvent,
  irqs_max: afu => afu.irqsMax,
  irqs_min: afu => afu.irqsMin,
  mode: afu => afu.mode,
  modes_supported: afu => modes.filter(mode => afu.modesSupported.includes(mode)).join('\n'),
  prefault_mode: () => 'none',
};

function attributeFiles<T>(attributes: Readonly<Record<string, Attribute<T>>>, of: T): Record<string, Node> {
  const files = Object.entries(attributes).map(([name, value]) => [name, textFile({ read: () => `${value(of)}\n` })]);
  return Object.fromEntries(files) as Record<string, Node>;
}

/**
 * `sys/class/cxl`: what libcxl needs to find and open a device. Cards contain their AFUs and these their char nodes, as in
 * the kernel's tree, but the cards live in the class directory itself, so that the whole of it can be mounted as one.
 */
export function classDirectory(adapters: readonly Adapter[]): Node {
  const entries: Record<string, Node> = {};
  for (const adapter of adapters) {
    const card: Record<string, Node> = {};
    for (const afu of adapter.afus) {
      card[afu.name] = afuDirectory(afu);
      entries[afu.name] = symlink(`${adapter.name}/${afu.name}`);
      for (const view of viewsOf(afu)) {
        const node = afu.name + view;
        entries[node] = symlink(`${adapter.name}/${afu.name}/${node}`);
      }
    }
    entries[adapter.name] = directory(card);
  }
  return directory(entries);
}

function afuDirectory(afu: Afu): Node {
  const nodes = viewsOf(afu).map(view => [afu.name + view, charDirectory(afu, view)]);
  return directory({
    ...attributeFiles(afuAttributes, afu),
    ...(Object.fromEntries(nodes) as Record<string, Node>),
    device: symlink(`../../${afu.adapter.name}`),
    subsystem: symlink('../..'),
  });
}

function charDirectory(afu: Afu, view: View): Node {
  return directory({
    dev: textFile({ read: () => `${CXL_MAJOR}:${minorOf(afu, view)}\n` }),
    device: symlink(`../../${afu.name}`),
    subsystem: symlink('../../..'),
  });
}
