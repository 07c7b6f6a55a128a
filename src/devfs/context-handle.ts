import { Errno, O_NONBLOCK } from '../abi/index.ts';
import { CxlError, Waiter, type Context } from '../core/index.ts';
import { takeForRead, type IoctlTable } from '../file/index.ts';
import type { IoctlRequest, OpenFile, Poller, ReadRequest } from '../fuse/index.ts';
import { writeUserMemory } from './user-memory.ts';

/**
 * The kernel asks for a longer read(2) in pieces of more than this, and for the next only when a piece was filled: which
 * would sleep with events in hand.
 */
const MOST_BYTES = 65_536;

/** One open device file: what the kernel asks through FUSE, put to the context behind it. */
export class ContextHandle implements OpenFile {
  readonly #context: Context;
  readonly #ioctls: IoctlTable;
  readonly #pollWaiter: PollWaiter;

  constructor(context: Context, ioctls: IoctlTable, poller: Poller) {
    this.#context = context;
    this.#ioctls = ioctls;
    this.#pollWaiter = new PollWaiter(poller);
  }

  read(request: ReadRequest): void {
    if (this.#tryRead(request)) return;
    if ((request.flags & O_NONBLOCK) !== 0) {
      request.fail(Errno.EAGAIN);
      return;
    }
    const waiter = new ReadWaiter(() => this.#tryRead(request), this.#context);
    request.park(() => waiter.leave());
    this.#context.waiters.add(waiter);
  }

  /** First the place in the queue, then the answer: what comes in between wakes. */
  poll(): number {
    this.#context.waiters.add(this.#pollWaiter);
    return this.#context.poll();
  }

  ioctl(request: IoctlRequest): void {
    const { command, outputSize, input, pid } = request;
    // Enough for whichever is longer, and never the session's own buffer.
    const argument = new Uint8Array(Math.max(input.length, outputSize));
    argument.set(input);
    this.#ioctls.call(this.#context, command, argument, {
      pid,
      copyBack: bytes => writeUserMemory(pid, request.argument, bytes),
    });
    request.reply(0, argument.subarray(0, outputSize));
  }

  release(): void {
    this.#pollWaiter.leave();
    this.#context.release();
  }

  /** Answers with an event or an error; false when there is neither yet. An event that did not arrive stays (C4). */
  #tryRead(request: ReadRequest): boolean {
    const { buffer, start } = request;
    let size: number;
    try {
      size = takeForRead(this.#context, buffer, start, Math.min(request.size, MOST_BYTES));
    } catch (error) {
      request.fail(error instanceof CxlError ? -error.errno : Errno.EIO);
      return true;
    }
    if (size === 0) return false;
    if (request.reply(size)) this.#context.commit();
    else this.#context.putBack(buffer);
    return true;
  }
}

/** Tells the kernel, once for each time that it asked, that polling again is worth it. */
class PollWaiter extends Waiter {
  readonly #poller: Poller;

  constructor(poller: Poller) {
    super();
    this.#poller = poller;
  }

  override wake(): void {
    this.#poller.notify();
  }
}

/** A read(2) that sleeps. */
class ReadWaiter extends Waiter {
  readonly #attempt: () => boolean;
  readonly #context: Context;

  constructor(attempt: () => boolean, context: Context) {
    super();
    this.#attempt = attempt;
    this.#context = context;
  }

  override wake(): void {
    if (!this.#attempt()) this.#context.waiters.add(this);
  }
}
