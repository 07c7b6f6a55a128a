// Names, attributes, links and listings.
import { constants } from 'node:os';

import { Listing } from '../handles.ts';
import { isMappable } from '../inodes.ts';
import { BODY, MAX_BODY } from '../link.ts';
import { LITTLE, setU64 } from '../packet.ts';
import type { Packet } from '../packet.ts';
import type { Server } from '../server.ts';
import type { Attributes, Node } from '../types.ts';
import {
  FUSE_UNKNOWN_INO,
  fuse_attr,
  fuse_attr_out,
  fuse_dirent,
  fuse_entry_out,
  fuse_open_out,
  fuse_read_in,
  fuse_release_in,
  fuse_setattr_in,
  FuseAttrValid,
  TypeBits,
} from '../wire.ts';
import { MALFORMED } from './operation.ts';
import type { Outcome } from './operation.ts';

const { EBADF, EISDIR, ENAMETOOLONG, ENOENT, ENOTDIR, EINVAL, EPERM, ESTALE } = constants.errno;
const { FATTR_MODE, FATTR_UID, FATTR_GID, FATTR_SIZE } = FuseAttrValid;

const NANOSECONDS = 1e9;

function putAttributes(server: Server, at: number, node: Node, attributes: Attributes): void {
  const { view } = server.link;
  const size = attributes.size ?? 0;
  setU64(view, at + fuse_attr.ino, server.inodes.numberOf(node));
  setU64(view, at + fuse_attr.size, size);
  setU64(view, at + fuse_attr.blocks, Math.ceil(size / 512));
  const seconds = Math.floor(server.started / 1000);
  const nanoseconds = (server.started % 1000) * 1e6;
  for (const time of ['atime', 'mtime', 'ctime'] as const) {
    setU64(view, at + fuse_attr[time], seconds);
    view.setUint32(at + fuse_attr[`${time}nsec`], nanoseconds, LITTLE);
  }
  view.setUint32(at + fuse_attr.mode, TypeBits[node.kind] | (attributes.mode & 0o7777), LITTLE);
  view.setUint32(at + fuse_attr.nlink, node.kind === 'directory' ? 2 : 1, LITTLE);
  view.setUint32(at + fuse_attr.uid, attributes.uid, LITTLE);
  view.setUint32(at + fuse_attr.gid, attributes.gid, LITTLE);
  view.setUint32(at + fuse_attr.blksize, 4096, LITTLE);
}

function putTimeout(server: Server, seconds: number, at: number, atNanoseconds: number): void {
  const whole = Math.floor(seconds);
  setU64(server.link.view, at, whole);
  server.link.view.setUint32(atNanoseconds, Math.floor((seconds - whole) * NANOSECONDS), LITTLE);
}

export function lookup(server: Server, packet: Packet): Outcome {
  const name = packet.name();
  if (name === undefined) return MALFORMED;
  const parent = server.inodes.get(packet.nodeId);
  if (!parent) return -ESTALE;
  if (parent.kind !== 'directory') return -ENOTDIR;
  const node = parent.lookup(name);
  if (!node) return -ENOENT;
  const attributes = node.attributes();
  const id = server.inodes.remember(node, name);
  server.link.bytes.fill(0, BODY, BODY + fuse_entry_out.SIZE);
  setU64(server.link.view, BODY + fuse_entry_out.nodeid, id);
  // Of a mappable file the next path walk must get another inode.
  const entryTimeout = isMappable(node) ? 0 : server.entryTimeout;
  putTimeout(server, entryTimeout, BODY + fuse_entry_out.entry_valid, BODY + fuse_entry_out.entry_valid_nsec);
  putTimeout(server, server.attributeTimeout, BODY + fuse_entry_out.attr_valid, BODY + fuse_entry_out.attr_valid_nsec);
  putAttributes(server, BODY + fuse_entry_out.attr, node, attributes);
  // An answer that was not taken is never forgotten by the kernel, so it must not count.
  if (!server.link.answer(packet.uniqueHigh, packet.uniqueLow, fuse_entry_out.SIZE)) server.inodes.forget(id, 1);
  return undefined;
}

export function getattr(server: Server, packet: Packet): Outcome {
  const node = server.inodes.get(packet.nodeId);
  if (!node) return -ESTALE;
  const attributes = node.attributes();
  server.link.bytes.fill(0, BODY, BODY + fuse_attr_out.SIZE);
  putTimeout(server, server.attributeTimeout, BODY + fuse_attr_out.attr_valid, BODY + fuse_attr_out.attr_valid_nsec);
  putAttributes(server, BODY + fuse_attr_out.attr, node, attributes);
  return fuse_attr_out.SIZE;
}

/** A size is taken and ignored where the file can be written (truncate before write); times are taken and ignored. */
export function setattr(server: Server, packet: Packet, at: number): Outcome {
  const node = server.inodes.get(packet.nodeId);
  if (!node) return -ESTALE;
  const valid = packet.u32(at + fuse_setattr_in.valid);
  if (valid & (FATTR_MODE | FATTR_UID | FATTR_GID)) return -EPERM;
  if (valid & FATTR_SIZE) {
    if (node.kind === 'directory') return -EISDIR;
    if (node.kind !== 'file' || !(node.attributes().mode & 0o222)) return -EPERM;
  }
  return getattr(server, packet);
}

export function readlink(server: Server, packet: Packet): Outcome {
  const node = server.inodes.get(packet.nodeId);
  if (!node) return -ESTALE;
  if (node.kind !== 'symlink') return -EINVAL;
  const target = Buffer.from(node.target());
  // One page less its NUL is what the kernel has room for.
  if (target.byteLength > 4095) return -ENAMETOOLONG;
  server.link.bytes.set(target, BODY);
  return target.byteLength;
}

export function opendir(server: Server, packet: Packet): Outcome {
  const node = server.inodes.get(packet.nodeId);
  if (!node) return -ESTALE;
  if (node.kind !== 'directory') return -ENOTDIR;
  const fh = server.handles.add(new Listing(packet.nodeId));
  server.link.bytes.fill(0, BODY, BODY + fuse_open_out.SIZE);
  setU64(server.link.view, BODY + fuse_open_out.fh, fh);
  if (!server.link.answer(packet.uniqueHigh, packet.uniqueLow, fuse_open_out.SIZE)) server.handles.close(fh);
  return undefined;
}

/** One dirent at `at` in the reply buffer; the bytes it takes, or undefined when it does not fit before `end`. */
function putEntry(
  server: Server,
  at: number,
  end: number,
  name: Uint8Array,
  id: number,
  next: number,
  typeBits: number,
): number | undefined {
  // Records are aligned to 8 bytes: FUSE_DIRENT_ALIGN.
  const size = (fuse_dirent.SIZE + name.byteLength + 7) & ~7;
  if (at + size > end) return undefined;
  const { view, bytes } = server.link;
  bytes.fill(0, at, at + size);
  setU64(view, at + fuse_dirent.ino, id);
  setU64(view, at + fuse_dirent.off, next);
  view.setUint32(at + fuse_dirent.namelen, name.byteLength, LITTLE);
  view.setUint32(at + fuse_dirent.type, typeBits >>> 12, LITTLE);
  bytes.set(name, at + fuse_dirent.SIZE);
  return size;
}

/** The offset is an index into: '.', '..', then the listing that was taken at offset 0. fs/fuse/readdir.c. */
export function readdir(server: Server, packet: Packet, at: number): Outcome {
  const listing = server.handles.listing(packet.u64(at + fuse_read_in.fh));
  if (!listing) return -EBADF;
  let offset = packet.u64(at + fuse_read_in.offset);
  if (offset === 0) {
    const node = server.inodes.get(listing.nodeId);
    if (node?.kind !== 'directory') return -ESTALE;
    listing.entries = [...node.entries()].filter(([name]) => isListable(server, name));
  }
  const end = BODY + Math.min(packet.u32(at + fuse_read_in.size), MAX_BODY);
  let to = BODY;
  for (; offset < listing.entries.length + 2; offset++) {
    const [name, id, typeBits] = entryAt(server, listing, offset);
    const size = putEntry(server, to, end, Buffer.from(name), id, offset + 1, typeBits);
    if (size === undefined) break;
    to += size;
  }
  return to - BODY;
}

function entryAt(server: Server, listing: Listing, offset: number): readonly [string, number, number] {
  if (offset === 0) return ['.', listing.nodeId, TypeBits.directory];
  const entry = listing.entries[offset - 2];
  // A node does not know its parents, of which it may have several.
  if (!entry) return ['..', FUSE_UNKNOWN_INO, TypeBits.directory];
  const [name, node] = entry;
  const typeBits = node.kind === 'file' && node.listedAs === 'unknown' ? 0 : TypeBits[node.kind];
  return [name, server.inodes.numberOf(node), typeBits];
}

// The kernel answers EIO for the whole listing when one name is not a name.
function isListable(server: Server, name: string): boolean {
  const good = name !== '' && !/[/\0]/.test(name) && Buffer.byteLength(name) <= 255;
  if (!good) server.link.warn(`READDIR: "${name}" is not a file name, it is left out`);
  return good;
}

export function releasedir(server: Server, packet: Packet, at: number): Outcome {
  return server.handles.close(packet.u64(at + fuse_release_in.fh)) ? 0 : -EBADF;
}
