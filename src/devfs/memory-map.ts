// /proc/PID/maps: what a program has mapped where.
import { readFileSync } from 'node:fs';

/** One line of /proc/PID/maps. */
export interface MappedArea {
  /** The first address, and the first behind it. */
  readonly start: bigint;
  readonly end: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly shared: boolean;
  /** What is mapped: where in it `start` lies, and what tells it from everything else: device, inode and name. */
  readonly offset: bigint;
  readonly device: string;
  readonly inode: string;
  readonly name: string;
}

const line = /^([\da-f]+)-([\da-f]+) (.)(.).(.) ([\da-f]+) (\S+) (\d+) *(.*)$/gm;
const hex = (digits: string): bigint => BigInt(`0x${digits}`);

/** The area in which `address` lies, or undefined: nothing is mapped there, or the process is not to be seen any more. */
export function areaAt(threadId: number, address: bigint): MappedArea | undefined {
  let maps: string;
  try {
    maps = readFileSync(`/proc/${threadId}/maps`, 'utf8');
  } catch {
    return undefined;
  }
  // Areas come in the order of their addresses.
  for (const [, first = '', last = '', r, w, p, offset = '', device = '', inode = '', name = ''] of maps.matchAll(
    line,
  )) {
    const end = hex(last);
    if (address >= end) continue;
    const start = hex(first);
    if (address < start) return undefined;
    const access = { readable: r === 'r', writable: w === 'w', shared: p === 's' };
    return { start, end, ...access, offset: hex(offset), device, inode, name };
  }
  return undefined;
}
