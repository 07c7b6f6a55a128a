import { channel } from 'node:diagnostics_channel';

import { connectTracepoints, type Adapter } from '../core/index.ts';
import { mount, type Mount, type MountOptions } from '../fuse/index.ts';
import type { Modules } from './modules.ts';
import { DeviceFiles, type DevicePermissions } from './device-files.ts';
import { deviceTree } from './tree.ts';

export interface ServeOptions extends MountOptions {
  readonly permissions?: Partial<DevicePermissions> | undefined;
  /** The driver modules, for `debug/cxl/modules`; default: it is not there. */
  readonly modules?: Modules | undefined;
  /** Told what was injected, and why something was refused, one line each; default: nobody is. */
  readonly log?: ((line: string) => void) | undefined;
}

/**
 * Mounts the device files of `adapters` on `directory` and serves them until the mount goes away. A stale mount that a
 * dead server left there is cleared first.
 * @throws MountError, whose message says what is wrong and what to do
 */
export async function serveDevices(
  directory: string,
  adapters: readonly Adapter[],
  options: ServeOptions = {},
): Promise<Mount> {
  const { permissions, modules, log, ...mountOptions } = options;
  connectTracepoints(channel);
  const files = new DeviceFiles(permissions);
  const mounted = await mount(directory, deviceTree(adapters, files, modules, log), mountOptions);
  void mounted.closed.then(() => files.lingering.releaseAll());
  return mounted;
}
