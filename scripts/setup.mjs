// What `npm run demo`, `npm test` and `npm run bench` do first on a fresh machine: install and build when missing or stale.
// Uses nothing but Node, because nothing else may be there yet.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const at = path => join(root, path);
const changed = path => (existsSync(at(path)) ? statSync(at(path)).mtimeMs : 0);

/** Written after a build without errors. */
const stamp = 'dist/.built';

function newestSource(directory) {
  let newest = 0;
  for (const entry of readdirSync(at(directory), { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) newest = Math.max(newest, newestSource(path));
    else if (entry.name.endsWith('.ts')) newest = Math.max(newest, changed(path));
  }
  return newest;
}

export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) throw new Error(`cannot start ${command}: ${error.message}`);
  return status ?? (signal ? 128 : 1);
}

function step(title, command, args) {
  process.stderr.write(`${title}\n`);
  // npm's and tsc's output goes to stderr, so that the caller's stdout stays its own.
  const status = run(command, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0) {
    process.stderr.write(`afukit: "${command} ${args.join(' ')}" failed with status ${status}\n`);
    process.exit(status);
  }
}

export function prepare() {
  if (changed('node_modules/.package-lock.json') < changed('package-lock.json')) {
    step('installing dependencies (npm ci) ...', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
  }
  const built = changed(stamp);
  const sources = ['src', 'test', 'bench', 'storm', 'examples'].filter(path => existsSync(at(path)));
  if (built < Math.max(changed('tsconfig.json'), changed('package.json'), ...sources.map(newestSource))) {
    // What is gone from the sources must not be run.
    rmSync(at('dist'), { recursive: true, force: true });
    step('building (tsc) ...', process.execPath, [at('node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json']);
    writeFileSync(at(stamp), '');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) prepare();
