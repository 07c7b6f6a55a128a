/**
 * The counterpart of `peers/copy.c --peer`: the memcpy accelerator behind a device file.
 *
 *     node dist/bench/copier.js MOUNTPOINT
 *
 * The file is MOUNTPOINT/dev/cxl/afu0.0s. Prints "ready" once mounted; SIGTERM and SIGINT unmount it.
 */
import { afuOptions, memcpy } from '../src/afu/index.ts';
import { Adapter } from '../src/core/index.ts';
import { runServer, serveUntilSignal } from './served.ts';

await runServer('copier', async () => {
  const [directory, ...more] = process.argv.slice(2);
  if (directory === undefined || more.length > 0) throw new Error('usage: copier MOUNTPOINT');
  await serveUntilSignal(directory, new Adapter({ afus: [afuOptions(memcpy())] }));
});
