import { constants } from 'node:os';

import type { Adapter } from '../core/index.ts';
import * as devfs from '../devfs/index.ts';
import { MountError } from '../fuse/index.ts';
import { UserError } from './verb.ts';

/** As {@link devfs.startServing}. @throws UserError with the reason and the remedy when it cannot be mounted */
export async function startServing(
  directory: string | undefined,
  adapters: readonly Adapter[],
  options: devfs.ServeOptions,
): Promise<devfs.Serving> {
  return devfs.startServing(directory, adapters, options).catch((error: unknown) => {
    throw error instanceof MountError ? new UserError(error.message, { cause: error }) : error;
  });
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
