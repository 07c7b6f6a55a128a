import { execFile } from 'node:child_process';
import { dirname, relative, resolve } from 'node:path';
import { promisify } from 'node:util';

import * as v from 'valibot';

import { afuOptions, stockModel, type AfuDefinition } from '../afu/index.ts';
import { Adapter, CxlError, DriverModule, withCardNumbers, type AfuDriver } from '../core/index.ts';
import { Modules, sectionDebug, type DevicePermissions } from '../devfs/index.ts';
import { defineDriver } from '../driver/index.ts';
import { configSchema } from './config-schema.ts';
import { exists, loadFile } from './load-file.ts';
import { modelGuard } from './model-guard.ts';
import { UserError } from './verb.ts';

/** A configuration as it is served. */
export interface Served {
  readonly adapters: readonly Adapter[];
  readonly permissions: Partial<DevicePermissions>;
  readonly modules: Modules;
}

const names = ['afukit.config.ts', 'afukit.config.mts', 'afukit.config.js', 'afukit.config.mjs'];
const byDefault = { adapters: [{ afus: [{ model: 'ticker' }, { model: 'echo' }] }] };

/**
 * Loads the configuration `file`, or the one in the current directory, or the default.
 * @throws UserError that names the file and the place in it
 */
export async function loadConfig(file: string | undefined): Promise<Served> {
  const path = file === undefined ? await findConfig() : resolve(file);
  if (path === undefined) return served(byDefault, 'the default configuration', '.');
  const name = file ?? path;
  return served(await loadFile(path, name), name, dirname(path));
}

async function findConfig(): Promise<string | undefined> {
  for (const name of names) if (await exists(resolve(name))) return resolve(name);
  return undefined;
}

async function served(config: unknown, name: string, directory: string): Promise<Served> {
  const checked = v.safeParse(configSchema, config);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new UserError(`${name}: ${place(v.getDotPath(issue))}${explained(issue)}`);
  }
  const { adapters, permissions = {}, debug = false, callbackBudgetMs } = checked.output;
  const drivers = new DriverFiles(directory);
  const sections = debug ? sectionDebug() : undefined;
  const guard = modelGuard();
  try {
    const made: Adapter[] = [];
    for (const { afus, ...card } of withCardNumbers(adapters)) {
      const options = [];
      for (const entry of afus) options.push(afuOptions(await definition(entry, drivers)));
      made.push(new Adapter({ ...card, afus: options, callbackBudgetMs, sections, guard }));
    }
    return {
      adapters: made,
      modules: new Modules(
        made,
        drivers.files,
        file => drivers.load(file),
        line => process.stderr.write(`afukit: ${line}\n`),
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

/** Drivers that a configuration names by their files; AFUs with the same file have the same module. */
class DriverFiles {
  readonly files = new Map<DriverModule, string>();
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async module(file: string): Promise<DriverModule> {
    const path = resolve(this.#directory, file);
    for (const [module, loaded] of this.files) if (loaded === path) return module;
    const module = new DriverModule(await this.load(path));
    this.files.set(module, path);
    return module;
  }

  /** @throws UserError when the file's default export is not a driver */
  async load(path: string): Promise<AfuDriver> {
    const name = relative('.', path);
    try {
      return defineDriver((await loadFile(path, name)) as AfuDriver);
    } catch (error) {
      throw error instanceof CxlError ? new UserError(`${name}: ${error.message}`, { cause: error }) : error;
    }
  }
}

/** What valibot says of a field that is too many or too few is not plain English. */
function explained(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== 'strict_object') return issue.message;
  return issue.expected === 'never' ? `unknown field ${issue.received}` : `the field ${issue.expected} is missing`;
}

/** `adapters.0.afus.1.model` as a JavaScript programmer writes it. */
function place(path: string | null): string {
  return path === null ? '' : `${path.replace(/\.(\d+)/g, '[$1]')}: `;
}

async function definition(entry: unknown, drivers: DriverFiles): Promise<AfuDefinition> {
  const { model: named, ...rest } = entry as AfuDefinition & { model: unknown; driver?: unknown };
  const options = typeof rest.driver === 'string' ? { ...rest, driver: await drivers.module(rest.driver) } : rest;
  if (typeof named === 'string') return stockModel(named)!(options);
  return { ...options, model: named };
}

/** A user's or group's number, looked up where the system keeps them. */
async function id(database: 'passwd' | 'group', name: string | number): Promise<number> {
  if (typeof name === 'number') return name;
  if (/^\d+$/.test(name)) return Number(name);
  try {
    const { stdout } = await promisify(execFile)('getent', ['--', database, name]);
    return Number(stdout.split(':')[2]);
  } catch {
    throw new UserError(`permissions: no ${database === 'passwd' ? 'user' : 'group'} "${name}" on this machine`);
  }
}

/** Permission bits, whose text is octal as chmod(1)'s is. */
function bits(mode: string | number): number {
  return typeof mode === 'string' ? Number.parseInt(mode, 8) : mode;
}
