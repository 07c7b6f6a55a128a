// npm run demo: sets up what is missing, then runs `afukit demo`.
import { prepare, root, run } from './setup.mjs';

prepare();
process.exitCode = run(process.execPath, [`${root}/dist/src/cli/main.js`, 'demo', ...process.argv.slice(2)]);
