// Open files and open directories, by the number (`fh`) that the kernel sends with each request.
import { thrownText } from './errors.ts';
import type { Link } from './link.ts';
import type { Node, OpenFile, Poller } from './types.ts';

/** One open(2) of a file. */
export class Handle implements Poller {
  readonly kind = 'file';
  readonly nodeId: number;
  readonly name: string;
  /** Set right after the node's open returned it. */
  file: OpenFile | undefined;
  /** The registered file that mmap maps; 0 without. */
  backingId = 0;
  readonly #link: Link;
  #armed = false;
  #khHigh = 0;
  #khLow = 0;

  constructor(link: Link, nodeId: number, name: string) {
    this.#link = link;
    this.nodeId = nodeId;
    this.name = name;
  }

  /** POLL with FUSE_POLL_SCHEDULE_NOTIFY: the next notify goes to the kernel's handle `kh`. */
  arm(high: number, low: number): void {
    this.#khHigh = high;
    this.#khLow = low;
    this.#armed = true;
  }

  notify(): boolean {
    if (!this.#armed) return false;
    this.#armed = false;
    return this.#link.notifyPoll(this.#khHigh, this.#khLow);
  }

  /**
   * The last close. Nothing reaches the file or the kernel's poll after it. Not before it may the backing id be given back:
   * the kernel looks it up some time after it took the answer to OPEN.
   */
  close(): void {
    this.#armed = false;
    const { file } = this;
    this.file = undefined;
    if (this.backingId) this.#link.closeBacking(this.backingId);
    try {
      file?.release?.();
    } catch (error) {
      this.#link.warn(`RELEASE of "${this.name}" (node ${this.nodeId}): release threw ${thrownText(error)}`);
    }
  }
}

/** One opendir(3): the listing it reads from, taken when readdir starts at offset 0. */
export class Listing {
  readonly kind = 'directory';
  readonly nodeId: number;
  entries: readonly (readonly [string, Node])[] = [];

  constructor(nodeId: number) {
    this.nodeId = nodeId;
  }
}

/** Numbers are not reused, so a stale one is EBADF and never another file. */
export class Handles {
  readonly #open: Map<number, Handle | Listing> = new Map();
  /** Node ids that are open with a backing file, of which the kernel takes one for each. */
  readonly #backed: Set<number> = new Set();
  #last = 0;

  add(handle: Handle | Listing): number {
    this.#open.set(++this.#last, handle);
    if (handle.kind === 'file' && handle.backingId) this.#backed.add(handle.nodeId);
    return this.#last;
  }

  isBacked(nodeId: number): boolean {
    return this.#backed.has(nodeId);
  }

  /** The open file, or undefined: unknown, closed, or a directory. */
  file(fh: number): Handle | undefined {
    const handle = this.#open.get(fh);
    return handle?.kind === 'file' ? handle : undefined;
  }

  listing(fh: number): Listing | undefined {
    const handle = this.#open.get(fh);
    return handle?.kind === 'directory' ? handle : undefined;
  }

  close(fh: number): boolean {
    const handle = this.#open.get(fh);
    this.#open.delete(fh);
    if (handle?.kind === 'file') {
      if (handle.backingId) this.#backed.delete(handle.nodeId);
      handle.close();
    }
    return handle !== undefined;
  }

  /** The connection is gone: the kernel sends no RELEASE any more. */
  closeAll(): void {
    for (const fh of this.#open.keys()) this.close(fh);
  }

  get size(): number {
    return this.#open.size;
  }
}
