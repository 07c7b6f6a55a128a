// Node ids and how often the kernel was told each one.
import type { DirectoryNode, Node } from './types.ts';
import { FUSE_ROOT_ID } from './wire.ts';

interface Known {
  readonly node: Node;
  /** The name it was last looked up by, for messages. */
  name: string;
  lookups: number;
}

/**
 * A node's id is given once per node object and never reused, so (id, generation 0) is unique for the session as the kernel
 * wants it. The kernel holds an id from LOOKUP until as many FORGETs; meanwhile the node stays reachable. The id is the
 * node's inode number too, unless it names another.
 *
 * A mappable file has one inode number, but the kernel gets a new id for it at each LOOKUP.
 */
export class Inodes {
  readonly #ids: WeakMap<Node, number> = new WeakMap();
  readonly #known: Map<number, Known> = new Map();
  #last: number = FUSE_ROOT_ID;

  constructor(root: DirectoryNode) {
    this.#ids.set(root, FUSE_ROOT_ID);
    this.#known.set(FUSE_ROOT_ID, { node: root, name: '/', lookups: 1 });
  }

  get(id: number): Node | undefined {
    return this.#known.get(id)?.node;
  }

  nameOf(id: number): string {
    return this.#known.get(id)?.name ?? '?';
  }

  /** The inode number of a node, without telling the kernel: stat's st_ino, readdir's d_ino. */
  numberOf(node: Node): number {
    return (node.kind === 'file' ? node.inode : undefined) ?? this.#idOf(node);
  }

  #idOf(node: Node): number {
    let id = this.#ids.get(node);
    if (id === undefined) {
      id = ++this.#last;
      this.#ids.set(node, id);
    }
    return id;
  }

  /** Counts one LOOKUP answer. */
  remember(node: Node, name: string): number {
    const id = isMappable(node) ? ++this.#last : this.#idOf(node);
    const known = this.#known.get(id);
    if (known) {
      known.lookups++;
      if (id !== FUSE_ROOT_ID) known.name = name;
    } else {
      this.#known.set(id, { node, name, lookups: 1 });
    }
    return id;
  }

  forget(id: number, lookups: number): void {
    const known = this.#known.get(id);
    if (!known || id === FUSE_ROOT_ID) return;
    known.lookups -= lookups;
    if (known.lookups <= 0) this.#known.delete(id);
  }

  /** How many ids the kernel holds, the root among them. */
  get size(): number {
    return this.#known.size;
  }
}

/** Whether each LOOKUP of it is an inode of its own. */
export function isMappable(node: Node): boolean {
  return node.kind === 'file' && node.mappable === true;
}
