import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileFunction } from 'node:vm';

import type { DriverCheck, DriverFile } from '../check/index.ts';
import { messageOf, CxlError, type AfuDriver } from '../core/index.ts';
import { defineDriver } from '../driver/index.ts';
import { exists, ownEntries } from './load-file.ts';
import { UserError } from './verb.ts';

type Evaluate = (
  exports: object,
  require: (id: string) => unknown,
  module: object,
  file: string,
  folder: string,
) => void;

/**
 * A driver's file as something that can be evaluated again and again, in microseconds: each time with variables of its own.
 * What it imports is loaded once.
 * @param name how messages call the file
 * @throws UserError that names the file and what is wrong with it
 */
export async function driverLoader(path: string, name: string): Promise<() => DriverFile> {
  if (!(await exists(path))) throw new UserError(`${name}: no such file`);
  const { createJiti } = await import('jiti');
  const jiti = createJiti(path, { alias: ownEntries(), fsCache: false, interopDefault: false });
  try {
    const source = await readFile(path, 'utf8');
    const code = jiti.transform({ source, filename: path, ts: true, async: false });
    const imports = new Map<string, unknown>();
    for (const [, id] of code.matchAll(/\brequire\("([^"]+)"\)/g))
      if (id) imports.set(id, await imported(jiti, path, id));
    const evaluate = compileFunction(code, ['exports', 'require', 'module', '__filename', '__dirname'], {
      filename: path,
    }) as Evaluate;
    const load = (): DriverFile => {
      const module = { exports: {} as { default?: unknown; check?: DriverCheck } };
      evaluate(module.exports, id => imports.get(id), module, path, dirname(path));
      const { default: exported, check } = module.exports;
      if (exported === undefined) throw new UserError('has no default export');
      const driver = (typeof exported === 'function' ? (exported as () => unknown)() : exported) as AfuDriver;
      return { driver: defineDriver(driver), check };
    };
    load();
    return load;
  } catch (error) {
    if (error instanceof CxlError || error instanceof UserError) {
      throw new UserError(`${name}: ${error.message}`, { cause: error });
    }
    const message = messageOf(error);
    throw new UserError(`${name}: cannot be loaded: ${message.split('\n', 1)[0]}`, { cause: error });
  }
}

/** Our own entries are this process's: a second copy of the core would not know the first one's modules. */
function imported(jiti: { import(id: string): Promise<unknown> }, path: string, id: string): Promise<unknown> {
  const own = ownEntries()[id];
  if (own !== undefined) return import(pathToFileURL(own).href);
  if (id.startsWith('node:')) return Promise.resolve(createRequire(path)(id));
  return jiti.import(id);
}
