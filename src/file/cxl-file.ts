import {
  CXL_IOCTL_GET_PROCESS_ELEMENT,
  CXL_IOCTL_START_WORK,
  CXL_READ_MIN_SIZE,
  CXL_START_WORK_AMR,
  CXL_START_WORK_ERR_FF,
  CXL_START_WORK_NUM_IRQS,
  ProcessElement,
  PROCESS_ELEMENT_SIZE,
  START_WORK_SIZE,
  StartWork,
  decodeEvent,
  hostOrder,
  type CxlEvent,
} from '../abi/index.ts';
import { CxlError, Waiter, type Afu, type Context, type ProgramMemory } from '../core/index.ts';
import { IoctlTable, type Caller } from './ioctl.ts';
import { takeForRead } from './read.ts';

export interface WaitOptions {
  /** Ends the wait: the promise rejects with the signal's reason, and no event is lost. */
  readonly signal?: AbortSignal | undefined;
}

/** START_WORK's arguments; what is left out is not asked for. */
export interface StartWorkOptions {
  /** Work element descriptor; default 0n. */
  readonly wed?: bigint | undefined;
  /** Interrupts wanted, irqsMin to irqsMax of the AFU; default irqsMin. */
  readonly numInterrupts?: number | undefined;
  readonly amr?: bigint | undefined;
  /** After detach the problem state area reads as all-ones. */
  readonly errorsAllOnes?: boolean | undefined;
  /**
   * The memory in which the AFU works, such as `localMemory(bytes, base)` of `afukit/afu`; default: none, and every address
   * is bad. Closed when the work is over, and when the AFU does not begin it.
   */
  readonly memory?: ProgramMemory | undefined;
}

const ioctls = new IoctlTable();
const nobody: Caller = { pid: 0 };
const PAGE = 4096;

/**
 * An open AFU file inside this process: the same ioctl, poll and read as on the device file, without a descriptor.
 * Nothing here can block; where the device file sleeps, `readSync` throws EAGAIN and `read` is a promise.
 *
 * C original: `afu_fops` (drivers/misc/cxl/file.c).
 */
export class CxlFile implements AsyncDisposable {
  readonly context: Context;
  readonly #waiting = new Set<Wait>();
  #closed = false;

  constructor(context: Context) {
    this.context = context;
  }

  /**
   * Carries out an ioctl with the generic numbers; results stand in `argument` afterwards.
   * @throws CxlError as {@link IoctlTable.call} does, EBADF after close
   */
  ioctl(command: number, argument: Uint8Array = new Uint8Array(0)): void {
    this.#open('ioctl');
    ioctls.call(this.context, command, argument, nobody);
  }

  /** START_WORK. @throws CxlError EIO when started before or CLOSED, EINVAL, ENOSPC, and what the AFU's attach gives */
  startWork(options: StartWorkOptions = {}): void {
    this.#open('ioctl');
    const { wed = 0n, numInterrupts, amr, errorsAllOnes = false, memory } = options;
    if (numInterrupts !== undefined && numInterrupts !== (numInterrupts << 16) >> 16) {
      throw new CxlError('EINVAL', 'ioctl', `${numInterrupts} interrupts`);
    }
    const argument = new Uint8Array(START_WORK_SIZE);
    const flags =
      (numInterrupts === undefined ? 0n : CXL_START_WORK_NUM_IRQS) |
      (amr === undefined ? 0n : CXL_START_WORK_AMR) |
      (errorsAllOnes ? CXL_START_WORK_ERR_FF : 0n);
    const work = { flags, workElementDescriptor: wed, amr: amr ?? 0n, numInterrupts: numInterrupts ?? 0 };
    StartWork.encode(work, argument);
    ioctls.call(this.context, CXL_IOCTL_START_WORK, argument, { ...nobody, memory: () => memory });
  }

  /** GET_PROCESS_ELEMENT. @throws CxlError EIO when CLOSED */
  processElement(): number {
    const argument = new Uint8Array(PROCESS_ELEMENT_SIZE);
    this.ioctl(CXL_IOCTL_GET_PROCESS_ELEMENT, argument);
    return ProcessElement.decode(argument);
  }

  /**
   * The bytes that a mapping of the device file shows: the AFU's registers. They are valid until the work is detached; what
   * they show after that may be another context's. A doorbell that is stored to here is heard within the model's
   * `doorbellMs`, as with mmap(2).
   * @param length bytes, 1 upwards
   * @param offset bytes from the start of this context's window, a multiple of 4096
   * @throws CxlError EBADF after close; EIO unless the work is started, and while the link is down; EINVAL for 0 bytes, an
   * offset within a page, and beyond the window; EBUSY while the AFU is reset
   * C original: `afu_mmap` (drivers/misc/cxl/file.c).
   */
  mmap(length: number, offset: number = 0): Uint8Array {
    this.#open('mmap');
    if (!(Number.isInteger(length) && length >= 1 && offset % PAGE === 0)) {
      throw new CxlError('EINVAL', 'mmap', `${length} bytes at ${offset}`);
    }
    return this.context.window.map(offset, length);
  }

  /** What poll(2) would say now: POLLIN|POLLRDNORM, POLLERR or 0. @throws CxlError EBADF after close */
  poll(): number {
    this.#open('poll');
    return this.context.poll();
  }

  /** Waits until {@link poll} says anything, and returns that. */
  ready(options: WaitOptions = {}): Promise<number> {
    return this.#wait('poll', options, () => this.context.poll());
  }

  /**
   * Reads what is pending into `buffer` and returns how many bytes that is: one event, or up to `eventsPerRead` whole
   * ones.
   * @throws CxlError EAGAIN when nothing is pending, EINVAL for a buffer below 4096 bytes, EIO when CLOSED and drained
   * or without link, EBADF after close
   */
  readSync(buffer: Uint8Array): number {
    this.#open('read');
    const size = takeForRead(this.context, buffer, 0, buffer.length);
    if (size === 0) throw new CxlError('EAGAIN', 'read');
    this.context.commit();
    return size;
  }

  /** As {@link readSync}, but waits until something is pending. */
  read(buffer: Uint8Array, options: WaitOptions = {}): Promise<number> {
    return this.#read(buffer, options);
  }

  /**
   * The events one by one as they come. Ends when the file is closed; throws EIO when the context is CLOSED and
   * drained, and the signal's reason when it is aborted. Leaving the loop loses nothing.
   */
  async *events(options: WaitOptions = {}): AsyncGenerator<CxlEvent, void, undefined> {
    let buffer = new Uint8Array(CXL_READ_MIN_SIZE);
    while (!this.#closed) {
      let size: number;
      try {
        size = await this.#read(buffer, options, 1);
      } catch (error) {
        const code = error instanceof CxlError ? error.code : undefined;
        if (code === 'EBADF' && this.#closed) return;
        // The driver's events are larger than 4096 bytes: the one that did not fit is still there.
        const largest = this.context.afu.largestEvent;
        if (code !== 'EMSGSIZE' || buffer.length >= largest) throw error;
        buffer = new Uint8Array(largest);
        continue;
      }
      yield decodeEvent(buffer, 0, hostOrder, size);
    }
  }

  /** Last close: the work is detached, the process element freed, and whoever still waits gets EBADF. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const wait of this.#waiting) wait.wake();
    this.context.release();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #read(buffer: Uint8Array, options: WaitOptions, most?: number): Promise<number> {
    return this.#wait('read', options, () => {
      const size = takeForRead(this.context, buffer, 0, buffer.length, most);
      if (size > 0) this.context.commit();
      return size;
    });
  }

  #wait(syscall: string, { signal }: WaitOptions, attempt: () => number): Promise<number> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const end = (): void => {
        wait.leave();
        this.#waiting.delete(wait);
        signal?.removeEventListener('abort', abort);
      };
      const abort = (): void => {
        end();
        reject(signal!.reason);
      };
      const wait = new Wait(() => {
        let result: number;
        try {
          this.#open(syscall);
          result = attempt();
        } catch (error) {
          end();
          reject(error);
          return;
        }
        if (result === 0) {
          this.context.waiters.add(wait);
          return;
        }
        end();
        resolve(result);
      });
      this.#waiting.add(wait);
      signal?.addEventListener('abort', abort);
      wait.wake();
    });
  }

  #open(syscall: string): void {
    if (this.#closed) throw new CxlError('EBADF', syscall, 'the file is closed');
  }
}

class Wait extends Waiter {
  override readonly wake: () => void;

  constructor(wake: () => void) {
    super();
    this.wake = wake;
  }
}

/**
 * Opens an AFU in this process, as open(2) on its device file does.
 * @param options `master`: open as `afuC.Sm` does; default: as `s` or `d` does
 * @throws CxlError ENODEV, EIO, ENOSPC as {@link Afu.openContext}
 */
export function openAfu(afu: Afu, options: { readonly master?: boolean } = {}): CxlFile {
  return new CxlFile(afu.openContext(options));
}
