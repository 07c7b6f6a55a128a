// npm run bench: sets up what is missing, then measures.
import { needPackages } from './packages.mjs';
import { prepare } from './setup.mjs';

prepare();
// What nobody could install is named again by those measures that need it.
const asked = process.argv.some(argument => argument === '--help' || argument === '-h');
if (!asked) needPackages(['gcc', 'libc6-dev', 'fuse3', 'mount', 'util-linux', 'pkg-config', 'libfuse3-dev']);
// In this process, so that a signal ends the benchmark itself and not only what waits for it.
await import('../dist/bench/main.js');
