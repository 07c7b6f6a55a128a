import { AFUKIT_MMIO_OFFSET, Errno, O_NONBLOCK } from '../abi/index.ts';
import { CxlError, Waiter, type Context } from '../core/index.ts';
import { takeForRead } from '../file/index.ts';
import type { Backing, IoctlRequest, OpenFile, Poller, ReadRequest, Request, WriteRequest } from '../fuse/index.ts';
import type { DeviceFiles } from './device-files.ts';
import type { MappedWindow } from './mapped-window.ts';
import { processOf } from './process.ts';
import { ProcessMemory } from './process-memory.ts';
import { writeToCaller } from './vm-transfer.ts';

/**
 * The kernel asks for a longer read(2) in pieces of more than this, and for the next only when a piece was filled: which
 * would sleep with events in hand.
 */
export const MOST_BYTES = 65_536;

/** What becomes of one call: it is looked at so many milliseconds late, or never, and its caller sleeps. */
export type NextReply = { readonly delayMs: number } | 'drop';

/** One open device file: what the kernel asks through FUSE, put to the context behind it. */
export class ContextHandle implements OpenFile {
  readonly #context: Context;
  readonly #files: DeviceFiles;
  readonly #pollWaiter: PollWaiter;
  readonly #window: MappedWindow | undefined;
  /** Injected for the next read or ioctl that begins, which takes it away. */
  nextReply: NextReply | undefined;

  /** @param window its memory, where the AFU has a problem state area */
  constructor(context: Context, files: DeviceFiles, poller: Poller, window: MappedWindow | undefined) {
    this.#context = context;
    this.#files = files;
    this.#pollWaiter = new PollWaiter(poller);
    this.#window = window;
  }

  /** What mmap(2) maps, and with it pread(2) and pwrite(2) work. */
  get backing(): Backing | undefined {
    return this.#window;
  }

  read(request: ReadRequest): void | Promise<void> {
    if (request.offset >= AFUKIT_MMIO_OFFSET) return this.#load(request);
    if (this.nextReply === undefined) return this.#read(request);
    return this.#held(request).then(() => this.#read(request));
  }

  #read(request: ReadRequest): void {
    if (this.#tryRead(request)) return;
    if ((request.flags & O_NONBLOCK) !== 0) {
      request.fail(Errno.EAGAIN);
      return;
    }
    const waiter = new ReadWaiter(() => this.#tryRead(request), this.#context);
    request.park(() => waiter.leave());
    this.#context.waiters.add(waiter);
  }

  /** A store to the problem state area; there is nothing else to write to. */
  write(request: WriteRequest): void {
    const { offset, data } = request;
    const errno =
      offset < AFUKIT_MMIO_OFFSET
        ? Errno.EINVAL
        : failureOf(() => this.#context.window.store(offset - AFUKIT_MMIO_OFFSET, data));
    if (errno === 0) request.reply(data.length);
    else request.fail(errno);
  }

  #load(request: ReadRequest): void {
    const { buffer, start, size, offset } = request;
    const register = buffer.subarray(start, start + size);
    const errno = failureOf(() => this.#context.window.load(offset - AFUKIT_MMIO_OFFSET, register));
    if (errno === 0) request.reply(size);
    else request.fail(errno);
  }

  /** First the place in the queue, then the answer: what comes in between wakes. */
  poll(): number {
    this.#context.waiters.add(this.#pollWaiter);
    return this.#context.poll();
  }

  ioctl(request: IoctlRequest): void | Promise<void> {
    const { input, outputSize } = request;
    // Enough for whichever is longer, and never the session's own buffer.
    const argument = new Uint8Array(Math.max(input.length, outputSize));
    argument.set(input);
    if (this.nextReply === undefined) return this.#ioctl(request, argument);
    return this.#held(request).then(() => this.#ioctl(request, argument));
  }

  #ioctl(request: IoctlRequest, argument: Uint8Array): void {
    const { command, outputSize, pid } = request;
    this.#files.ioctls.call(this.#context, command, argument, {
      // Asked by few commands only, and it costs a system call.
      get pid() {
        return processOf(pid);
      },
      memory: () => ProcessMemory.of(pid),
      copyBack: bytes => writeToCaller(pid, request.argument, bytes),
    });
    request.reply(0, argument.subarray(0, outputSize));
  }

  release(): void {
    this.#pollWaiter.leave();
    this.#files.lingering.release(this.#context, this.#window);
  }

  /** Resolves when the call may be looked at. Whoever is interrupted or killed before has asked nothing (C4). */
  #held(request: Request): Promise<void> {
    const reply = this.nextReply;
    this.nextReply = undefined;
    return new Promise(resolve => {
      const timer = typeof reply === 'object' ? setTimeout(resolve, reply.delayMs) : undefined;
      request.park(() => clearTimeout(timer));
    });
  }

  /** Answers with an event or an error; false when there is neither yet. An event that did not arrive stays (C4). */
  #tryRead(request: ReadRequest): boolean {
    const { buffer, start } = request;
    let size: number;
    try {
      size = takeForRead(this.#context, buffer, start, Math.min(request.size, MOST_BYTES));
    } catch (error) {
      request.fail(errnoOf(error));
      return true;
    }
    if (size === 0) return false;
    if (request.reply(size)) this.#context.commit();
    else this.#context.putBack(buffer);
    return true;
  }
}

function errnoOf(error: unknown): number {
  return error instanceof CxlError ? -error.errno : Errno.EIO;
}

/** The errno that `action` fails with, or 0. */
function failureOf(action: () => void): number {
  try {
    action();
    return 0;
  } catch (error) {
    return errnoOf(error);
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
