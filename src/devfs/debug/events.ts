import { Errno, O_ACCMODE, O_NONBLOCK, O_RDONLY, POLLIN, POLLRDNORM } from '../../abi/index.ts';
import type { Adapter } from '../../core/index.ts';
import { FuseError, type Attributes, type FileNode, type OpenFile, type OpenRequest } from '../../fuse/index.ts';
import type { Poller, ReadRequest } from '../../fuse/index.ts';
import { MOST_BYTES } from '../context-handle.ts';
import { subscribe } from './reports.ts';

/** Lines that wait for a reader who is behind. */
const MOST_LINES = 4096;

/** `debug/cxl/events`: one JSON object on a line for each thing that happens, for each open file from its open on. */
export class EventsNode implements FileNode {
  readonly kind = 'file';
  readonly #adapters: readonly Adapter[];
  readonly #attributes: Attributes;

  constructor(adapters: readonly Adapter[], owner: Pick<Attributes, 'uid' | 'gid'>) {
    this.#adapters = adapters;
    this.#attributes = { ...owner, mode: 0o400 };
  }

  attributes(): Attributes {
    return this.#attributes;
  }

  open({ flags, poller }: OpenRequest): OpenFile {
    if ((flags & O_ACCMODE) !== O_RDONLY) throw new FuseError('EACCES', 'open');
    return new EventStream(this.#adapters, poller);
  }
}

/** One reader. A read gives whole lines; only a line that is longer than the buffer comes in pieces. */
class EventStream implements OpenFile {
  readonly #poller: Poller;
  readonly #unsubscribe: () => void;
  #lines: Buffer[] = [];
  /** Lines that found no place, after those that wait. */
  #lost = 0;
  readonly #parked = new Set<ReadRequest>();
  #waking = false;

  constructor(adapters: readonly Adapter[], poller: Poller) {
    this.#poller = poller;
    this.#unsubscribe = subscribe(adapters, report => this.#receive(report));
  }

  read(request: ReadRequest): void {
    if (this.#answer(request)) return;
    if ((request.flags & O_NONBLOCK) !== 0) {
      request.fail(Errno.EAGAIN);
      return;
    }
    this.#parked.add(request);
    request.park(() => this.#parked.delete(request));
  }

  poll(): number {
    return this.#lines.length > 0 ? POLLIN | POLLRDNORM : 0;
  }

  release(): void {
    this.#unsubscribe();
  }

  #receive(report: object): void {
    if (this.#lines.length >= MOST_LINES) {
      this.#lost++;
      return;
    }
    this.#append(report);
    this.#poller.notify();
    if (this.#parked.size > 0) this.#wake();
  }

  #append(line: object): void {
    this.#lines.push(Buffer.from(`${JSON.stringify(line)}\n`));
  }

  /**
   * Not at once: whatever publishes may be in the midst of filling the buffer that all answers share. And what happens in
   * one go is one read.
   */
  #wake(): void {
    if (this.#waking) return;
    this.#waking = true;
    queueMicrotask(() => {
      this.#waking = false;
      for (const request of this.#parked) {
        if (!this.#answer(request)) break;
        this.#parked.delete(request);
      }
    });
  }

  /** False when there is nothing to answer. What did not reach its reader stays. */
  #answer(request: ReadRequest): boolean {
    if (this.#lines.length === 0) return false;
    this.#tellLost();
    const room = Math.min(request.size, MOST_BYTES);
    let size = 0;
    let count = 0;
    for (const line of this.#lines) {
      if (size + line.length > room) break;
      size += line.length;
      count++;
    }
    const [first] = this.#lines;
    if (count === 0) {
      if (request.replyWith(first!.subarray(0, room))) this.#lines[0] = first!.subarray(room);
    } else if (request.replyWith(Buffer.concat(this.#lines.slice(0, count), size))) this.#lines.splice(0, count);
    return true;
  }

  #tellLost(): void {
    if (this.#lost === 0) return;
    this.#append({ lost: this.#lost });
    this.#lost = 0;
  }
}
