// INIT, INTERRUPT, FORGET and the other operations that belong to the connection rather than to a file.
import { constants } from 'node:os';

import { BODY } from '../link.ts';
import { LITTLE } from '../packet.ts';
import type { Packet } from '../packet.ts';
import type { Server } from '../server.ts';
import {
  FUSE_INIT_IN_SHORT,
  FUSE_KERNEL_MINOR_VERSION,
  FUSE_KERNEL_VERSION,
  FUSE_OLDEST_MINOR_VERSION,
  fuse_forget_in,
  fuse_forget_one,
  fuse_batch_forget_in,
  fuse_init_in,
  fuse_init_out,
  fuse_interrupt_in,
  fuse_kstatfs,
  FuseInitFlag,
  FuseInitFlag2,
  MAX_PAGES,
  MAX_STACK_DEPTH,
  MAX_WRITE,
} from '../wire.ts';
import { MALFORMED } from './operation.ts';
import type { Layout, Outcome } from './operation.ts';

const { EPROTO } = constants.errno;

/** INIT's struct as the table checks it: kernels before minor 36 send only the first four fields. */
export const shortInit: Layout = {
  SIZE: FUSE_INIT_IN_SHORT,
  major: fuse_init_in.major,
  minor: fuse_init_in.minor,
  max_readahead: fuse_init_in.max_readahead,
  flags: fuse_init_in.flags,
};

/** What the kernel offers and we take, each with the reason. */
export const accepted: Readonly<Partial<Record<keyof typeof FuseInitFlag | keyof typeof FuseInitFlag2, string>>> = {
  FUSE_ATOMIC_O_TRUNC: 'O_TRUNC comes with OPEN, so that `echo x > file` needs no SETATTR',
  FUSE_BIG_WRITES: 'kernels before 4.20 cut writes to 4 KiB without it',
  FUSE_PARALLEL_DIROPS: 'lookups answer within one tick, so there is nothing for the kernel to serialise',
  FUSE_MAX_PAGES: 'sets the longest read to what the reply buffer holds',
  FUSE_INIT_EXT: 'flags2 is read and answered',
  FUSE_PASSTHROUGH: 'mmap goes to the backing file of an open file; read, write, poll and ioctl still come to us',
};

/** What the kernel offers and we leave, each with the reason. A test asks that the two lists name every flag once. */
export const refused: Readonly<Partial<Record<keyof typeof FuseInitFlag | keyof typeof FuseInitFlag2, string>>> = {
  FUSE_ASYNC_READ: 'about read-ahead; every file is read directly',
  FUSE_POSIX_LOCKS: 'the kernel keeps fcntl locks itself, and they work',
  FUSE_FILE_OPS: 'never implemented by the kernel',
  FUSE_EXPORT_SUPPORT: 'no NFS export: node ids do not outlive the session',
  FUSE_DONT_MASK: 'nothing is created, so there is no umask to apply',
  FUSE_SPLICE_WRITE: 'about splice on /dev/fuse; messages are short',
  FUSE_SPLICE_MOVE: 'as FUSE_SPLICE_WRITE',
  FUSE_SPLICE_READ: 'as FUSE_SPLICE_WRITE',
  FUSE_FLOCK_LOCKS: 'the kernel keeps flock locks itself',
  FUSE_HAS_IOCTL_DIR: 'informative; ioctl on a directory is ENOTTY',
  FUSE_AUTO_INVAL_DATA: 'no page is cached',
  FUSE_DO_READDIRPLUS: 'a listing would have to open every node; LOOKUP asks for those that matter',
  FUSE_READDIRPLUS_AUTO: 'as FUSE_DO_READDIRPLUS',
  FUSE_ASYNC_DIO: 'would let the pieces of one long read be answered in any order',
  FUSE_WRITEBACK_CACHE: 'a device must see each write when it is made; with it FUSE_PASSTHROUGH is refused',
  FUSE_NO_OPEN_SUPPORT: 'each open(2) is an open file of its own',
  FUSE_HANDLE_KILLPRIV: 'set-id bits have no meaning on these files',
  FUSE_POSIX_ACL: 'mode, owner and group only',
  FUSE_ABORT_ERROR: 'abort and unmount end the session in the same way',
  FUSE_CACHE_SYMLINKS: 'a symbolic link may change its target',
  FUSE_NO_OPENDIR_SUPPORT: 'a listing is taken once and read in pieces, which needs the handle',
  FUSE_EXPLICIT_INVAL_DATA: 'no page is cached',
  FUSE_MAP_ALIGNMENT: 'about DAX, which needs virtiofs',
  FUSE_SUBMOUNTS: 'one tree, one device number',
  FUSE_HANDLE_KILLPRIV_V2: 'as FUSE_HANDLE_KILLPRIV',
  FUSE_SETXATTR_EXT: 'no extended attributes',
  FUSE_SECURITY_CTX: 'nothing is created, so nothing needs a label',
  FUSE_HAS_INODE_DAX: 'about DAX, which needs virtiofs',
  FUSE_CREATE_SUPP_GROUP: 'nothing is created',
  FUSE_HAS_EXPIRE_ONLY: 'informative; no entry is invalidated',
  FUSE_DIRECT_IO_ALLOW_MMAP:
    'a mapping would show cached pages, not the device: FUSE_PASSTHROUGH maps memory that we share',
  FUSE_NO_EXPORT_SUPPORT: 'there is no export to switch off',
  FUSE_HAS_RESEND: 'a server that comes back cannot know its predecessor’s contexts',
  FUSE_ALLOW_IDMAP: 'owners are those of the serving process',
  FUSE_OVER_IO_URING: 'needs a native ring; off by default in the kernel',
  FUSE_REQUEST_TIMEOUT: 'a blocking read may wait for ever',
};

const sum = (flags: Readonly<Record<string, number>>): number =>
  Object.entries(flags).reduce((all, [name, bit]) => (name in accepted ? all | bit : all), 0) >>> 0;

const WANTED = sum(FuseInitFlag);
const WANTED2 = sum(FuseInitFlag2);

/** fs/fuse/inode.c, process_init_reply(). */
export function init(server: Server, packet: Packet, at: number): Outcome {
  const major = packet.u32(at + fuse_init_in.major);
  const minor = packet.u32(at + fuse_init_in.minor);
  const flags = packet.u32(at + fuse_init_in.flags);
  const extended = (flags & FuseInitFlag.FUSE_INIT_EXT) !== 0 && packet.take(4) !== undefined;
  const flags2 = extended ? packet.u32(at + fuse_init_in.flags2) : 0;
  if (major < FUSE_KERNEL_VERSION || (major === FUSE_KERNEL_VERSION && minor < FUSE_OLDEST_MINOR_VERSION)) {
    server.settled(new Error(`the kernel speaks FUSE ${major}.${minor}; 7.31 (Linux 5.2) is the oldest that works`));
    return -EPROTO;
  }
  const { view, bytes } = server.link;
  bytes.fill(0, BODY, BODY + fuse_init_out.SIZE);
  view.setUint32(BODY + fuse_init_out.major, FUSE_KERNEL_VERSION, LITTLE);
  // A kernel of a newer major is told ours, and asks again with it.
  if (major > FUSE_KERNEL_VERSION) return fuse_init_out.SIZE;
  server.minor = Math.min(minor, FUSE_KERNEL_MINOR_VERSION);
  view.setUint32(BODY + fuse_init_out.minor, server.minor, LITTLE);
  view.setUint32(BODY + fuse_init_out.flags, (flags & WANTED) >>> 0, LITTLE);
  view.setUint32(BODY + fuse_init_out.flags2, (flags2 & WANTED2) >>> 0, LITTLE);
  view.setUint32(BODY + fuse_init_out.max_write, MAX_WRITE, LITTLE);
  view.setUint32(BODY + fuse_init_out.time_gran, 1, LITTLE);
  view.setUint16(BODY + fuse_init_out.max_pages, MAX_PAGES, LITTLE);
  server.passthrough = (flags2 & FuseInitFlag2.FUSE_PASSTHROUGH) !== 0;
  if (server.passthrough) view.setUint32(BODY + fuse_init_out.max_stack_depth, MAX_STACK_DEPTH, LITTLE);
  if (server.link.answer(packet.uniqueHigh, packet.uniqueLow, fuse_init_out.SIZE)) server.settled();
  return undefined;
}

/** Names a request; one that waits is answered EINTR. One that is unknown has been answered: nothing to do. */
export function interrupt(server: Server, packet: Packet, at: number): Outcome {
  const unique = at + fuse_interrupt_in.unique;
  server.link.find(packet.high(unique), packet.low(unique))?.interrupt();
  return undefined;
}

export function forget(server: Server, packet: Packet, at: number): Outcome {
  server.inodes.forget(packet.nodeId, packet.u64(at + fuse_forget_in.nlookup));
  return undefined;
}

export function batchForget(server: Server, packet: Packet, at: number): Outcome {
  let count = packet.u32(at + fuse_batch_forget_in.count);
  while (count-- > 0) {
    const one = packet.take(fuse_forget_one.SIZE);
    if (one === undefined) return MALFORMED;
    server.inodes.forget(packet.u64(one + fuse_forget_one.nodeid), packet.u64(one + fuse_forget_one.nlookup));
  }
  return undefined;
}

/** df(1) and statvfs(3): no blocks, no files. */
export function statfs(server: Server): Outcome {
  const { view, bytes } = server.link;
  bytes.fill(0, BODY, BODY + fuse_kstatfs.SIZE);
  view.setUint32(BODY + fuse_kstatfs.bsize, 4096, LITTLE);
  view.setUint32(BODY + fuse_kstatfs.frsize, 4096, LITTLE);
  view.setUint32(BODY + fuse_kstatfs.namelen, 255, LITTLE);
  return fuse_kstatfs.SIZE;
}

/** The connection ends in good order; the transport's end follows. Also what needs an empty answer and no more. */
export function done(): Outcome {
  return 0;
}
