/**
 * A program that serves a device, holds it open itself, and starts another program meanwhile, as a test runner that uses
 * afukit does: `node self-holder.js DIRECTORY`. Says `spawned` and `unmounted`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { afuOptions, echo } from '../../src/afu/index.ts';
import { Adapter } from '../../src/core/index.ts';
import { serveDevices } from '../../src/devfs/index.ts';

const mount = await serveDevices(process.argv[2]!, [new Adapter({ afus: [afuOptions(echo())] })]);
const handle = await open(join(mount.directory, 'dev/cxl/afu0.0s'), 'r+');
await once(spawn('true', { stdio: 'ignore' }), 'close');
console.log('spawned');
await mount.unmount();
console.log('unmounted');
await handle.close();
