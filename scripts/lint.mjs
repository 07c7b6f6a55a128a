// npm run lint: formatting, lint rules with types, and the arrows between the rooms; all are run, any failure fails.
import { prepare, root, run } from './setup.mjs';

prepare();
const bin = name => `${root}/node_modules/.bin/${name}`;
const failed = [
  ['oxfmt', run(bin('oxfmt'), ['--check'])],
  ['oxlint', run(bin('oxlint'), ['--type-aware', '--deny-warnings'])],
  ['examples', run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.examples.json'])],
  ['arrows', run(process.execPath, ['scripts/check-arrows.mjs'])],
].filter(([, status]) => status !== 0);
for (const [name] of failed) process.stderr.write(`lint: ${name} failed\n`);
process.exitCode = failed.length ? 1 : 0;
