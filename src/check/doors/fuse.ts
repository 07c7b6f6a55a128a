// A device file of the mount: what threads call goes through the kernel's model to the session and the real device node.
import {
  CXL_IOCTL_GET_PROCESS_ELEMENT,
  CXL_IOCTL_START_WORK,
  CXL_START_WORK_NUM_IRQS,
  Errno,
  O_NONBLOCK,
  O_RDWR,
  PROCESS_ELEMENT_SIZE,
  START_WORK_SIZE,
  StartWork,
} from '../../abi/index.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { Blame, Judge } from '../judge.ts';
import { Request, type Kernel, type PollHandle } from './kernel.ts';
import type { Message, PacketWriter } from './packets.ts';
import type { Disturbance, Port, ReadCall, Watcher } from './port.ts';

/** One struct fuse_file. */
export class FusePort implements Port {
  readonly #kernel: Kernel;
  readonly #judge: Judge;
  readonly #blame: Blame;
  readonly nodeId: number;
  readonly fh: number;
  readonly handle: PollHandle;
  /** Who is on the file's poll wait queue. */
  readonly #watching: Watcher[] = [];
  readonly #reads = new Map<ReadCall, ReadRequest>();

  constructor(kernel: Kernel, judge: Judge, blame: Blame, nodeId: number, fh: number) {
    this.#kernel = kernel;
    this.#judge = judge;
    this.#blame = blame;
    this.nodeId = nodeId;
    this.fh = fh;
    this.handle = kernel.handle(() => {
      for (const watcher of this.#watching) watcher.wake();
    });
  }

  read(call: ReadCall): void {
    const request = new ReadRequest(this, call, () => this.#reads.delete(call));
    this.#reads.set(call, request);
    this.#kernel.send(request);
  }

  resume(): void {
    throw new Error('a read goes on at the server');
  }

  disturb(call: ReadCall, how: Disturbance): void {
    call.disturbed = how;
    const request = this.#reads.get(call);
    if (!request) return;
    if (how === 'kill') this.#kernel.kill(request);
    else this.#kernel.interrupt(request);
  }

  ask(watcher: Watcher): void {
    if (!this.#watching.includes(watcher)) this.#watching.push(watcher);
    this.#kernel.send(new PollRequest(this, watcher));
  }

  unwatch(watcher: Watcher): void {
    const at = this.#watching.indexOf(watcher);
    if (at >= 0) this.#watching.splice(at, 1);
  }

  get watched(): boolean {
    return this.#watching.length > 0;
  }

  start(interrupts: number): number {
    const argument = new Uint8Array(START_WORK_SIZE);
    const flags = CXL_START_WORK_NUM_IRQS;
    StartWork.encode({ flags, workElementDescriptor: 0n, amr: 0n, numInterrupts: interrupts }, argument);
    return this.#kernel.ioctl(this.nodeId, this.fh, CXL_IOCTL_START_WORK, argument);
  }

  processElement(): number {
    return this.#kernel.ioctl(
      this.nodeId,
      this.fh,
      CXL_IOCTL_GET_PROCESS_ELEMENT,
      new Uint8Array(0),
      PROCESS_ELEMENT_SIZE,
    );
  }

  close(): void {
    if (!this.#kernel.aborted) this.#kernel.release(this.nodeId, this.fh);
    this.#kernel.forget(this.handle);
  }

  check(): void {
    for (const { call, interrupted, text } of this.#reads.values()) {
      if (call.state === 'asleep' && !interrupted && this.#judge.ready) {
        this.#blame('C2', `${text} sleeps at the server: ${this.#judge.belief()}`);
      }
    }
  }

  fingerprint(into: Fingerprint): void {
    into.add(this.#watching.length | (this.#reads.size << 8));
  }
}

class ReadRequest extends Request {
  readonly call: ReadCall;
  readonly #port: FusePort;
  readonly #done: () => void;

  constructor(port: FusePort, call: ReadCall, done: () => void) {
    super();
    this.#port = port;
    this.call = call;
    this.#done = done;
  }

  override get text(): string {
    return `read(2) of ${this.call.who}`;
  }

  override write(to: PacketWriter): PacketWriter {
    const { call } = this;
    // Until it is answered.
    call.state = 'asleep';
    const flags = O_RDWR | (call.nonblocking ? O_NONBLOCK : 0);
    return to.read(this.unique, this.#port.nodeId, this.#port.fh, call.room, flags);
  }

  override answered(message: Message): boolean {
    this.#done();
    const { errno, bytes } = message;
    if (errno === 0) return this.call.give(bytes, 16, bytes.length - 16);
    this.call.refuse(errno);
    return !this.call.doomed;
  }

  override dropped(errno: number): void {
    this.#done();
    this.call.drop(errno);
  }

  override fingerprint(into: Fingerprint): void {
    into.addText(this.call.who);
    into.add(Number(this.interrupted) | 2);
  }
}

class PollRequest extends Request {
  readonly #port: FusePort;
  readonly #watcher: Watcher;

  constructor(port: FusePort, watcher: Watcher) {
    super();
    this.#port = port;
    this.#watcher = watcher;
  }

  override get text(): string {
    return `poll for ${this.#watcher.who}`;
  }

  override write(to: PacketWriter): PacketWriter {
    const { nodeId, fh, handle, watched } = this.#port;
    // fuse_file_poll(): while anybody waits, ask for a notification.
    if (watched) handle.armed = true;
    return to.poll(this.unique, nodeId, fh, handle.kh, watched);
  }

  override answered(message: Message): boolean {
    const mask = message.errno === 0 ? message.u32(16) : -1;
    this.#watcher.answered(mask === -1 ? Errno.EIO << 16 : mask);
    return true;
  }

  override dropped(): void {
    // fuse_file_poll() says EPOLLERR.
    this.#watcher.answered(0x8);
  }

  override fingerprint(into: Fingerprint): void {
    into.addText(this.#watcher.who);
    into.add(0);
  }
}
