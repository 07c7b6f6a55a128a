import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

import * as v from 'valibot';

import { afuOptions, stockModel, type AfuDefinition, type StockModelName } from '../afu/index.ts';
import { Adapter, MAX_ADAPTERS, MAX_PROCESS_ELEMENTS, MAX_SLICES } from '../core/index.ts';
import type { DevicePermissions } from '../devfs/index.ts';
import { UserError } from './verb.ts';

/** A configuration as it is served. */
export interface Served {
  readonly adapters: readonly Adapter[];
  readonly permissions: Partial<DevicePermissions>;
}

const names = ['afukit.config.ts', 'afukit.config.mts', 'afukit.config.js', 'afukit.config.mjs'];
const byDefault = { adapters: [{ afus: [{ model: 'ticker' }, { model: 'echo' }] }] };

const whole = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const callback = v.custom<() => void>(value => typeof value === 'function', 'must be a function');

const driver = v.looseObject({ name: v.pipe(v.string(), v.nonEmpty('a driver needs a name')) });
const model = v.looseObject({ name: v.string(), attach: callback });
const descriptor = {
  driver: v.optional(driver),
  modes: v.optional(v.pipe(v.array(v.picklist(['dedicated_process', 'afu_directed'])), v.minLength(1))),
  numProcs: v.optional(whole(1, MAX_PROCESS_ELEMENTS)),
  irqsMin: v.optional(whole(0, 2037)),
  irqsMax: v.optional(whole(0, 2037)),
  eventsPerRead: v.optional(whole(1, 65_536)),
};
const own = v.strictObject({ ...descriptor, model });
const ticker = v.strictObject({
  ...descriptor,
  model: v.literal('ticker'),
  periodUs: v.optional(v.pipe(v.number(), v.minValue(1, 'must be 1 or more microseconds'))),
});
const { driver: _, ...withoutDriver } = descriptor;
const echo = v.strictObject({ ...withoutDriver, model: v.literal('echo'), capacity: v.optional(whole(1, 1_048_576)) });
const byName = { ticker, echo } satisfies Record<StockModelName, v.GenericSchema>;

const stockNames = Object.keys(byName).toSorted().join(', ');
const afu = v.lazy((input): v.GenericSchema => {
  const named = (input as { model?: unknown } | undefined)?.model;
  if (typeof named !== 'string') return own;
  if (Object.hasOwn(byName, named)) return byName[named as keyof typeof byName];
  return v.object({ model: v.custom(() => false, `unknown model "${named}"; the stock models are ${stockNames}`) });
});
const schema = v.strictObject({
  adapters: v.pipe(
    v.array(
      v.strictObject({
        card: v.optional(whole(0, MAX_ADAPTERS - 1)),
        afus: v.pipe(v.array(afu), v.minLength(1, 'needs at least one AFU'), v.maxLength(MAX_SLICES)),
      }),
    ),
    v.minLength(1, 'needs at least one adapter'),
    v.maxLength(MAX_ADAPTERS),
  ),
  permissions: v.optional(
    v.strictObject({
      owner: v.optional(v.union([v.string(), whole(0, 0xffff_fffe)])),
      group: v.optional(v.union([v.string(), whole(0, 0xffff_fffe)])),
      mode: v.optional(v.union([whole(0, 0o777), v.pipe(v.string(), v.regex(/^0?[0-7]{3}$/, 'must be like "0660"'))])),
    }),
  ),
});

/**
 * Loads the configuration `file`, or the one in the current directory, or the default.
 * @throws UserError that names the file and the place in it
 */
export async function loadConfig(file: string | undefined): Promise<Served> {
  const path = file === undefined ? await findConfig() : resolve(file);
  if (path === undefined) return served(byDefault, 'the default configuration');
  const loaded = await load(path, file ?? path);
  return served(loaded, file ?? path);
}

async function findConfig(): Promise<string | undefined> {
  for (const name of names) if (await exists(resolve(name))) return resolve(name);
  return undefined;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function load(path: string, name: string): Promise<unknown> {
  if (!(await exists(path))) throw new UserError(`${name}: no such file; name an existing one with --config`);
  let exported: unknown;
  try {
    exported = /^\.[cm]?ts$/.test(extname(path)) ? await importTypeScript(path) : await importJavaScript(path);
    if (typeof exported === 'function') exported = await (exported as () => unknown)();
  } catch (error) {
    throw new UserError(`${name}: cannot be loaded: ${firstLine(error)}`, { cause: error });
  }
  if (exported === undefined) {
    throw new UserError(`${name}: has no default export; write "export default defineConfig({ ... })"`);
  }
  return exported;
}

async function importJavaScript(path: string): Promise<unknown> {
  return ((await import(pathToFileURL(path).href)) as { default?: unknown }).default;
}

/** Node 20 does not read TypeScript; `afukit` itself is found also where the file's own project has not installed it. */
async function importTypeScript(path: string): Promise<unknown> {
  const { createJiti } = await import('jiti');
  const manifest = (await import('node:module')).createRequire(import.meta.url)('../../../package.json') as {
    exports: Record<string, string | { default: string }>;
  };
  const alias = Object.fromEntries(
    Object.entries(manifest.exports).flatMap(([subpath, target]) =>
      typeof target === 'string'
        ? []
        : [[`afukit${subpath.slice(1)}`, fileURLToPath(new URL(`../../../${target.default}`, import.meta.url))]],
    ),
  ) as Record<string, string>;
  const loaded = await createJiti(import.meta.url, { alias, fsCache: false, moduleCache: false }).import(path);
  return (loaded as { default?: unknown }).default;
}

async function served(config: unknown, name: string): Promise<Served> {
  const checked = v.safeParse(schema, config);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new UserError(`${name}: ${place(v.getDotPath(issue))}${issue.message}`);
  }
  const { adapters, permissions = {} } = checked.output;
  try {
    return {
      adapters: numbered(adapters).map(
        ({ card, afus }) => new Adapter({ card, afus: afus.map(entry => afuOptions(definition(entry))) }),
      ),
      permissions: {
        ...(permissions.owner === undefined ? {} : { uid: await id('passwd', permissions.owner) }),
        ...(permissions.group === undefined ? {} : { gid: await id('group', permissions.group) }),
        ...(permissions.mode === undefined ? {} : { mode: bits(permissions.mode) }),
      },
    };
  } catch (error) {
    if (error instanceof RangeError || error instanceof UserError) throw new UserError(`${name}: ${error.message}`);
    throw error;
  }
}

/** `adapters.0.afus.1.model` as a JavaScript programmer writes it. */
function place(path: string | null): string {
  return path === null ? '' : `${path.replace(/\.(\d+)/g, '[$1]')}: `;
}

/** Gives each adapter without a card number the lowest free one. */
function numbered<A extends { card?: number | undefined }>(adapters: readonly A[]): (A & { card: number })[] {
  const taken = new Set<number>();
  for (const { card } of adapters) {
    if (card === undefined) continue;
    if (taken.has(card)) throw new UserError(`adapters: two have the card number ${card}`);
    taken.add(card);
  }
  return adapters.map(adapter => {
    let { card } = adapter;
    for (let free = 0; card === undefined; free++) if (!taken.has(free)) card = free;
    taken.add(card);
    return { ...adapter, card };
  });
}

function definition(entry: unknown): AfuDefinition {
  const { model: named, ...options } = entry as { model: unknown };
  if (typeof named !== 'string') return entry as AfuDefinition;
  return stockModel(named)!(options);
}

/** A user's or group's number, looked up where the system keeps them. */
async function id(database: 'passwd' | 'group', name: string | number): Promise<number> {
  if (typeof name === 'number') return name;
  if (/^\d+$/.test(name)) return Number(name);
  try {
    const { stdout } = await promisify(execFile)('getent', [database, name]);
    return Number(stdout.split(':')[2]);
  } catch {
    throw new UserError(`permissions: no ${database === 'passwd' ? 'user' : 'group'} "${name}" on this machine`);
  }
}

/** Permission bits, whose text is octal as chmod(1)'s is. */
function bits(mode: string | number): number {
  return typeof mode === 'string' ? Number.parseInt(mode, 8) : mode;
}

function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n', 1)[0]!;
}
