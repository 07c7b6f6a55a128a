import { cpSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';

import * as driver from 'afukit/driver';
import { config } from 'afukit/config';

import { afukit, root, temporaryDirectory } from './rig.ts';

/** What came with the symbol. */
const SYMBOL = 'CXL_AFU_DRIVER_OPS';
const withSymbol: ReadonlySet<string> = new Set([
  'EventCodec',
  'EventQueue',
  'contextEventsPending',
  'defineEvents',
  'setDriverOps',
]);

/** A directory with an afukit that has no driver events, and with this package, which finds that one. */
export interface Older {
  readonly afukit: string;
  readonly flashDriver: string;
}

/** Makes an afukit as it was before driver events: `afukit/config` lacks the symbol, `afukit/driver` what came with it. */
export async function olderAfukit(t: TestContext): Promise<Older> {
  const directory = await temporaryDirectory(t);
  const older = { afukit: join(directory, 'afukit'), flashDriver: join(directory, 'flash-driver') };
  makeAfukit(older.afukit);
  mkdirSync(join(older.flashDriver, 'node_modules'), { recursive: true });
  symlinkSync('../../afukit', join(older.flashDriver, 'node_modules/afukit'));
  for (const part of ['package.json', 'afukit.config.ts', 'src', 'dist']) {
    cpSync(join(root, part), join(older.flashDriver, part), { recursive: true });
  }
  return older;
}

function makeAfukit(directory: string): void {
  // A copy, because what is linked would find its neighbours in the real one.
  cpSync(join(afukit, 'dist/src'), join(directory, 'dist/src'), { recursive: true });
  mkdirSync(join(directory, 'node_modules'));
  const packages = join(afukit, 'node_modules');
  for (const name of readdirSync(packages)) symlinkSync(join(packages, name), join(directory, 'node_modules', name));
  const manifest = JSON.parse(readFileSync(join(afukit, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  manifest.exports['./driver'] = { default: './driver.js' };
  manifest.exports['./config'] = { default: './config.js' };
  writeFileSync(join(directory, 'package.json'), JSON.stringify(manifest));
  const names = Object.keys(driver).filter(name => !withSymbol.has(name));
  writeFileSync(join(directory, 'driver.js'), `export { ${names.join(', ')} } from './dist/src/driver/index.js';\n`);
  const symbols = Object.keys(config).filter(name => !name.startsWith(SYMBOL));
  const table = JSON.stringify(Object.fromEntries(symbols.map(name => [name, true])));
  writeFileSync(
    join(directory, 'config.js'),
    `export const config = Object.freeze(${table});\nexport const isEnabled = name => Object.hasOwn(config, name);\n`,
  );
}

/** Imports a compiled module of a copy; Node's own import, which refuses a name that is not there. */
export async function importFrom<T>(directory: string, path: string): Promise<T> {
  return (await import(pathToFileURL(join(directory, path)).href)) as T;
}
