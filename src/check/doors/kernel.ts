// The kernel's side of a FUSE connection (fs/fuse/dev.c, file.c): requests that wait to be read by the server, those that it
// has, interrupts, the poll handles and who waits on them. The server is the real session, on its transport in memory.
import { Errno } from '../../abi/index.ts';
import { MemoryTransport, Session, type DirectoryNode } from '../../fuse/index.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { Blame } from '../judge.ts';
import { Message, NOTIFY_POLL, Opcode, PacketWriter } from './packets.ts';

const { ECONNABORTED, EINTR, EIO } = Errno;

const INIT_MINOR = 45;
const ASYNC_READ_AND_ALL = 0x7fff_ffff;

/** What was asked of the server and is not answered yet. */
export abstract class Request {
  /** @internal */
  unique = 0;
  /** Its answer must come at once: the server has been told to interrupt it. */
  interrupted = false;

  /** Its packet, for a session that knows the file by `fh`. */
  abstract write(to: PacketWriter): PacketWriter;
  /** The answer has come. False: the kernel does not take it, for the request is gone. */
  abstract answered(message: Message): boolean;
  /** It ends without an answer. */
  abstract dropped(errno: number): void;
  abstract fingerprint(into: Fingerprint): void;
  abstract readonly text: string;
}

/** Something that a notification wakes, by its kernel handle. */
export interface PollHandle {
  readonly kh: number;
  /** A poll with SCHEDULE_NOTIFY has reached the server since the last notification. */
  armed: boolean;
  notified(): void;
}

const packet = new PacketWriter();

/** One mounted file system, its server in the same process. */
export class Kernel {
  readonly transport: MemoryTransport = new MemoryTransport();
  readonly #session: Session;
  readonly #blame: Blame;
  /** Not read by the server yet. */
  readonly #queue: Request[] = [];
  /** Interrupts go first. */
  readonly #interrupts: Request[] = [];
  /** With the server, by unique. */
  readonly #sent = new Map<number, Request>();
  readonly #handles = new Map<number, PollHandle>();
  #unique = 0;
  /** Both words of it count. */
  #lastHandle = 0x7_0000_0010;
  #reply: Message | undefined;
  aborted = false;

  constructor(root: DirectoryNode, blame: Blame) {
    this.#blame = blame;
    this.transport.accept = bytes => this.#take(new Message(bytes));
    this.#session = new Session(this.transport, root, {
      onWarning: message => blame('FUSE', `the session warned: ${message}`),
    });
    this.#session.start();
    const body = packet.begin(Opcode.init, this.#next(), 0).u32(7).u32(INIT_MINOR).u32(131072).u32(ASYNC_READ_AND_ALL);
    this.#call(body.u32(0).data(new Uint8Array(44)).end());
  }

  #next(): number {
    return (this.#unique += 2);
  }

  // ---- calls that are answered at once -----------------------------------------------------------------------------

  #call(request: PacketWriter): Message | undefined {
    this.#reply = undefined;
    this.#deliver(request);
    const reply = this.#reply as Message | undefined;
    this.#reply = undefined;
    if (reply?.unique !== this.#unique) this.#blame('FUSE', `request ${this.#unique} was not answered at once`);
    return reply;
  }

  lookup(name: string): number {
    const reply = this.#call(
      packet
        .begin(Opcode.lookup, this.#next(), 1)
        .data(Buffer.from(`${name}\0`))
        .end(),
    );
    return reply?.errno === 0 ? reply.u64(16) : 0;
  }

  /** An fh, or a negative errno. */
  open(nodeId: number): number {
    const reply = this.#call(packet.begin(Opcode.open, this.#next(), nodeId).u32(2).u32(0).end());
    return reply?.errno === 0 ? reply.u64(16) : -(reply?.errno ?? EIO);
  }

  release(nodeId: number, fh: number): void {
    const reply = this.#call(packet.begin(Opcode.release, this.#next(), nodeId).u64(fh).u64(0).u64(0).end());
    if (reply && reply.errno !== 0) this.#blame('FUSE', `RELEASE was answered with errno ${reply.errno}`);
  }

  /** 0 or an errno. */
  ioctl(nodeId: number, fh: number, command: number, input: Uint8Array, outputSize = 0): number {
    const head = packet.begin(Opcode.ioctl, this.#next(), nodeId).u64(fh).u32(0).u32(command).u64(0x1000);
    return this.#call(head.u32(input.length).u32(outputSize).data(input).end())?.errno ?? EIO;
  }

  // ---- calls that may wait -----------------------------------------------------------------------------------------

  send(request: Request): void {
    if (this.aborted) {
      request.dropped(ECONNABORTED);
      return;
    }
    request.unique = this.#next();
    this.#queue.push(request);
  }

  /** A signal: the server is told, as soon as it has the request (request_wait_answer(), queue_interrupt()). */
  interrupt(request: Request): void {
    request.interrupted = true;
    if (this.#sent.has(request.unique)) this.#interrupts.push(request);
  }

  /** A fatal signal: what the server has not read yet it never sees. */
  kill(request: Request): void {
    const at = this.#queue.indexOf(request);
    if (at < 0) {
      this.interrupt(request);
      return;
    }
    this.#queue.splice(at, 1);
    request.dropped(EINTR);
  }

  /** Whether the server, when it reads, gets something. */
  get waiting(): boolean {
    return this.#interrupts.length > 0 || this.#queue.length > 0;
  }

  /** The server reads one packet. */
  serve(): string {
    const interrupted = this.#interrupts.shift();
    if (interrupted) {
      this.#deliver(
        packet
          .begin(Opcode.interrupt, interrupted.unique | 1, 0)
          .u64(interrupted.unique)
          .end(),
      );
      if (this.#sent.has(interrupted.unique)) {
        this.#blame('FUSE', `${interrupted.text} was interrupted and is not answered: its thread hangs`);
      }
      return `INTERRUPT of ${interrupted.text}`;
    }
    const request = this.#queue.shift()!;
    this.#sent.set(request.unique, request);
    this.#deliver(request.write(packet));
    if (request.interrupted && this.#sent.has(request.unique)) this.#interrupts.push(request);
    return request.text;
  }

  #deliver(request: PacketWriter): void {
    this.transport.deliver(request.bytes, request.length);
    this.transport.sent.length = 0;
  }

  // ---- poll handles ------------------------------------------------------------------------------------------------

  handle(notified: () => void): PollHandle {
    const handle = { kh: ++this.#lastHandle, armed: false, notified };
    this.#handles.set(handle.kh, handle);
    return handle;
  }

  forget(handle: PollHandle): void {
    this.#handles.delete(handle.kh);
  }

  // ---- what the server sends ---------------------------------------------------------------------------------------

  /** fuse_dev_do_write(): false is ENOENT. */
  #take(message: Message): boolean {
    if (!message.whole) this.#blame('FUSE', 'an answer whose length is not its length');
    else if (this.aborted) this.#blame('FUSE', 'a message after the end of the connection');
    else if (message.unique === 0) return this.#notified(message);
    else if (message.unique === this.#unique && !this.#sent.has(message.unique) && !this.#reply) {
      this.#reply = message;
      return true;
    } else return this.#answered(message);
    return false;
  }

  #answered(message: Message): boolean {
    const request = this.#sent.get(message.unique);
    if (!request) {
      this.#blame('FUSE', `an answer to request ${message.unique}, which was answered before or never asked`);
      return false;
    }
    this.#sent.delete(message.unique);
    // end_requests: an interrupt that the server has not read is taken back.
    const at = this.#interrupts.indexOf(request);
    if (at >= 0) this.#interrupts.splice(at, 1);
    return request.answered(message);
  }

  #notified(message: Message): boolean {
    const handle = this.#handles.get(message.u64(16));
    if (-message.errno !== NOTIFY_POLL || !handle) this.#blame('FUSE', 'a notification for nobody');
    else if (!handle.armed) this.#blame('FUSE', 'a second notification though poll did not ask again');
    else {
      handle.armed = false;
      handle.notified();
    }
    return true;
  }

  /** The connection is aborted: everything that waits ends, the server hears nothing more. */
  abort(): void {
    this.aborted = true;
    const all = [...this.#queue.splice(0), ...this.#sent.values()];
    this.#sent.clear();
    this.#interrupts.length = 0;
    for (const request of all) request.dropped(ECONNABORTED);
    for (const handle of this.#handles.values()) handle.notified();
    this.transport.end();
  }

  fingerprint(into: Fingerprint): void {
    into.add(
      this.#queue.length | (this.#interrupts.length << 8) | (this.#sent.size << 16) | (Number(this.aborted) << 24),
    );
    for (const request of this.#queue) request.fingerprint(into);
    for (const request of this.#interrupts) request.fingerprint(into);
    for (const request of this.#sent.values()) request.fingerprint(into);
    for (const { armed } of this.#handles.values()) into.add(Number(armed));
  }
}
