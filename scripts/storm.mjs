// npm run storm: sets up what is missing, then lets it loose.
import { prepare } from './setup.mjs';

prepare();
// In this process, so that a signal ends the storm itself and not only what waits for it.
await import('../dist/storm/main.js');
