// Ready-made nodes: directories, symbolic links, and text and binary files as sysfs has them.
import { constants } from 'node:fs';

import { FuseError } from './errors.ts';
import type {
  Attributes,
  DirectoryNode,
  FileNode,
  Node,
  OpenFile,
  OpenRequest,
  ReadRequest,
  SymlinkNode,
  WriteRequest,
} from './types.ts';

/** Attributes to deviate in; the rest is the helper's default. Owner and group default to those of this process. */
export type SomeAttributes = Partial<Attributes>;

function attributesOf(attributes: SomeAttributes | undefined, mode: number, size?: number): Attributes {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  return { mode, ...owner, ...(size === undefined ? {} : { size }), ...attributes };
}

/** What one read or write of an attribute moves at most, and the size that stat(2) shows of a text. */
const PAGE = 4096;

/**
 * A directory over an object or a Map (mode 0o755). It stays live: entries added to or taken from `children` later are seen
 * by the next lookup or listing. Removing an entry does not close files that are open.
 */
export function directory(
  children: Readonly<Record<string, Node>> | ReadonlyMap<string, Node>,
  attributes?: SomeAttributes,
): DirectoryNode {
  const own = attributesOf(attributes, 0o755);
  if (isMap(children)) {
    return { kind: 'directory', attributes: () => own, lookup: name => children.get(name), entries: () => children };
  }
  return {
    kind: 'directory',
    attributes: () => own,
    lookup: name => (Object.hasOwn(children, name) ? children[name] : undefined),
    entries: () => Object.entries(children),
  };
}

function isMap(
  children: Readonly<Record<string, Node>> | ReadonlyMap<string, Node>,
): children is ReadonlyMap<string, Node> {
  return children instanceof Map;
}

/** A symbolic link (mode 0o777, size of the target in bytes); a function is asked at each readlink(2). */
export function symlink(target: string | (() => string), attributes?: SomeAttributes): SymlinkNode {
  const read = typeof target === 'string' ? () => target : target;
  return {
    kind: 'symlink',
    attributes: () => attributesOf(attributes, 0o777, Buffer.byteLength(read())),
    target: read,
  };
}

export interface TextFile {
  /** The whole content, asked at each read at offset 0; the pieces that follow come from the same text. */
  read?(): string | Promise<string>;
  /**
   * One write(2), wherever the file position is: as text (UTF-8), and as the bytes that were written (at most 32 KiB, valid
   * in this tick only). Throw an errno error to refuse it, or return a promise that rejects with one.
   */
  write?(text: string, bytes: Uint8Array): unknown;
}

/**
 * A text file with the behaviour of a sysfs attribute: `cat` and `echo x >` work, seekable, size 4096, mode 0o444, 0o200 or
 * 0o644 by what it can do. Opening it for what it cannot do is EACCES, for root too. C original: fs/kernfs/file.c,
 * kernfs_fop_open(), and fs/sysfs/file.c.
 *
 * @param file the file, or a function that is asked at each call for the one that is meant now: undefined is ENXIO
 */
export function textFile(
  file: TextFile | (() => TextFile | undefined),
  attributes?: SomeAttributes | (() => SomeAttributes),
): FileNode {
  const current = typeof file === 'function' ? file : () => file;
  const given = typeof attributes === 'function' ? attributes : () => attributes;
  return {
    kind: 'file',
    attributes: () => {
      const some = given();
      return attributesOf(some, some?.mode ?? modeOf(current()), PAGE);
    },
    open: request => {
      const now = present(current(), 'open');
      checkAccess(request, !now.read, !now.write);
      return new OpenText(current);
    },
  };
}

function modeOf(file: TextFile | undefined): number {
  if (!file) return 0;
  return file.write ? (file.read ? 0o644 : 0o200) : 0o444;
}

function present(file: TextFile | undefined, syscall: string): TextFile {
  if (!file) throw new FuseError('ENXIO', syscall);
  return file;
}

function checkAccess({ flags }: OpenRequest, unreadable: boolean, unwritable: boolean): void {
  const access = flags & (constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR);
  if (access !== constants.O_WRONLY && unreadable) throw new FuseError('EACCES', 'open');
  if (access !== constants.O_RDONLY && unwritable) throw new FuseError('EACCES', 'open');
}

class OpenText implements OpenFile {
  readonly seekable = true;
  readonly #current: () => TextFile | undefined;
  #content: Uint8Array | undefined;

  constructor(current: () => TextFile | undefined) {
    this.#current = current;
  }

  read(request: ReadRequest): void | Promise<void> {
    if (request.offset > 0 && this.#content) return this.#answer(request, this.#content);
    const text = present(this.#current(), 'read').read?.() ?? '';
    if (typeof text === 'string') return this.#answer(request, Buffer.from(text));
    return text.then(late => this.#answer(request, Buffer.from(late)));
  }

  #answer(request: ReadRequest, content: Uint8Array): void {
    this.#content = content;
    request.replyWith(content.subarray(request.offset, request.offset + request.size));
  }

  write(request: WriteRequest): void | Promise<void> {
    const { data } = request;
    const { length } = data;
    const text = Buffer.from(data.buffer, data.byteOffset, length).toString();
    const done = present(this.#current(), 'write').write?.(text, data);
    if (!(done instanceof Promise)) return void request.reply(length);
    return done.then(() => void request.reply(length));
  }
}

export interface BinaryFile {
  /** Bytes, as stat(2) shows. */
  readonly size: number;
  /** What stands at `offset`, which is below the size: up to `length` bytes, which are at most a page and end in the file. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
}

/**
 * A binary sysfs attribute (mode 0o444): a read gives at most 4096 bytes, and nothing at or beyond the end. Opening it for
 * writing is EACCES. C original: fs/sysfs/file.c, sysfs_kf_bin_read().
 */
export function binaryFile(file: BinaryFile, attributes?: SomeAttributes): FileNode {
  const own = attributesOf(attributes, 0o444, file.size);
  return {
    kind: 'file',
    attributes: () => own,
    open: request => {
      checkAccess(request, false, true);
      return new OpenBinary(file);
    },
  };
}

class OpenBinary implements OpenFile {
  readonly seekable = true;
  readonly #file: BinaryFile;

  constructor(file: BinaryFile) {
    this.#file = file;
  }

  read(request: ReadRequest): void | Promise<void> {
    const { offset } = request;
    const length = Math.min(request.size, PAGE, this.#file.size - offset);
    const bytes = length > 0 ? this.#file.read(offset, length) : new Uint8Array(0);
    if (bytes instanceof Uint8Array) return void request.replyWith(bytes);
    return bytes.then(late => void request.replyWith(late));
  }
}
