import {
  CxlError,
  diagnose,
  type Afu,
  type Context,
  type ControlFile,
  type DriverModule,
  type DriverNode,
  type Opener,
} from '../core/index.ts';
import type { Attributes, FileNode, OpenFile, OpenRequest } from '../fuse/index.ts';
import { ContextHandle } from './context-handle.ts';
import type { DeviceFiles } from './device-files.ts';
import { deviceInode, minorOf, views, viewsOf, type View } from './numbers.ts';
import { processOf } from './process.ts';
import { ProcessMemory } from './process-memory.ts';

const handedOut = new WeakMap<Context, ContextHandle>();

/** The open file of a context; undefined when it was opened in process. */
export function handleOf(context: Context): ContextHandle | undefined {
  return handedOut.get(context);
}

/** A device file: each open is a context. */
export class DeviceNode implements FileNode {
  readonly kind = 'file';
  /** Only stat(2) says, for what it says may have gone through preload/cxl-stat.c. */
  readonly listedAs = 'unknown';
  readonly inode: number | undefined;
  readonly mappable: boolean;
  readonly #files: DeviceFiles;
  readonly #context: (opener: Opener) => Context;

  /**
   * @param afus whose contexts it may open
   * @param context opens one, or throws a CxlError
   * @param inode of a file that has a device number
   */
  constructor(files: DeviceFiles, afus: readonly Afu[], context: (opener: Opener) => Context, inode?: number) {
    this.#files = files;
    this.mappable = afus.some(afu => afu.problemState !== undefined);
    this.#context = context;
    this.inode = inode;
  }

  attributes(): Attributes {
    return this.#files.attributes;
  }

  open(request: OpenRequest): OpenFile {
    const { pid: thread, flags } = request;
    const opener: Opener = { pid: processOf(thread), flags, memory: () => ProcessMemory.of(thread) };
    const context = this.#context(opener);
    // As cxl_get_fd says: one descriptor for one context, or the first close would take it from the second.
    if (handedOut.has(context)) throw new CxlError('EEXIST', 'open', `${context.name} has a descriptor already`);
    const window = this.#files.window(context.afu);
    if (window) context.window.use(window);
    const handle = new ContextHandle(context, this.#files, request.poller, window);
    handedOut.set(context, handle);
    context.openedBy = opener.pid;
    return handle;
  }
}

/** `dev/cxl/afuC.S{d,m,s}`; ENXIO for whoever still has the name of one that is not there any more. */
export function viewNode(files: DeviceFiles, afu: Afu, view: View): DeviceNode {
  const { master } = views[view];
  const open = ({ pid }: Opener): Context => {
    if (!viewsOf(afu).includes(view)) throw new CxlError('ENXIO', 'open', `there is no ${afu.name}${view} any more`);
    return afu.openContext({ master, pid });
  };
  return new DeviceNode(files, [afu], open, deviceInode(minorOf(afu, view)));
}

/** The device files that an AFU's driver offers now. */
export function nodesOf(afu: Afu): Readonly<Record<string, DriverNode>> {
  return offered(afu, 'nodes', module => module.driver.nodes?.(afu, module));
}

/** The control files that an AFU's driver offers now. */
export function controlsOf(afu: Afu): Readonly<Record<string, ControlFile>> {
  return offered(afu, 'controls', module => module.driver.controls?.(afu));
}

/** What a hook offers; a driver that fails offers nothing, and does not spoil the directory for the others. */
function offered<T>(
  afu: Afu,
  callback: string,
  hook: (module: DriverModule) => T | undefined,
): T | Record<string, never> {
  const module = afu.driver;
  if (!module) return {};
  try {
    return hook(module) ?? {};
  } catch (error) {
    const facts = { source: `driver ${module.name}`, callback, context: undefined, problem: 'threw', error };
    afu.adapter.report(diagnose(facts));
    return {};
  }
}

/** `dev/NAME`: a driver's own; whichever module is bound when it is opened hands out the context. */
export function driverNode(files: DeviceFiles, name: string, afus: readonly Afu[]): DeviceNode {
  return new DeviceNode(files, afus, opener => {
    for (const afu of afus) {
      const node = nodesOf(afu)[name];
      if (node) return node.open(opener);
    }
    throw new CxlError('ENXIO', 'open', `no driver has a device ${name} any more`);
  });
}
