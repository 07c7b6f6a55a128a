// What every device server of the benchmarks does with its mount.
import type { Adapter } from '../src/core/index.ts';
import { serveDevices } from '../src/devfs/index.ts';

/** Serves one card on `directory` and prints "ready"; SIGTERM, SIGINT and SIGHUP unmount it and end with status 0. */
export async function serveUntilSignal(directory: string, adapter: Adapter): Promise<void> {
  const mount = await serveDevices(directory, [adapter]);
  process.on('exit', () => mount.unmountSync());
  const end = (): void => void mount.unmount().then(() => process.exit(0));
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
  process.stdout.write('ready\n');
}

/** Runs a server program's `main`; what goes wrong is one line and status 1. */
export async function runServer(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  }
}
