import type { ControlFile } from '../core/index.ts';
import type { Attributes, FileNode, OpenFile, OpenRequest, ReadRequest, WriteRequest } from '../fuse/index.ts';
import { FuseError } from '../fuse/index.ts';
import { O_ACCMODE, O_RDONLY, O_WRONLY } from '../abi/index.ts';

/** A driver's control file: bytes as they were written, one call for each write(2). */
export class ControlNode implements FileNode {
  readonly kind = 'file';
  readonly #file: ControlFile;
  readonly #attributes: Attributes;

  constructor(file: ControlFile, owner: { readonly uid: number; readonly gid: number }) {
    this.#file = file;
    this.#attributes = { ...owner, mode: (file.read ? 0o400 : 0) | (file.write ? 0o200 : 0) };
  }

  attributes(): Attributes {
    return this.#attributes;
  }

  open({ flags }: OpenRequest): OpenFile {
    const access = flags & O_ACCMODE;
    if (access !== O_WRONLY && !this.#file.read) throw new FuseError('EACCES', 'open');
    if (access !== O_RDONLY && !this.#file.write) throw new FuseError('EACCES', 'open');
    return new OpenControl(this.#file);
  }
}

class OpenControl implements OpenFile {
  readonly seekable = true;
  readonly #file: ControlFile;
  #content: Uint8Array = new Uint8Array(0);

  constructor(file: ControlFile) {
    this.#file = file;
  }

  read(request: ReadRequest): void {
    if (request.offset === 0) this.#content = Buffer.from(this.#file.read?.() ?? '');
    request.replyWith(this.#content.subarray(request.offset, request.offset + request.size));
  }

  write(request: WriteRequest): void {
    this.#file.write?.(request.data);
    request.reply(request.data.length);
  }
}
