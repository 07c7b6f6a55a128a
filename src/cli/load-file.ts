import { access, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { messageOf } from '../core/index.ts';
import { UserError } from './verb.ts';

/** Where this package's own entries are, so that a file finds `afukit` also where its project has not installed it. */
export function ownEntries(): Record<string, string> {
  const root = new URL('../../../', import.meta.url);
  const manifest = createRequire(import.meta.url)(fileURLToPath(new URL('package.json', root))) as {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
  };
  const entries: Record<string, string> = {};
  for (const [subpath, target] of Object.entries(manifest.exports)) {
    if (typeof target !== 'string') entries[`afukit${subpath.slice(1)}`] = fileURLToPath(new URL(target.default, root));
  }
  return entries;
}

/**
 * The default export of a TypeScript or JavaScript file, loaded anew at each call; a function is called for it. Node 20
 * reads no TypeScript, and Node never reads a module twice.
 * @param name how messages call the file
 * @throws UserError that names the file and what is wrong with it
 */
export async function loadFile(path: string, name: string): Promise<unknown> {
  if (!(await exists(path))) throw new UserError(`${name}: no such file`);
  const { createJiti } = await import('jiti');
  const jiti = createJiti(import.meta.url, {
    alias: ownEntries(),
    fsCache: false,
    moduleCache: false,
    interopDefault: false,
  });
  let exported: unknown;
  try {
    // jiti would leave .mjs, and .js in a project of modules, to Node.
    const how = { filename: path, async: true, forceTranspile: true };
    exported = ((await jiti.evalModule(await readFile(path, 'utf8'), how)) as { default?: unknown }).default;
    if (typeof exported === 'function') exported = await (exported as () => unknown)();
  } catch (error) {
    throw new UserError(`${name}: cannot be loaded: ${oneLine(error)}`, { cause: error });
  }
  if (exported === undefined) throw new UserError(`${name}: has no default export`);
  return exported;
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** On one line, with the place that a syntax error names on a line of its own. */
function oneLine(error: unknown): string {
  return messageOf(error)
    .split('\n')
    .map(line => line.trim())
    .filter(line => line !== '' && !line.startsWith('- ') && line !== 'Require stack:')
    .join(': ');
}
