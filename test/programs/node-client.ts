/**
 * A Node program that uses a cxl device file, one scenario per run, and says what it saw.
 *
 *     node node-client.js FILE SCENARIO [N]
 *
 * Until N events (default 1) were read: `read` (a FileHandle's read, which waits in libuv's pool), `poll` (poll(2) through
 * koffi, for Node has none, then a FileHandle's read) and `nonblock` (opened with O_NONBLOCK: read until EAGAIN, then
 * poll). One line per observation: `started`, `poll 0x41`, `event HEX` with every byte that read(2) gave, `read -1 EIO`.
 * It knows nothing of who serves the file, and imports nothing from it.
 */
import { writeSync } from 'node:fs';
import { constants, open, type FileHandle } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { endianness } from 'node:os';

import type Koffi from 'koffi';

const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
const libc = koffi.load(null);
koffi.struct('pollfd', { fd: 'int', events: 'short', revents: 'short' });
const ioctl = libc.func('int ioctl(int fd, unsigned long command, void *argument)');
const poll = libc.func('int poll(_Inout_ pollfd *fds, unsigned long count, int timeout)');

const START_WORK = process.arch.startsWith('ppc') ? 0x8040ca00 : 0x4040ca00;
const SIZE = 4096;
/** POLLIN, POLLPRI, POLLOUT, POLLRDNORM and POLLWRNORM: everything, so that what must never be set would show. */
const ASKED = 0x1 | 0x2 | 0x4 | 0x40 | 0x100;

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

/** Reads once; resolves with how many events came. */
async function read(file: FileHandle): Promise<number> {
  const buffer = Buffer.alloc(SIZE, 0xee);
  const { bytesRead } = await file.read(buffer, 0, SIZE, null);
  if (buffer.subarray(bytesRead).some(byte => byte !== 0xee)) say('read touched more than it returned');
  let events = 0;
  for (let at = 0; at < bytesRead; events++) {
    const size = endianness() === 'LE' ? buffer.readUInt16LE(at + 2) : buffer.readUInt16BE(at + 2);
    say(`event ${buffer.toString('hex', at, at + size)}`);
    at += size;
  }
  return events;
}

/** Waits in poll(2) on another thread, so that this one stays free. */
async function ready({ fd }: FileHandle): Promise<void> {
  const polled = { fd, events: ASKED, revents: 0 };
  await new Promise<void>((resolve, reject) => {
    poll.async(polled, 1, -1, (error: Error | null) => (error ? reject(error) : resolve()));
  });
  say(`poll 0x${polled.revents.toString(16)}`);
}

async function drain(file: FileHandle): Promise<number> {
  let events = 0;
  try {
    for (;;) events += await read(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    return events;
  }
}

const scenarios: Readonly<Record<string, (file: FileHandle, wanted: number) => Promise<void>>> = {
  async read(file, wanted) {
    while (wanted > 0) wanted -= await read(file);
  },
  async poll(file, wanted) {
    while (wanted > 0) {
      await ready(file);
      wanted -= await read(file);
    }
  },
  async nonblock(file, wanted) {
    for (;;) {
      wanted -= await drain(file);
      if (wanted <= 0) return;
      await ready(file);
    }
  },
};

const [, , path, scenario, count = '1'] = process.argv;
const run = scenario === undefined ? undefined : scenarios[scenario];
if (path === undefined || run === undefined) {
  process.stderr.write('usage: node node-client.js FILE SCENARIO [N]\n');
  process.exit(2);
}
setTimeout(() => process.exit(3), 20_000).unref(); // nothing hangs for ever
const file = await open(path, constants.O_RDWR | (scenario === 'nonblock' ? constants.O_NONBLOCK : 0));
if (ioctl(file.fd, START_WORK, new Uint8Array(64)) !== 0) throw new Error('START_WORK failed');
say('started');
try {
  await run(file, Number(count));
} catch (error) {
  say(`read -1 ${(error as NodeJS.ErrnoException).code}`);
}
await file.close();
