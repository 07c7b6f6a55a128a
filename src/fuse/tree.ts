// Ready-made nodes: directories, symbolic links, and text files as sysfs has them.
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
  read?(): string;
  /** One write(2)'s whole text (UTF-8, at most 32 KiB), wherever the file position is. Throw an errno error to refuse it. */
  write?(text: string): void;
}

/**
 * A text file with the behaviour of a sysfs attribute: `cat` and `echo x >` work, seekable, size 4096, mode 0o444, 0o200 or
 * 0o644 by what it can do. Opening it for what it cannot do is EACCES, for root too. C original: fs/kernfs/file.c,
 * kernfs_fop_open(), and fs/sysfs/file.c.
 */
export function textFile(file: TextFile, attributes?: SomeAttributes): FileNode {
  const mode = file.write ? (file.read ? 0o644 : 0o200) : 0o444;
  const own = attributesOf(attributes, mode, 4096);
  return { kind: 'file', attributes: () => own, open: request => new OpenText(file, request) };
}

class OpenText implements OpenFile {
  readonly seekable = true;
  readonly #file: TextFile;
  #content: Uint8Array | undefined;

  constructor(file: TextFile, { flags }: OpenRequest) {
    const access = flags & (constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR);
    if (access !== constants.O_WRONLY && !file.read) throw new FuseError('EACCES', 'open');
    if (access !== constants.O_RDONLY && !file.write) throw new FuseError('EACCES', 'open');
    this.#file = file;
  }

  read(request: ReadRequest): void {
    if (request.offset === 0 || !this.#content) this.#content = Buffer.from(this.#file.read?.() ?? '');
    request.replyWith(this.#content.subarray(request.offset, request.offset + request.size));
  }

  write(request: WriteRequest): void {
    const { data } = request;
    this.#file.write?.(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
    request.reply(data.byteLength);
  }
}
