import type { Afu } from '../core/index.ts';
import type { IoctlTable } from '../file/index.ts';
import type { Attributes, FileNode, OpenFile, OpenRequest } from '../fuse/index.ts';
import { ContextHandle } from './context-handle.ts';
import { views, type View } from './numbers.ts';

/** `dev/cxl/afuC.S{d,m,s}`: each open is a context. */
export class DeviceNode implements FileNode {
  readonly kind = 'file';
  readonly #afu: Afu;
  readonly #view: View;
  readonly #attributes: Attributes;
  readonly #ioctls: IoctlTable;

  constructor(afu: Afu, view: View, attributes: Attributes, ioctls: IoctlTable) {
    this.#afu = afu;
    this.#view = view;
    this.#attributes = attributes;
    this.#ioctls = ioctls;
  }

  attributes(): Attributes {
    return this.#attributes;
  }

  open(request: OpenRequest): OpenFile {
    const context = this.#afu.openContext({ master: views[this.#view].master });
    return new ContextHandle(context, this.#ioctls, request.poller);
  }
}
