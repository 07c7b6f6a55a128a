// A small device for the tests on a real kernel: a queue of texts that can be read, polled and waited for.
import type { FileNode, OpenFile, OpenRequest, Poller, ReadRequest } from '../../src/fuse/index.ts';
import { Poll } from '../../src/fuse/index.ts';

const EAGAIN = 11;
const O_NONBLOCK = 0o4000;

/** Resolves waiters when something happened; nothing sleeps. */
class Condition {
  #waiting: { test: () => boolean; resolve: () => void }[] = [];

  until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve();
    return new Promise(resolve => this.#waiting.push({ test, resolve }));
  }

  changed(): void {
    this.#waiting = this.#waiting.filter(({ test, resolve }) => {
      if (test()) resolve();
      return !test();
    });
  }
}

/** One queue for all open files, as a device has. Every reader parks, or is EAGAIN with O_NONBLOCK. */
export class QueueDevice implements FileNode {
  readonly kind = 'file';
  readonly queue: string[] = [];
  readonly parked: ReadRequest[] = [];
  readonly pollers: Set<Poller> = new Set();
  readonly written: string[] = [];
  readonly opened: OpenRequest[] = [];
  cancelled = 0;
  released = 0;
  polls = 0;
  readonly #condition = new Condition();

  attributes(): { mode: number; uid: number; gid: number } {
    return { mode: 0o666, uid: 0, gid: 0 };
  }

  until(test: (device: this) => boolean): Promise<void> {
    return this.#condition.until(() => test(this));
  }

  post(text: string): void {
    const reader = this.parked.shift();
    if (!reader?.replyWith(Buffer.from(text))) this.queue.push(text);
    for (const poller of this.pollers) poller.notify();
  }

  open(request: OpenRequest): OpenFile {
    this.opened.push(request);
    this.pollers.add(request.poller);
    return {
      read: read => this.#read(read),
      write: write => {
        this.written.push(Buffer.from(write.data).toString());
        write.reply(write.data.byteLength);
        this.#condition.changed();
      },
      // Answers the command's low byte, and the argument's bytes upside down.
      ioctl: ioctl =>
        void ioctl.reply(ioctl.command & 0xff, ioctl.input.map(byte => 255 - byte).slice(0, ioctl.outputSize)),
      poll: () => {
        this.polls++;
        this.#condition.changed();
        return this.queue.length > 0 ? Poll.POLLIN | Poll.POLLRDNORM : 0;
      },
      release: () => {
        this.pollers.delete(request.poller);
        this.released++;
        this.#condition.changed();
      },
    };
  }

  #read(request: ReadRequest): void {
    const text = this.queue[0];
    if (text !== undefined) {
      if (request.replyWith(Buffer.from(text))) this.queue.shift();
    } else if (request.flags & O_NONBLOCK) {
      request.fail(EAGAIN);
    } else {
      this.parked.push(request);
      request.park(() => {
        this.parked.splice(this.parked.indexOf(request), 1);
        this.cancelled++;
        this.#condition.changed();
      });
      this.#condition.changed();
    }
  }
}
