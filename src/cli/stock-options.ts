import * as v from 'valibot';

import type { StockModelName } from '../afu/index.ts';

/** A whole number in a range. */
export const whole = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));

/** What a timer takes. */
const milliseconds = v.optional(
  v.pipe(v.number(), v.minValue(1, 'must be 1 or more milliseconds'), v.maxValue(0x7fff_ffff)),
);

/** Of every model: how long things take. */
export const timing: v.ObjectEntries = { doorbellMs: milliseconds, attachTimeoutMs: milliseconds };

const register = v.strictObject({
  offset: whole(0, 0xffff_fffc),
  width: v.picklist([4, 8]),
  order: v.optional(v.picklist(['big', 'little', 'host'])),
  readOnly: v.optional(v.boolean()),
  doorbell: v.optional(v.boolean()),
  reset: v.optional(v.pipe(v.bigint('must be a bigint, such as 5n'), v.minValue(0n))),
});

/** The options of stock models, beside those of every AFU. */
export const stockOptions: Readonly<Record<StockModelName, v.ObjectEntries>> = {
  ticker: { periodUs: v.optional(v.pipe(v.number(), v.minValue(1, 'must be 1 or more microseconds'))) },
  echo: { capacity: v.optional(whole(1, 1_048_576)) },
  memcpy: { chunkBytes: v.optional(whole(4096, 2 ** 30)), queueLength: v.optional(whole(1, 65_536)) },
  null: {},
  registers: {
    registers: v.optional(v.record(v.string(), register)),
    interrupts: v.optional(v.record(v.string(), whole(0, 2037))),
    onDoorbell: v.optional(v.function('must be a function (element, register, value)')),
  },
};
