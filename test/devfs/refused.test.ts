/* C4 where the kernel refuses the answer to a read: the reader was killed, or the request aborted, in between. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import { decodeEvents, type CxlEvent } from '../../src/abi/index.ts';
import { afuOptions, type ProcessElement } from '../../src/afu/index.ts';
import { Adapter, type Context } from '../../src/core/index.ts';
import { ContextHandle } from '../../src/devfs/context-handle.ts';
import { DeviceFiles } from '../../src/devfs/device-files.ts';
import { EventQueue, defineDriver, setDriverOps } from '../../src/driver/index.ts';
import type { ReadRequest } from '../../src/fuse/index.ts';

const START = 16;

/** A read(2) whose answer the kernel takes, or not. */
class FakeRead implements ReadRequest {
  readonly pid = 0;
  readonly uid = 0;
  readonly gid = 0;
  readonly signal: AbortSignal = new AbortController().signal;
  readonly flags = 0;
  readonly offset = 0;
  readonly size = 4096;
  readonly buffer: Uint8Array = new Uint8Array(START + 8192);
  readonly start = START;
  readonly #taken: boolean;
  answered = false;
  parked: (() => void) | undefined;
  events: CxlEvent[] = [];
  errno = 0;

  constructor(taken: boolean) {
    this.#taken = taken;
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

interface Bench {
  readonly context: Context;
  readonly element: ProcessElement;
  readonly read: (taken: boolean) => FakeRead;
}

function bench(eventsPerRead: number, open?: (context: Context) => void): Bench {
  let element: ProcessElement | undefined;
  const model = { name: 'test', attach: (attached: ProcessElement) => void (element = attached) };
  const driver = defineDriver({ name: 'test', ...(open ? { open } : {}) });
  const adapter = new Adapter({ afus: [afuOptions({ model, driver, eventsPerRead })] });
  const context = adapter.afus[0]!.openContext();
  context.start({ wed: 0n, amr: 0n, interrupts: 4, mmioErrorsAllOnes: false, pid: 0 });
  const handle = new ContextHandle(context, new DeviceFiles(), { notify: () => false }, undefined);
  const read = (taken: boolean): FakeRead => {
    const request = new FakeRead(taken);
    void handle.read(request);
    return request;
  };
  return { context, element: element!, read };
}

const types = ({ events }: FakeRead): string[] => events.map(({ type }) => type);

describe('C4: an answer that the kernel refuses', () => {
  for (const eventsPerRead of [1, 8]) {
    it(`leaves all its events to the next reader, in order (${eventsPerRead} per read)`, () => {
      const { element, context, read } = bench(eventsPerRead, opened => {
        new EventQueue(opened).post(Buffer.from('driver'));
      });
      element.interrupt(2);
      element.interrupt(1);
      element.fault(1n, 2n);
      element.error(3n);
      const seen: string[] = [];
      while (seen.length < 5) {
        assert.deepEqual(types(read(false)), [], 'refused');
        assert.equal(context.poll(), 0x41, 'still pending');
        seen.push(...types(read(true)));
      }
      assert.deepEqual(seen, ['afu-driver', 'afu-interrupt', 'afu-interrupt', 'data-storage', 'afu-error']);
      assert.equal(read(true).parked === undefined, false, 'then a reader sleeps');
    });
  }

  it('leaves the event to a reader that sleeps, which is woken for it', () => {
    const { element, read } = bench(1);
    const [killed, other] = [read(false), read(true)];
    assert.ok(killed.parked && other.parked, 'both sleep');
    element.interrupt(3);
    assert.deepEqual(types(other), ['afu-interrupt']);
    assert.ok(killed.answered);
  });

  it('leaves a driver event of the pull form, which the driver has forgotten', () => {
    const payloads = ['first', 'second'];
    const { read } = bench(1, opened =>
      setDriverOps(opened, {
        owner: opened.module!,
        eventPending: () => payloads.length > 0,
        deliverEvent: (_, buffer, offset) => Buffer.from(payloads.shift()!).copy(buffer, offset),
      }),
    );
    read(false);
    read(false);
    const seen = [read(true), read(true)].flatMap(({ events }) => events);
    const data = seen.map(event => (event.type === 'afu-driver' ? Buffer.from(event.data).toString() : event.type));
    assert.deepEqual(data, ['first', 'second']);
  });

  it('does not free an error for ever: the next one is refused to nobody', () => {
    const { context, read } = bench(1);
    context.detach();
    assert.equal(read(false).errno, 5);
    assert.equal(read(true).errno, 5);
  });
});
