// A GPIO line as old sysfs had it: `value` to read, write and wait on, `edge` to choose what wakes. See README.md.
import type { DirectoryNode, FileNode, OpenFile, OpenRequest, Poller } from 'afukit/fuse';
import { directory, FuseError, Poll, textFile } from 'afukit/fuse';

const wakes = { none: [], rising: [1], falling: [0], both: [0, 1] } as const;
type Edge = keyof typeof wakes;
const isEdge = (text: string): text is Edge => Object.hasOwn(wakes, text);

export class GpioLine {
  #level: 0 | 1 = 0;
  #edge: Edge = 'none';
  /** Counts the edges that were asked for; each open file remembers how many it has seen. */
  #edges = 0;
  readonly #pollers = new Set<Poller>();

  get level(): 0 | 1 {
    return this.#level;
  }

  /** Drives the line. An edge of the chosen kind wakes everybody who sleeps in poll, select or epoll on `value`. */
  set(level: 0 | 1): void {
    if (level === this.#level) return;
    this.#level = level;
    if (!wakes[this.#edge].some(wanted => wanted === level)) return;
    this.#edges++;
    for (const poller of this.#pollers) poller.notify();
  }

  /** The files of this line: `value` and `edge`. */
  tree(): DirectoryNode {
    const value: FileNode = {
      kind: 'file',
      attributes: () => ({ mode: 0o644, uid: 0, gid: 0, size: 4096 }),
      open: request => this.#open(request),
    };
    const edge = textFile({ read: () => `${this.#edge}\n`, write: text => this.#choose(text.trim()) });
    return directory({ value, edge });
  }

  #choose(edge: string): void {
    if (!isEdge(edge)) throw new FuseError('EINVAL', 'write');
    this.#edge = edge;
  }

  #open({ poller }: OpenRequest): OpenFile {
    let seen = this.#edges;
    this.#pollers.add(poller);
    return {
      seekable: true,
      read: request => {
        // A read from the start takes note of every edge so far; what follows is the end of file.
        if (request.offset === 0) seen = this.#edges;
        request.replyWith(Buffer.from(`${this.#level}\n`).subarray(request.offset, request.offset + request.size));
      },
      write: request => {
        const text = Buffer.from(request.data).toString().trim();
        if (text !== '0' && text !== '1') throw new FuseError('EINVAL', 'write');
        request.reply(request.data.length);
        this.set(text === '1' ? 1 : 0);
      },
      // As sysfs does: always readable and writable, and POLLPRI | POLLERR from an edge until the next read.
      poll: () => {
        const always = Poll.POLLIN | Poll.POLLOUT | Poll.POLLRDNORM | Poll.POLLWRNORM;
        return seen === this.#edges ? always : always | Poll.POLLPRI | Poll.POLLERR;
      },
      release: () => void this.#pollers.delete(poller),
    };
  }
}
