/**
 * The demo's client: a process of its own that knows nothing of afukit but the bytes. It opens a device file, starts
 * work, sleeps in poll(2), reads, and writes one JSON line for each thing that it sees.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

import type Koffi from 'koffi';

import {
  CXL_IOCTL_START_WORK,
  CXL_READ_MIN_SIZE,
  CXL_START_WORK_NUM_IRQS,
  O_CLOEXEC,
  O_RDWR,
  POLLIN,
  START_WORK_SIZE,
  StartWork,
  decodeEvents,
  pollText,
  type CxlEvent,
} from '../abi/index.ts';

/** One line of the client's. Times are CLOCK_MONOTONIC in nanoseconds, as text. */
export type Report =
  | { readonly what: 'started' }
  | { readonly what: 'event'; readonly at: string; readonly event: Shown }
  | { readonly what: 'ended'; readonly poll: string; readonly code: string };

/** An event as text: what it is, and what is in it. */
export interface Shown {
  readonly type: CxlEvent['type'];
  readonly text: string;
}

export function shown(event: CxlEvent): Shown {
  switch (event.type) {
    case 'afu-interrupt':
      return { type: event.type, text: `irq ${event.irq}` };
    case 'data-storage':
      return { type: event.type, text: `address 0x${event.address.toString(16)} dsisr 0x${event.dsisr.toString(16)}` };
    case 'afu-error':
      return { type: event.type, text: `error 0x${event.error.toString(16)}` };
    case 'afu-driver':
      return { type: event.type, text: JSON.stringify(new TextDecoder().decode(event.data)) };
    default:
      return { type: event.type, text: '' };
  }
}

function report(line: Report): void {
  writeSync(1, `${JSON.stringify(line)}\n`);
}

function main(path: string): void {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const libc = koffi.load(null);
  const ioctl = libc.func('int ioctl(int fd, unsigned long command, void *argument)');
  koffi.struct('pollfd', { fd: 'int', events: 'short', revents: 'short' });
  const poll = libc.func('int poll(_Inout_ pollfd *fds, unsigned long count, int timeout)');

  const fd = openSync(path, O_RDWR | O_CLOEXEC);
  const work = new Uint8Array(START_WORK_SIZE);
  StartWork.encode({ flags: CXL_START_WORK_NUM_IRQS, numInterrupts: 4 }, work);
  if (ioctl(fd, CXL_IOCTL_START_WORK, work) !== 0) throw new Error('START_WORK failed');
  report({ what: 'started' });

  const buffer = new Uint8Array(CXL_READ_MIN_SIZE);
  for (;;) {
    const polled = { fd, events: POLLIN, revents: 0 };
    poll(polled, 1, -1);
    try {
      const size = readSync(fd, buffer);
      const at = process.hrtime.bigint().toString();
      for (const event of decodeEvents(buffer, size)) report({ what: 'event', at, event: shown(event) });
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      report({ what: 'ended', poll: pollText(polled.revents), code });
      break;
    }
  }
  closeSync(fd);
}

if (process.argv[2] !== undefined && import.meta.url.endsWith(process.argv[1]?.split('/').at(-1) ?? '?'))
  main(process.argv[2]);
