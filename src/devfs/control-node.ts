import type { ControlFile } from '../core/index.ts';
import type { Attributes, FileNode, OpenFile, OpenRequest, ReadRequest, WriteRequest } from '../fuse/index.ts';
import { FuseError } from '../fuse/index.ts';
import { O_ACCMODE, O_RDONLY, O_WRONLY } from '../abi/index.ts';

type Owner = Pick<Attributes, 'uid' | 'gid'>;

/** A driver's control file: bytes as they were written, one call for each write(2). */
export class ControlNode implements FileNode {
  readonly kind = 'file';
  readonly #file: () => ControlFile | undefined;
  readonly #owner: Owner;

  /** @param file the file that is meant now: a driver's may change when it is reloaded */
  constructor(file: () => ControlFile | undefined, owner: Owner) {
    this.#file = file;
    this.#owner = owner;
  }

  attributes(): Attributes {
    const file = this.#file();
    return { ...this.#owner, mode: (file?.read ? 0o400 : 0) | (file?.write ? 0o200 : 0) };
  }

  open({ flags }: OpenRequest): OpenFile {
    const file = this.#file();
    if (!file) throw new FuseError('ENXIO', 'open');
    const access = flags & O_ACCMODE;
    if (access !== O_WRONLY && !file.read) throw new FuseError('EACCES', 'open');
    if (access !== O_RDONLY && !file.write) throw new FuseError('EACCES', 'open');
    return new OpenControl(this.#file);
  }
}

/** Looks for the file at each call: its driver may have been unloaded or reloaded since it was opened. */
class OpenControl implements OpenFile {
  readonly seekable = true;
  readonly #file: () => ControlFile | undefined;
  #content: Uint8Array = new Uint8Array(0);

  constructor(file: () => ControlFile | undefined) {
    this.#file = file;
  }

  read(request: ReadRequest): void {
    if (request.offset === 0) this.#content = Buffer.from(this.#current().read?.() ?? '');
    request.replyWith(this.#content.subarray(request.offset, request.offset + request.size));
  }

  write(request: WriteRequest): void | Promise<void> {
    const { length } = request.data;
    const done = this.#current().write?.(request.data);
    if (done === undefined) {
      request.reply(length);
      return undefined;
    }
    return done.then(() => void request.reply(length));
  }

  #current(): ControlFile {
    const file = this.#file();
    if (!file) throw new FuseError('ENXIO', 'write');
    return file;
  }
}
