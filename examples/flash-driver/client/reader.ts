import { openSync, read as readCallback } from 'node:fs';
import { promisify } from 'node:util';

import { CXL_READ_MIN_SIZE, decodeEvent, hostOrder, type CxlEvent } from 'afukit';

import { flashEvents } from '../src/events.ts';

// Reads a flash card's events and prints them, as reader.c does: reader FILE|fd:N [COUNT]
const read = promisify(readCallback);

/** One line for an event. */
function text(event: CxlEvent): string {
  switch (event.type) {
    case 'afu-interrupt':
      return `interrupt ${event.irq}`;
    case 'afu-driver':
      return driverText(event.data);
    case 'data-storage':
      return `fault at 0x${event.address.toString(16)}`;
    case 'afu-error':
      return `error 0x${event.error.toString(16)}`;
    default:
      return event.type;
  }
}

function driverText(payload: Uint8Array): string {
  const event = flashEvents.decode(payload);
  switch (event.name) {
    case 'lunResized':
      return `lun_resized lun ${event.lun} blocks ${event.blocks}`;
    case 'linkReset':
      return `link_reset port ${event.port} resets ${event.resets}`;
    case 'commandTimeout':
      return `command_timeout tag ${event.commandTag} after_ms ${event.afterMs}`;
    default:
      return `dropped ${event.count}`;
  }
}

const [file, count = 'Infinity'] = process.argv.slice(2);
if (file === undefined) throw new Error('usage: reader FILE|fd:N [COUNT]');
const fd = file.startsWith('fd:') ? Number(file.slice(3)) : openSync(file, 'r+');
const buffer = Buffer.alloc(CXL_READ_MIN_SIZE);
try {
  for (let left = Number(count); left > 0; left--) {
    const { bytesRead } = await read(fd, buffer, 0, buffer.length, null);
    const event = decodeEvent(buffer, 0, hostOrder, bytesRead);
    process.stdout.write(`pe ${event.processElement} ${text(event)}\n`);
  }
} catch (error) {
  // The card was taken away.
  if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
  process.stdout.write('end read EIO\n');
}
