import { mkdtemp, rmdir } from 'node:fs/promises';
import { rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { Adapter } from '../core/index.ts';
import type { Mount } from '../fuse/index.ts';
import { atProcessExit } from './process-exit.ts';
import { serveDevices, type ServeOptions } from './serve.ts';

/** Device files being served; taken down by `close`, and in any case when the process ends. */
export interface Serving {
  readonly directory: string;
  /** st_dev of its files. */
  readonly device: { readonly major: number; readonly minor: number };
  /** Whether the directory was made for it, and goes away with it. */
  readonly temporary: boolean;
  /** Resolves when the mount is gone, whoever took it away. */
  readonly closed: Promise<void>;
  /** May be called again. @throws MountError EIO when the mount cannot be taken away */
  close(): Promise<void>;
}

/**
 * Mounts on `directory`, or on a new temporary one that goes away again.
 * @throws MountError with the reason and the remedy when it cannot be mounted
 */
export async function startServing(
  directory: string | undefined,
  adapters: readonly Adapter[],
  options: ServeOptions,
): Promise<Serving> {
  const temporary = directory === undefined ? await mkdtemp(join(tmpdir(), 'afukit-')) : undefined;
  let mounted: Mount;
  try {
    mounted = await serveDevices(directory ?? temporary!, adapters, options);
  } catch (error) {
    if (temporary !== undefined) await rmdir(temporary);
    throw error;
  }
  // The last resort: also after an exception that nobody caught nothing stays mounted.
  const calledOff = atProcessExit(() => {
    mounted.unmountSync();
    if (temporary !== undefined) removeQuietly(temporary);
  });
  const close = async (): Promise<void> => {
    await mounted.unmount();
    calledOff();
    if (temporary !== undefined) await rmdir(temporary);
  };
  let closing: Promise<void> | undefined;
  return {
    directory: mounted.directory,
    // As every file system without a disk has it; FUSE numbers its connections by the minor.
    device: { major: 0, minor: mounted.connection },
    temporary: temporary !== undefined,
    closed: mounted.closed,
    close() {
      closing ??= close().catch((error: unknown) => {
        closing = undefined;
        throw error;
      });
      return closing;
    },
  };
}

function removeQuietly(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // Still in somebody's use; nobody is left who could be told.
  }
}
