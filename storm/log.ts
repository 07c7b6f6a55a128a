// What the readers wrote down: storm/client.c, `struct record`.
import { readFileSync, statSync } from 'node:fs';
import { endianness } from 'node:os';

const SIZE = 32;
const LITTLE = endianness() === 'LE';

/** An event by its type, or what befell a reader. */
export const What = { interrupt: 1, fault: 2, error: 3, driver: 4, born: 100, ended: 101, trouble: 102 } as const;

export interface Entry {
  readonly what: number;
  readonly pid: number;
  /** The thread: what reads, reads in order. */
  readonly tid: number;
  readonly pe: number;
  /** Sequence number, address, error or interrupt; the errno that a reader ended with. */
  readonly value: number;
  /** CLOCK_MONOTONIC in nanoseconds. */
  readonly ns: bigint;
}

/** How many records there are; what is no event counts too. */
export function entriesIn(file: string): number {
  return Math.floor(statSync(file).size / SIZE);
}

export function readLog(file: string): Entry[] {
  const bytes = readFileSync(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / SIZE) }, (_, index) => {
    const at = index * SIZE;
    const word = (offset: number): number => view.getUint32(at + offset, LITTLE);
    return {
      what: word(0),
      pid: word(4),
      tid: word(8),
      pe: word(12),
      value: Number(view.getBigUint64(at + 16, LITTLE)),
      ns: view.getBigUint64(at + 24, LITTLE),
    };
  });
}

export const isEvent = ({ what }: Entry): boolean => what <= What.driver;
