// Open files: OPEN, READ, WRITE, IOCTL, POLL, RELEASE.
import { constants } from 'node:os';

import { Handle } from '../handles.ts';
import { BODY, MAX_BODY } from '../link.ts';
import { LITTLE, setU64 } from '../packet.ts';
import type { Packet } from '../packet.ts';
import { Ioctl, Read, Write } from '../requests.ts';
import type { Server } from '../server.ts';
import {
  DEFAULT_POLLMASK,
  fuse_ioctl_in,
  fuse_open_in,
  fuse_open_out,
  fuse_poll_in,
  fuse_poll_out,
  fuse_read_in,
  fuse_release_in,
  fuse_write_in,
  FuseIoctlFlag,
  FuseOpenFlag,
  FusePollFlag,
} from '../wire.ts';
import { MALFORMED } from './operation.ts';
import type { Outcome } from './operation.ts';

const { EBADF, EBUSY, EINVAL, EIO, EISDIR, ELOOP, ENOTTY, ESTALE } = constants.errno;

/**
 * NOFLUSH: close(2) asks nobody. A FLUSH on our side of a fork would wait for us while we wait for the fork's exec.
 */
const SEEKABLE = FuseOpenFlag.FOPEN_DIRECT_IO | FuseOpenFlag.FOPEN_NOFLUSH;
/** No position and no position lock: two threads may sleep in read(2) on one descriptor. */
const STREAM = SEEKABLE | FuseOpenFlag.FOPEN_NONSEEKABLE | FuseOpenFlag.FOPEN_STREAM;

/** read(2) and write(2) still come to us, mmap(2) goes to the backing file. With a stream's flags the kernel makes it EIO. */
const BACKED = SEEKABLE | FuseOpenFlag.FOPEN_PASSTHROUGH;

export function open(server: Server, packet: Packet, at: number): Outcome {
  const node = server.inodes.get(packet.nodeId);
  if (!node) return -ESTALE;
  if (node.kind === 'directory') return -EISDIR;
  if (node.kind === 'symlink') return -ELOOP;
  // Only a way round LOOKUP leads here, as /proc/PID/fd: the kernel would refuse a second backing file with EIO.
  if (server.handles.isBacked(packet.nodeId)) return -EBUSY;
  const { pid, uid, gid } = packet;
  const handle = new Handle(server.link, packet.nodeId, server.inodes.nameOf(packet.nodeId));
  const file = node.open({ flags: packet.u32(at + fuse_open_in.flags), pid, uid, gid, poller: handle });
  handle.file = file;
  handle.backingId = server.registerBacking(node, file, handle.name);
  const fh = server.handles.add(handle);
  const { view, bytes } = server.link;
  bytes.fill(0, BODY, BODY + fuse_open_out.SIZE);
  setU64(view, BODY + fuse_open_out.fh, fh);
  const plain = file.seekable || file.backing ? SEEKABLE : STREAM;
  view.setUint32(BODY + fuse_open_out.open_flags, handle.backingId ? BACKED : plain, LITTLE);
  view.setUint32(BODY + fuse_open_out.backing_id, handle.backingId, LITTLE);
  // Not taken: the caller is gone and no RELEASE will come.
  if (!server.link.answer(packet.uniqueHigh, packet.uniqueLow, fuse_open_out.SIZE)) server.handles.close(fh);
  return undefined;
}

export function read(server: Server, packet: Packet, at: number): Outcome {
  const handle = server.handles.file(packet.u64(at + fuse_read_in.fh));
  if (!handle?.file) return -EBADF;
  if (!handle.file.read) return -EINVAL;
  const flags = packet.u32(at + fuse_read_in.flags);
  const offset = packet.u64(at + fuse_read_in.offset);
  const size = Math.min(packet.u32(at + fuse_read_in.size), MAX_BODY);
  server.run(new Read(server.link, handle, packet, flags, offset, size), handle.file);
  return undefined;
}

export function write(server: Server, packet: Packet, at: number): Outcome {
  const data = packet.bytes(packet.u32(at + fuse_write_in.size));
  if (!data) return MALFORMED;
  const handle = server.handles.file(packet.u64(at + fuse_write_in.fh));
  if (!handle?.file) return -EBADF;
  if (!handle.file.write) return -EINVAL;
  const flags = packet.u32(at + fuse_write_in.flags);
  const offset = packet.u64(at + fuse_write_in.offset);
  server.run(new Write(server.link, handle, packet, flags, offset, data), handle.file);
  return undefined;
}

/** Restricted mode only: unrestricted requests come from CUSE, where we would have to name the memory to copy. */
export function ioctl(server: Server, packet: Packet, at: number): Outcome {
  const flags = packet.u32(at + fuse_ioctl_in.flags);
  const input = packet.bytes(packet.u32(at + fuse_ioctl_in.in_size));
  if (!input) return MALFORMED;
  if (flags & FuseIoctlFlag.FUSE_IOCTL_UNRESTRICTED) return -EIO;
  if (flags & FuseIoctlFlag.FUSE_IOCTL_DIR) return -ENOTTY;
  const handle = server.handles.file(packet.u64(at + fuse_ioctl_in.fh));
  if (!handle?.file) return -EBADF;
  if (!handle.file.ioctl) return -ENOTTY;
  const command = packet.u32(at + fuse_ioctl_in.cmd);
  const argument = packet.u64(at + fuse_ioctl_in.arg);
  const outputSize = Math.min(packet.u32(at + fuse_ioctl_in.out_size), MAX_BODY);
  server.run(new Ioctl(server.link, handle, packet, command, argument, input, outputSize), handle.file);
  return undefined;
}

/** fs/fuse/file.c, fuse_file_poll(). ENOSYS would switch poll off for the whole mount, for ever. */
export function poll(server: Server, packet: Packet, at: number): Outcome {
  const handle = server.handles.file(packet.u64(at + fuse_poll_in.fh));
  if (!handle?.file) return -EBADF;
  // Armed first, and whatever the mask is: an event that arrives while the handler looks must still wake the caller, and an
  // edge-triggered epoll waits for the next event while the file is readable all along.
  if (packet.u32(at + fuse_poll_in.flags) & FusePollFlag.FUSE_POLL_SCHEDULE_NOTIFY) {
    handle.arm(packet.high(at + fuse_poll_in.kh), packet.low(at + fuse_poll_in.kh));
  }
  const { file } = handle;
  const mask = file.poll ? file.poll(packet.u32(at + fuse_poll_in.events)) : DEFAULT_POLLMASK;
  server.link.view.setUint32(BODY + fuse_poll_out.revents, mask, LITTLE);
  server.link.view.setUint32(BODY + 4, 0, LITTLE);
  return fuse_poll_out.SIZE;
}

export function release(server: Server, packet: Packet, at: number): Outcome {
  return server.handles.close(packet.u64(at + fuse_release_in.fh)) ? 0 : -EBADF;
}
