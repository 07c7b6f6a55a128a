import { readFileSync } from 'node:fs';

/** A file that the package brings along, in a checkout and where it is installed. */
export function packageFile(path: string): URL {
  return new URL(`../../../${path}`, import.meta.url);
}

/** The package's version. */
export function version(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version;
}
