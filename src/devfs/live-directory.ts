import { directory, type DirectoryNode, type Node } from '../fuse/index.ts';

/** A node that is made when it is first asked for, and made anew when `identity` is another one: it is another file then. */
export interface Made {
  readonly identity: unknown;
  make(): Node;
}

/** What a directory contains now, by name. */
export type LiveEntries = Readonly<Record<string, Node | Made>>;

/**
 * A directory whose names come and go: `current` is asked at each listing, and at each lookup of a name that is not in
 * `fixed`.
 */
export function liveDirectory(current: () => LiveEntries, fixed: Readonly<Record<string, Node>> = {}): DirectoryNode {
  const made = new Map<string, { readonly identity: unknown; readonly node: Node }>();
  const nodeOf = (name: string, entry: Node | Made): Node => {
    if ('kind' in entry) return entry;
    const known = made.get(name);
    if (known && known.identity === entry.identity) return known.node;
    const node = entry.make();
    made.set(name, { identity: entry.identity, node });
    return node;
  };
  return {
    ...directory({}),
    lookup: name => {
      if (Object.hasOwn(fixed, name)) return fixed[name];
      const entries = current();
      return Object.hasOwn(entries, name) ? nodeOf(name, entries[name]!) : undefined;
    },
    entries: () =>
      Object.entries({ ...current(), ...fixed }).map(([name, entry]) => [name, nodeOf(name, entry)] as const),
  };
}
