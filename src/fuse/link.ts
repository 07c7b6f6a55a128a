// The way back to the kernel: one reply buffer, one write per answer, and the requests that still wait for theirs.
import { errnoName } from './errors.ts';
import { getU64, keyOf, LITTLE, setWords } from './packet.ts';
import type { AnyRequest } from './requests.ts';
import type { SessionOptions, Transport } from './types.ts';
import { fuse_ioctl_out, fuse_notify_poll_wakeup_out, fuse_out_header, FuseNotifyCode, MAX_READ } from './wire.ts';

/** Where an answer's body begins in the reply buffer. */
export const BODY: number = fuse_out_header.SIZE;

/** Longest body of a READ or READDIR answer. */
export const MAX_BODY: number = MAX_READ;

export class Link {
  /** The reply buffer: out header, then the body. Shared by all answers, so fill it and send in one go. */
  readonly bytes: Uint8Array = new Uint8Array(BODY + MAX_BODY + fuse_ioctl_out.SIZE);
  readonly view: DataView = new DataView(this.bytes.buffer);
  /** Parked requests and running promises by `unique`, for INTERRUPT and for the end. */
  readonly waiting: Map<number, AnyRequest> = new Map();
  readonly trace: ((line: string) => void) | undefined;
  readonly #transport: Transport;
  readonly #warn: (message: string) => void;
  // A buffer of its own: a notify from inside a read handler must not overwrite what the handler put into the reply buffer.
  readonly #notify: Uint8Array = new Uint8Array(BODY + fuse_notify_poll_wakeup_out.SIZE);
  readonly #notifyView: DataView = new DataView(this.#notify.buffer);
  #closed = false;

  constructor(transport: Transport, options: SessionOptions) {
    this.#transport = transport;
    this.trace = options.trace?.bind(options);
    this.#warn = options.onWarning?.bind(options) ?? (message => process.emitWarning(message, { type: 'FuseWarning' }));
    this.#notifyView.setUint32(fuse_out_header.len, this.#notify.byteLength, LITTLE);
    this.#notifyView.setInt32(fuse_out_header.error, FuseNotifyCode.FUSE_NOTIFY_POLL, LITTLE);
  }

  warn(message: string): void {
    this.#warn(`afukit/fuse: ${message}`);
  }

  /** Sends the reply buffer's first `length` body bytes as the answer. False when the kernel did not take it. */
  answer(high: number, low: number, length: number): boolean {
    return this.#reply(high, low, 0, BODY + length);
  }

  /** Answers a positive errno. */
  refuse(high: number, low: number, errno: number): boolean {
    return this.#reply(high, low, -errno, BODY);
  }

  #reply(high: number, low: number, error: number, length: number): boolean {
    const { view } = this;
    view.setUint32(fuse_out_header.len, length, LITTLE);
    view.setInt32(fuse_out_header.error, error, LITTLE);
    setWords(view, fuse_out_header.unique, high, low);
    const taken = this.#send(this.bytes, length);
    if (this.trace) {
      const what = error ? `${-error}=${errnoName(-error)}` : `OK, ${length - BODY} bytes`;
      this.trace(`tx ${keyOf(high, low)}: ${what}${taken ? '' : ' (request is gone)'}`);
    }
    return taken;
  }

  /** FUSE_NOTIFY_POLL for the kernel's handle `kh`. fs/fuse/dev.c, fuse_notify_poll(). */
  notifyPoll(high: number, low: number): boolean {
    setWords(this.#notifyView, BODY, high, low);
    this.trace?.(`tx -: NOTIFY_POLL kh ${getU64(this.#notifyView, BODY)}`);
    return this.#send(this.#notify, this.#notify.byteLength);
  }

  /** Registers the file behind `fd` for mmap. @throws Error that says why it cannot be done */
  openBacking(fd: number): number {
    if (!this.#transport.openBacking) throw new Error('this transport has no backing files');
    const id = this.#transport.openBacking(fd);
    this.trace?.(`tx -: BACKING_OPEN fd ${fd} = ${id}`);
    return id;
  }

  /** At the end of the connection the kernel takes back every id by itself. */
  closeBacking(id: number): void {
    if (this.#closed) return;
    this.trace?.(`tx -: BACKING_CLOSE ${id}`);
    this.#transport.closeBacking?.(id);
  }

  // A message that the kernel refuses is our fault, not the caller's: callers learn only that it was not taken.
  #send(bytes: Uint8Array, length: number): boolean {
    if (this.#closed) return false;
    try {
      return this.#transport.send(bytes, length);
    } catch (error) {
      this.warn(`the kernel refused an answer of ${length} bytes: ${String(error)}`);
      return false;
    }
  }

  /** The request that INTERRUPT names, if it still waits. */
  find(high: number, low: number): AnyRequest | undefined {
    const request = this.waiting.get(keyOf(high, low));
    return request?.uniqueHigh === high && request.uniqueLow === low ? request : undefined;
  }

  /** No answers from here on: every waiting request is cancelled, none is answered. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const request of waiting) request.drop();
  }
}
