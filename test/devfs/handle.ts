// One open device file without a mount: the handle, and reads whose answers a kernel takes or does not.
import { decodeEvents, type CxlEvent } from '../../src/abi/index.ts';
import { afuOptions, type ProcessElement } from '../../src/afu/index.ts';
import { Adapter, type Context } from '../../src/core/index.ts';
import { ContextHandle } from '../../src/devfs/context-handle.ts';
import { DeviceFiles } from '../../src/devfs/device-files.ts';
import { defineDriver } from '../../src/driver/index.ts';
import type { ReadRequest } from '../../src/fuse/index.ts';

const START = 16;

/** A read(2) whose answer the kernel takes, or not. */
export class FakeRead implements ReadRequest {
  readonly pid = 0;
  readonly uid = 0;
  readonly gid = 0;
  readonly signal: AbortSignal = new AbortController().signal;
  readonly flags: number;
  readonly offset = 0;
  readonly size = 4096;
  readonly buffer: Uint8Array = new Uint8Array(START + 8192);
  readonly start: number = START;
  readonly #taken: boolean;
  answered = false;
  parked: (() => void) | undefined;
  events: CxlEvent[] = [];
  errno = 0;

  constructor(taken: boolean, flags: number) {
    this.#taken = taken;
    this.flags = flags;
  }

  reply(length: number): boolean {
    this.answered = true;
    if (this.#taken) this.events = decodeEvents(this.buffer.slice(START), length);
    return this.#taken;
  }

  replyWith(): boolean {
    throw new Error('not for a device');
  }

  fail(errno: number): boolean {
    this.answered = true;
    this.errno = errno;
    return this.#taken;
  }

  park(cancel: () => void): void {
    this.parked = cancel;
  }
}

export interface Bench {
  readonly context: Context;
  readonly element: ProcessElement;
  readonly handle: ContextHandle;
  /** How often the kernel was told to poll again. */
  readonly notified: () => number;
  readonly read: (taken: boolean, flags?: number) => FakeRead;
}

/** A device file that is open, with a context that is started. */
export function bench(eventsPerRead: number, open?: (context: Context) => void): Bench {
  let element: ProcessElement | undefined;
  const model = { name: 'test', attach: (attached: ProcessElement) => void (element = attached) };
  const driver = defineDriver({ name: 'test', ...(open ? { open } : {}) });
  const adapter = new Adapter({ afus: [afuOptions({ model, driver, eventsPerRead })] });
  const context = adapter.afus[0]!.openContext();
  context.start({ wed: 0n, amr: 0n, interrupts: 4, mmioErrorsAllOnes: false, pid: 0 });
  let count = 0;
  const handle = new ContextHandle(context, new DeviceFiles(), { notify: () => ++count > 0 }, undefined);
  const read = (taken: boolean, flags = 0): FakeRead => {
    const request = new FakeRead(taken, flags);
    void handle.read(request);
    return request;
  };
  return { context, element: element!, handle, notified: () => count, read };
}

export const types = ({ events }: FakeRead): string[] => events.map(({ type }) => type);
