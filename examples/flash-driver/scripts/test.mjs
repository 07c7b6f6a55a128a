// npm test [-- FILTER...]: builds, then runs every test file, or those whose path holds a filter.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

import { build, root } from './build.mjs';

build();
const directory = join(root, 'dist/test');
const filters = process.argv.slice(2);
const files = readdirSync(directory)
  .filter(name => name.endsWith('.test.js'))
  .filter(name => filters.length === 0 || filters.some(filter => name.includes(filter)))
  .map(name => join(directory, name))
  .toSorted();
const events = run({ files, concurrency: true, timeout: 120_000 });
events.on('test:fail', () => (process.exitCode = 1));
events.compose(new spec()).pipe(process.stdout);
