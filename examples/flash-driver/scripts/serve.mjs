// npm run serve [-- OPTION...]: builds, then `afukit serve` with this package's configuration.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

import { build, root } from './build.mjs';

build();
const manifest = createRequire(import.meta.url).resolve('afukit/package.json');
const cli = join(dirname(manifest), JSON.parse(readFileSync(manifest, 'utf8')).bin.afukit);
const args = [cli, 'serve', '--config', join(root, 'afukit.config.ts'), ...process.argv.slice(2)];
const server = spawn(process.execPath, args, { stdio: 'inherit' });
// The terminal tells both; the server cleans up first.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => server.kill(signal));
server.on('close', status => (process.exitCode = status ?? 1));
