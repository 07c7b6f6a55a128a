// npm run bench: sets up what is missing, then measures.
import { prepare } from './setup.mjs';

prepare();
// In this process, so that a signal ends the benchmark itself and not only what waits for it.
await import('../dist/bench/main.js');
