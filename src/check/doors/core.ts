// The core by itself, used as the kernel's read, poll and epoll use a driver: a sleeper that is woken runs some time later.
import {
  CXL_IOCTL_GET_PROCESS_ELEMENT,
  PROCESS_ELEMENT_SIZE,
  CXL_IOCTL_START_WORK,
  CXL_START_WORK_NUM_IRQS,
  Errno,
  START_WORK_SIZE,
  StartWork,
} from '../../abi/index.ts';
import { CxlError, Waiter, type Context } from '../../core/index.ts';
import { IoctlTable, takeForRead } from '../../file/index.ts';
import type { Fingerprint } from '../fingerprint.ts';
import type { Disturbance, Port, ReadCall, Watcher } from './port.ts';

const ioctls = new IoctlTable();
/** Shared: between two steps nothing of it counts. */
const buffer = new Uint8Array(8192);

export class CorePort implements Port {
  readonly #context: Context;
  readonly #sleepers = new Map<ReadCall, Sleeper>();
  readonly #watching = new Map<Watcher, Watching>();

  constructor(context: Context) {
    this.#context = context;
  }

  read(call: ReadCall): void {
    this.#attempt(call);
  }

  resume(call: ReadCall): void {
    this.#sleepers.get(call)!.leave();
    this.#attempt(call);
  }

  #attempt(call: ReadCall): void {
    const context = this.#context;
    let size = 0;
    try {
      size = takeForRead(context, buffer, 0, call.room);
    } catch (error) {
      call.refuse(errnoOf(error));
    }
    if (size > 0) {
      if (call.give(buffer, 0, size)) context.commit();
      else context.putBack(buffer);
      // The reader's memory is its own again.
      buffer.fill(0xee, 0, size);
    } else if (call.state !== 'done') {
      if (call.nonblocking) call.refuse(Errno.EAGAIN);
      else this.#sleep(call);
    }
    if (call.state === 'done') this.#sleepers.delete(call);
  }

  #sleep(call: ReadCall): void {
    let sleeper = this.#sleepers.get(call);
    if (!sleeper) this.#sleepers.set(call, (sleeper = new Sleeper(call)));
    call.sleep();
    this.#context.waiters.add(sleeper);
  }

  disturb(call: ReadCall, how: Disturbance): void {
    this.#sleepers.get(call)?.leave();
    this.#sleepers.delete(call);
    call.disturbed = how;
    call.refuse(Errno.EINTR);
  }

  ask(watcher: Watcher): void {
    let watching = this.#watching.get(watcher);
    if (!watching) this.#watching.set(watcher, (watching = new Watching(watcher, this.#context)));
    this.#context.waiters.add(watching);
    watcher.answered(this.#context.poll());
  }

  unwatch(watcher: Watcher): void {
    this.#watching.get(watcher)?.leave();
    this.#watching.delete(watcher);
  }

  start(interrupts: number): number {
    return startThrough(ioctls, this.#context, interrupts);
  }

  processElement(): number {
    try {
      ioctls.call(this.#context, CXL_IOCTL_GET_PROCESS_ELEMENT, new Uint8Array(PROCESS_ELEMENT_SIZE), { pid: 0 });
      return 0;
    } catch (error) {
      return errnoOf(error);
    }
  }

  close(): void {
    for (const watching of this.#watching.values()) watching.leave();
    this.#context.release();
  }

  check(): void {}

  fingerprint(into: Fingerprint): void {
    into.add(this.#sleepers.size);
    into.add(this.#watching.size);
  }
}

/** START_WORK as a program makes it; 0 or an errno. */
export function startThrough(table: IoctlTable, context: Context, interrupts: number): number {
  const argument = new Uint8Array(START_WORK_SIZE);
  const flags = CXL_START_WORK_NUM_IRQS;
  StartWork.encode({ flags, workElementDescriptor: 0n, amr: 0n, numInterrupts: interrupts }, argument);
  try {
    table.call(context, CXL_IOCTL_START_WORK, argument, { pid: 0 });
    return 0;
  } catch (error) {
    return errnoOf(error);
  }
}

export function errnoOf(error: unknown): number {
  if (error instanceof CxlError) return -error.errno;
  throw error;
}

class Sleeper extends Waiter {
  readonly #call: ReadCall;

  constructor(call: ReadCall) {
    super();
    this.#call = call;
  }

  override wake(): void {
    this.#call.state = 'woken';
  }
}

/** On the queue for as long as it is watched, as a thread in poll(2) and an epoll item are. */
class Watching extends Waiter {
  readonly #watcher: Watcher;
  readonly #context: Context;

  constructor(watcher: Watcher, context: Context) {
    super();
    this.#watcher = watcher;
    this.#context = context;
  }

  override wake(): void {
    this.#context.waiters.add(this);
    this.#watcher.wake();
  }
}
