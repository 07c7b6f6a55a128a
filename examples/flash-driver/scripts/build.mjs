// npm run build: makes `afukit` resolvable where nobody has installed it, and compiles to dist/.
// Uses nothing but Node, because nothing else may be there yet.
import { spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** afukit's own checkout, when this package lies in its examples/. */
const checkout = join(root, '../..');
const installed = join(root, 'node_modules/afukit');

function run(args, cwd) {
  const { status, error } = spawnSync(process.execPath, args, { cwd, stdio: ['ignore', 2, 2] });
  if (error) throw error;
  if (status !== 0) {
    process.stderr.write(`flash-driver: "node ${args.join(' ')}" failed with status ${status}\n`);
    process.exit(status ?? 1);
  }
}

const isCheckout = () => {
  const manifest = join(checkout, 'package.json');
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'afukit';
};

function link() {
  if (existsSync(installed)) return;
  if (!isCheckout()) {
    process.stderr.write('flash-driver: afukit is not installed; install it with "npm install"\n');
    process.exit(1);
  }
  // A link that leads nowhere is in the way.
  if (lstatSync(installed, { throwIfNoEntry: false })) rmSync(installed);
  mkdirSync(dirname(installed), { recursive: true });
  symlinkSync('../../..', installed, 'dir');
}

export function build() {
  link();
  // The checkout installs its packages, TypeScript among them, and builds what is stale.
  if (isCheckout()) run([join(checkout, 'scripts/setup.mjs')], checkout);
  const typescript = createRequire(import.meta.url).resolve('typescript/package.json');
  run([join(dirname(typescript), 'bin/tsc'), '-p', 'tsconfig.json'], root);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) build();
