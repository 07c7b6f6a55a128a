import * as v from 'valibot';

import type { AfuModel, StockModelName } from '../afu/index.ts';
import { MAX_ADAPTERS, MAX_PROCESS_ELEMENTS, MAX_SLICES, type AfuDriver, type AfuOptions } from '../core/index.ts';
import { defineDriver } from '../driver/index.ts';
import type { AdapterConfig, AfukitConfig } from './define-config.ts';
import { stockOptions, timing, whole } from './stock-options.ts';

/** Whether these have names, and a model its attach; they are used as they are, since copies would lose their classes. */
const named = (value: unknown): boolean => typeof (value as { name?: unknown } | null)?.name === 'string';
const attaches = (value: unknown): boolean => typeof (value as { attach?: unknown } | null)?.attach === 'function';
const driverOrFile = v.custom<AfuDriver | string>(
  value => (typeof value === 'string' ? value !== '' : isDriver(value)),
  'must be a driver with a name and functions that are not async, or the path of its file',
);

function isDriver(value: unknown): boolean {
  try {
    return named(value) && defineDriver(value as AfuDriver) === value;
  } catch {
    return false;
  }
}

const model = v.custom<AfuModel>(
  value => named(value) && attaches(value),
  'must be the name of a stock model, or an object with a name and attach(element)',
);
const bytes = (what: string): v.GenericSchema<unknown, Uint8Array> =>
  v.pipe(
    v.custom<Uint8Array | readonly number[] | string>(isBytes, `must be ${what}`),
    // An array of the model's own is kept: what the model writes there later is to be seen.
    v.transform(value => {
      if (typeof value === 'string') return new TextEncoder().encode(value);
      return value instanceof Uint8Array ? value : Uint8Array.from(value);
    }),
  );

function isBytes(value: unknown): boolean {
  if (typeof value === 'string' || value instanceof Uint8Array) return true;
  return Array.isArray(value) && value.every(each => Number.isInteger(each) && each >= 0 && each <= 0xff);
}

const multiple = (unit: number, least: number, most: number): v.GenericSchema<number> =>
  v.pipe(
    v.number(),
    v.check(
      value => value % unit === 0 && value >= least && value <= most,
      ({ input }) => `must be a multiple of ${unit} from ${least} to ${most}, not ${String(input)}`,
    ),
  );
const MOST_BYTES = 2 ** 32;
const problemState = v.strictObject({
  size: multiple(65_536, 65_536, MOST_BYTES),
  perProcess: v.optional(
    v.strictObject({ offset: multiple(4096, 0, MOST_BYTES), size: multiple(4096, 4096, MOST_BYTES) }),
  ),
});
const configurationRecord = v.strictObject({
  vendor: whole(0, 0xffff),
  device: whole(0, 0xffff),
  class: whole(0, 0xff_ffff),
  config: v.optional(
    v.pipe(
      bytes('a Uint8Array, an array of numbers from 0 to 255, or a string'),
      v.check(({ length }) => length >= 1 && length <= 4096, 'must have 1 to 4096 bytes'),
    ),
  ),
});
const descriptor = {
  driver: v.optional(driverOrFile),
  copyFault: v.optional(v.picklist(['keep', 'drop'])),
  modes: v.optional(v.pipe(v.array(v.picklist(['dedicated_process', 'afu_directed'])), v.minLength(1))),
  numProcs: v.optional(whole(1, MAX_PROCESS_ELEMENTS)),
  irqsMin: v.optional(whole(0, 2037)),
  irqsMax: v.optional(whole(0, 2037)),
  eventsPerRead: v.optional(whole(1, 65_536)),
  ...timing,
  problemState: v.optional(problemState),
  configurationRecords: v.optional(v.array(configurationRecord)),
  prefault: v.optional(v.picklist(['none', 'work_element_descriptor', 'all'])),
  errorBuffer: v.optional(bytes('a Uint8Array, an array of numbers from 0 to 255, or a string')),
};
/** What concerns several fields is checked here too, since the core does not know the place in the file. */
const entry = (entries: v.ObjectEntries): v.GenericSchema =>
  v.pipe(
    v.strictObject(entries),
    v.check(value => {
      const { irqsMin = 1, irqsMax = Infinity } = value as Partial<AfuOptions>;
      return irqsMin <= irqsMax;
    }, 'irqsMax is below irqsMin'),
    v.check(
      value => windowsFit(value as Partial<AfuOptions>),
      'the windows of problemState.perProcess, one for each of numProcs, do not fit in problemState.size',
    ),
  );

function windowsFit({ problemState: area, numProcs = 512, modes = ['afu_directed'] }: Partial<AfuOptions>): boolean {
  if (!area?.perProcess) return true;
  const { offset, size } = area.perProcess;
  return offset + size * (modes.includes('afu_directed') ? numProcs : 1) <= area.size;
}
const own = entry({ ...descriptor, model });
const { driver: _, ...withoutDriver } = descriptor;
const stock = (name: StockModelName, entries: v.ObjectEntries = descriptor): v.GenericSchema =>
  entry({ ...entries, ...stockOptions[name], model: v.literal(name) });
const byName: Readonly<Record<StockModelName, v.GenericSchema>> = {
  ticker: stock('ticker'),
  echo: stock('echo', withoutDriver),
  memcpy: stock('memcpy'),
  null: stock('null'),
  registers: stock('registers'),
};

const stockNames = Object.keys(byName).toSorted().join(', ');
const afu = v.lazy((input): v.GenericSchema => {
  const name = (input as { model?: unknown } | undefined)?.model;
  if (typeof name !== 'string') return own;
  if (Object.hasOwn(byName, name)) return byName[name as keyof typeof byName];
  return v.object({ model: v.custom(() => false, `unknown model "${name}"; the stock models are ${stockNames}`) });
});
/** Of a user or group; the number after the last means nobody, and to leave things as they are. */
const LAST_ID = 0xffff_fffe;
const nameOrId = v.union([
  v.pipe(
    v.string(),
    v.check(text => !/^\d+$/.test(text) || Number(text) <= LAST_ID, `must be a name, or a number up to ${LAST_ID}`),
  ),
  whole(0, LAST_ID),
]);

/** A configuration that was checked; its AFUs have their byte arrays as such. */
export interface CheckedConfig {
  readonly adapters: readonly (Omit<AdapterConfig, 'afus'> & { readonly afus: readonly unknown[] })[];
  readonly debug?: boolean | undefined;
  readonly callbackBudgetMs?: number | undefined;
  readonly permissions?: AfukitConfig['permissions'];
}

export const configSchema: v.GenericSchema<unknown, CheckedConfig> = v.strictObject({
  adapters: v.pipe(
    v.array(
      v.strictObject({
        card: v.optional(whole(0, MAX_ADAPTERS - 1)),
        guest: v.optional(v.boolean()),
        description: v.optional(
          v.strictObject({
            caiaVersion: v.exactOptional(v.pipe(v.string(), v.regex(/^\d+\.\d+$/, 'must be like "1.0"'))),
            pslRevision: v.exactOptional(whole(0, 0xffff)),
            baseImage: v.exactOptional(whole(0, 0xffff)),
            imageLoaded: v.exactOptional(v.picklist(['user', 'factory'])),
            pslTimebaseSynced: v.exactOptional(v.boolean()),
            tunneledOpsSupported: v.exactOptional(v.boolean()),
          }),
        ),
        afus: v.pipe(v.array(afu), v.minLength(1, 'needs at least one AFU'), v.maxLength(MAX_SLICES)),
      }),
    ),
    v.minLength(1, 'needs at least one adapter'),
    v.maxLength(MAX_ADAPTERS),
  ),
  debug: v.optional(v.boolean()),
  callbackBudgetMs: v.optional(v.pipe(v.number(), v.minValue(0))),
  permissions: v.optional(
    v.strictObject({
      owner: v.optional(nameOrId),
      group: v.optional(nameOrId),
      mode: v.optional(v.union([whole(0, 0o777), v.pipe(v.string(), v.regex(/^0?[0-7]{3}$/, 'must be like "0660"'))])),
    }),
  ),
});
