import { endianness } from 'node:os';

import type { ProcessElement } from '../../src/afu/index.ts';
import type { Device } from './device.ts';

type Field = readonly [bytes: 2 | 4 | 8, value: bigint | number];

/** An event's bytes in this machine's order, in hexadecimal: written down here, not asked of the code under test. */
export function eventHex(type: number, fields: readonly Field[], payload = '', pe = 0): string {
  const size = 8 + fields.reduce((sum, [bytes]) => sum + bytes, 0) + payload.length / 2;
  const header: Field[] = [
    [2, type],
    [2, size],
    [2, pe],
    [2, 0],
  ];
  return [...header, ...fields].map(([bytes, value]) => number(bytes, value)).join('') + payload;
}

/** A number as this machine has it in memory, in hexadecimal. */
export function number(bytes: number, value: bigint | number): string {
  const digits = BigInt(value)
    .toString(16)
    .padStart(2 * bytes, '0');
  return endianness() === 'BE' ? digits : digits.match(/../g)!.toReversed().join('');
}

export interface Kind {
  readonly name: string;
  readonly raise: (device: Device, element: ProcessElement) => void;
  /** What the C client says of it. */
  readonly line: string;
  /** What the other clients say of it: every byte. */
  readonly hex: string;
}

const payload = Buffer.from('an event of the driver').toString('hex');

/** One of each, none with a value that would look right by accident. */
export const kinds: readonly Kind[] = [
  {
    name: 'an AFU interrupt',
    raise: (_, element) => element.interrupt(3),
    line: 'event afu_interrupt pe=0 irq=3 size=16',
    hex: eventHex(1, [
      [2, 0],
      [2, 3],
      [4, 0],
    ]),
  },
  {
    name: 'a data storage fault',
    raise: (_, element) => element.fault(0xfedc_ba98_7654_3210n, 0x4000_0000_4200_0000n),
    line: 'event data_storage pe=0 addr=0xfedcba9876543210 dsisr=0x4000000042000000',
    hex: eventHex(2, [
      [2, 0],
      [2, 0],
      [4, 0],
      [8, 0xfedc_ba98_7654_3210n],
      [8, 0x4000_0000_4200_0000n],
      [8, 0],
    ]),
  },
  {
    name: 'an AFU error',
    raise: (_, element) => element.error(0x8000_0000_0000_002an),
    line: 'event afu_error pe=0 error=0x800000000000002a',
    hex: eventHex(3, [
      [2, 0],
      [2, 0],
      [4, 0],
      [8, 0x8000_0000_0000_002an],
    ]),
  },
  {
    name: "an AFU driver's own event",
    raise: device => device.post('an event of the driver'),
    line: `event afu_driver pe=0 data=${payload}`,
    hex: eventHex(4, [], payload),
  },
];
