// npm test [-- FILTER...]: sets up what is missing, then runs every test file, or those whose path holds a filter.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

import { needPackages } from './packages.mjs';
import { prepare, root } from './setup.mjs';

const inCi = Boolean(process.env.CI);
prepare();
// Without them the tests that need them skip and say so; in CI that is a failure.
if (!needPackages(['gcc', 'libc6-dev', 'python3', 'fuse3', 'util-linux', 'mount']) && inCi) process.exit(1);

const filters = process.argv.slice(2);
const files = readdirSync(join(root, 'dist'), { recursive: true })
  .filter(path => path.endsWith('.test.js') && !path.includes('node_modules'))
  .filter(path => filters.length === 0 || filters.some(filter => path.includes(filter)))
  .map(path => join(root, 'dist', path))
  .toSorted();
if (files.length === 0) {
  process.stderr.write(`afukit: no test file matches ${filters.join(' ')}\n`);
  process.exit(2);
}

let skipped = 0;
const events = run({ files, concurrency: availableParallelism(), timeout: 300_000 });
events.on('test:fail', () => (process.exitCode = 1));
events.on('test:pass', ({ skip, details }) => {
  if (skip !== undefined && skip !== false && details?.type !== 'suite') skipped++;
});
events.on('end', () => {
  if (inCi && skipped > 0) {
    process.stderr.write(`afukit: ${skipped} tests were skipped, which in CI is a failure\n`);
    process.exitCode = 1;
  }
});
events.compose(new spec()).pipe(process.stdout);
