import { mkdtemp, rmdir } from 'node:fs/promises';
import { rmdirSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

import { serveDevices, type ServeOptions } from '../devfs/index.ts';
import { MountError, type Mount } from '../fuse/index.ts';
import type { Adapter } from '../core/index.ts';
import { UserError } from './verb.ts';

/** Device files being served; taken down by `close`, and in any case when the process ends. */
export interface Serving {
  readonly directory: string;
  /** st_dev of its files. */
  readonly device: { readonly major: number; readonly minor: number };
  /** Resolves when the mount is gone, whoever took it away. */
  readonly closed: Promise<void>;
  close(): Promise<void>;
}

/**
 * Mounts on `directory`, or on a new temporary one that goes away again.
 * @throws UserError with the reason and the remedy when it cannot be mounted
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
    throw error instanceof MountError ? new UserError(error.message, { cause: error }) : error;
  }
  // The last resort: also after an exception that nobody caught nothing stays mounted.
  const atExit = (): void => {
    mounted.unmountSync();
    if (temporary !== undefined) rmdirSync(temporary);
  };
  process.on('exit', atExit);
  return {
    directory: mounted.directory,
    // As every file system without a disk has it; FUSE numbers its connections by the minor.
    device: { major: 0, minor: mounted.connection },
    closed: mounted.closed,
    async close(): Promise<void> {
      await mounted.unmount();
      process.off('exit', atExit);
      if (temporary !== undefined) await rmdir(temporary);
    },
  };
}

/** SIGINT, SIGTERM and SIGHUP, from when this is made: none of them ends the process before it has cleaned up. */
export class EndSignals {
  /** The first that came. */
  readonly first: Promise<NodeJS.Signals>;
  /** The first that came, if one has. */
  caught: NodeJS.Signals | undefined;
  #patient = true;

  constructor() {
    this.first = new Promise(resolve => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.on(signal, () => {
          // Who asks twice does not want to wait; the exit handlers still run.
          if (this.caught !== undefined && this.#patient) process.exit(128 + constants.signals[signal]);
          this.caught ??= signal;
          resolve(signal);
        });
      }
    });
  }

  /** From now on signals are somebody else's business. */
  ignore(): void {
    this.#patient = false;
  }
}
