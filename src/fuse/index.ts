export { FuseError, MountError } from './errors.ts';
export type { MountErrorCode } from './errors.ts';
export { mount } from './mount.ts';
export type { Mount, MountOptions } from './mount.ts';
export { clearStaleMount } from './mountpoint.ts';
export { Session } from './session.ts';
export { MemoryTransport } from './transport/memory.ts';
export { DEFAULT_POLLMASK, Poll } from './wire.ts';
export { binaryFile, directory, symlink, textFile } from './tree.ts';
export type { BinaryFile, SomeAttributes, TextFile } from './tree.ts';
export type {
  Attributes,
  Backing,
  DirectoryNode,
  FileNode,
  IoctlRequest,
  Node,
  OpenFile,
  OpenRequest,
  Poller,
  ReadRequest,
  Request,
  SessionOptions,
  SymlinkNode,
  Transport,
  WriteRequest,
} from './types.ts';
