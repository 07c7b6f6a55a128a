// READ, WRITE and IOCTL while they wait for their one answer.
import { FuseError, isErrno, thrownText } from './errors.ts';
import type { Handle } from './handles.ts';
import { BODY } from './link.ts';
import type { Link } from './link.ts';
import { keyOf, LITTLE } from './packet.ts';
import type { Packet } from './packet.ts';
import type { IoctlRequest, OpenFile, ReadRequest, Request, WriteRequest } from './types.ts';
import { fuse_ioctl_out, fuse_write_out } from './wire.ts';

/** EINTR and EIO have these numbers on every Linux. */
const EINTR = 4;
const EIO = 5;

/** Open: the handler runs. Waiting: parked, or its promise runs. Answered: by the handler. Gone: by the session. */
const State = { open: 0, waiting: 1, answered: 2, gone: 3 } as const;
type State = (typeof State)[keyof typeof State];

export abstract class AnyRequest implements Request {
  abstract readonly name: string;
  readonly uniqueHigh: number;
  readonly uniqueLow: number;
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  protected readonly link: Link;
  protected readonly handle: Handle;
  #state: State = State.open;
  #parked = false;
  #cancel: (() => void) | undefined;
  #controller: AbortController | undefined;
  #warned = false;

  constructor(link: Link, handle: Handle, packet: Packet) {
    this.link = link;
    this.handle = handle;
    this.uniqueHigh = packet.uniqueHigh;
    this.uniqueLow = packet.uniqueLow;
    this.pid = packet.pid;
    this.uid = packet.uid;
    this.gid = packet.gid;
  }

  /** Calls the open file's method for this request. */
  abstract invoke(file: OpenFile): void | Promise<void>;

  get answered(): boolean {
    return this.#state >= State.answered;
  }

  /** The session took the request away: interrupted, or the connection ended. */
  get gone(): boolean {
    return this.#state === State.gone;
  }

  /** Whether an answer may still come from elsewhere. */
  get parked(): boolean {
    return this.#parked;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#state === State.gone) this.#abort();
    }
    return this.#controller.signal;
  }

  fail(errno: number): boolean {
    if (!this.claim()) return false;
    if (!isErrno(errno)) {
      this.complain(`fail(${errno}) is not a positive errno, EIO is answered`);
      errno = EIO;
    }
    return this.link.refuse(this.uniqueHigh, this.uniqueLow, errno);
  }

  park(cancel: () => void): void {
    if (this.#state === State.gone) {
      // A promise handler that was interrupted before it came to park: nobody would ever call cancel otherwise.
      this.#call(cancel);
      return;
    }
    if (this.#state === State.answered) {
      this.complain('park after the answer is ignored');
      return;
    }
    this.#parked = true;
    this.#cancel = cancel;
    this.wait();
  }

  /** Keeps the request findable for INTERRUPT after its handler returned. */
  wait(): void {
    if (this.#state !== State.open) return;
    this.#state = State.waiting;
    this.link.waiting.set(keyOf(this.uniqueHigh, this.uniqueLow), this);
  }

  /** INTERRUPT: cancels and answers EINTR, unless `cancel` itself answers. */
  interrupt(): void {
    if (this.#cancel) this.#call(this.#cancel);
    if (this.claim(State.gone)) this.link.refuse(this.uniqueHigh, this.uniqueLow, EINTR);
    this.#abort();
  }

  /** The connection is gone: cancels, answers nothing. */
  drop(): void {
    if (this.answered) return;
    this.#state = State.gone;
    if (this.#cancel) this.#call(this.#cancel);
    this.#abort();
  }

  /** One warning that names the operation and the node. */
  complain(message: string): void {
    this.link.warn(`${this.name} of "${this.handle.name}" (node ${this.handle.nodeId}): ${message}`);
  }

  /** Takes the right to answer; false, with a warning if the handler is at fault, when it was taken before. */
  protected claim(next: State = State.answered): boolean {
    if (this.#state >= State.answered) {
      if (this.#state === State.answered && next === State.answered && !this.#warned) {
        this.#warned = true;
        this.complain('answered twice, the second answer is dropped');
      }
      return false;
    }
    if (this.#state === State.waiting) this.link.waiting.delete(keyOf(this.uniqueHigh, this.uniqueLow));
    this.#state = next;
    return true;
  }

  /** Answers EIO for an answer that does not fit what was asked for. */
  protected misfit(message: string): false {
    this.complain(`${message}, EIO is answered`);
    this.link.refuse(this.uniqueHigh, this.uniqueLow, EIO);
    return false;
  }

  #call(cancel: () => void): void {
    this.#cancel = undefined;
    try {
      cancel();
    } catch (error) {
      this.complain(`cancel threw ${thrownText(error)}`);
    }
  }

  #abort(): void {
    this.#controller?.abort(new FuseError('EINTR', this.name.toLowerCase()));
  }
}

const fits = (length: number, limit: number) => Number.isInteger(length) && length >= 0 && length <= limit;

export class Read extends AnyRequest implements ReadRequest {
  readonly name = 'READ';
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly buffer: Uint8Array;
  readonly start: number = BODY;

  constructor(link: Link, handle: Handle, packet: Packet, flags: number, offset: number, size: number) {
    super(link, handle, packet);
    this.flags = flags;
    this.offset = offset;
    this.size = size;
    this.buffer = link.bytes;
  }

  invoke(file: OpenFile): void | Promise<void> {
    return file.read?.(this);
  }

  reply(length: number): boolean {
    if (!this.claim()) return false;
    if (!fits(length, this.size)) return this.misfit(`reply(${length}) to a read of ${this.size} bytes`);
    return this.link.answer(this.uniqueHigh, this.uniqueLow, length);
  }

  replyWith(bytes: Uint8Array): boolean {
    const { byteLength } = bytes;
    if (byteLength <= this.size && !this.answered) this.buffer.set(bytes, BODY);
    return this.reply(byteLength);
  }
}

export class Write extends AnyRequest implements WriteRequest {
  readonly name = 'WRITE';
  readonly flags: number;
  readonly offset: number;
  readonly data: Uint8Array;
  readonly #size: number;

  constructor(link: Link, handle: Handle, packet: Packet, flags: number, offset: number, data: Uint8Array) {
    super(link, handle, packet);
    this.flags = flags;
    this.offset = offset;
    this.data = data;
    this.#size = data.byteLength;
  }

  invoke(file: OpenFile): void | Promise<void> {
    return file.write?.(this);
  }

  reply(written: number): boolean {
    if (!this.claim()) return false;
    if (!fits(written, this.#size)) return this.misfit(`reply(${written}) to a write of ${this.#size} bytes`);
    this.link.view.setUint32(BODY + fuse_write_out.size, written, LITTLE);
    this.link.view.setUint32(BODY + 4, 0, LITTLE);
    return this.link.answer(this.uniqueHigh, this.uniqueLow, fuse_write_out.SIZE);
  }
}

export class Ioctl extends AnyRequest implements IoctlRequest {
  readonly name = 'IOCTL';
  readonly command: number;
  readonly argument: number;
  readonly input: Uint8Array;
  readonly outputSize: number;

  constructor(
    link: Link,
    handle: Handle,
    packet: Packet,
    command: number,
    argument: number,
    input: Uint8Array,
    outputSize: number,
  ) {
    super(link, handle, packet);
    this.command = command;
    this.argument = argument;
    this.input = input;
    this.outputSize = outputSize;
  }

  invoke(file: OpenFile): void | Promise<void> {
    return file.ioctl?.(this);
  }

  reply(result: number, output?: Uint8Array): boolean {
    if (!this.claim()) return false;
    const length = output?.byteLength ?? 0;
    if (length > this.outputSize) return this.misfit(`${length} bytes of output where ${this.outputSize} fit`);
    const { view, bytes } = this.link;
    view.setInt32(BODY + fuse_ioctl_out.result, result, LITTLE);
    view.setUint32(BODY + fuse_ioctl_out.flags, 0, LITTLE);
    view.setUint32(BODY + fuse_ioctl_out.in_iovs, 0, LITTLE);
    view.setUint32(BODY + fuse_ioctl_out.out_iovs, 0, LITTLE);
    if (output) bytes.set(output, BODY + fuse_ioctl_out.SIZE);
    return this.link.answer(this.uniqueHigh, this.uniqueLow, fuse_ioctl_out.SIZE + length);
  }
}
