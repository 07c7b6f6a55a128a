// fusermount3 hands over /dev/fuse as a descriptor in a socket message. Node has neither socketpair nor SCM_RIGHTS, so koffi
// makes those two calls. Loaded only for mounts by an ordinary user.
import { closeSync } from 'node:fs';

import type * as Koffi from 'koffi';

import { MountError } from './errors.ts';
import { LITTLE } from './packet.ts';

/** sys/socket.h, the same on every Linux that Node runs on. */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_DONTWAIT = 0x40;
const MSG_CMSG_CLOEXEC = 0x40000000;

/**
 * One block of memory, laid out by hand for 64-bit Linux: struct msghdr (56 bytes: name, namelen, iov, iovlen, control,
 * controllen, flags), struct iovec (16: base, len), one data byte, struct cmsghdr (16: len, level, type) and its descriptor.
 */
const MESSAGE = { iov: 16, iovlen: 24, control: 32, controllen: 40, SIZE: 56 } as const;
const IOVEC = 64;
const DATA = 80;
const CONTROL = 96;
const CONTROL_SIZE = 24;
const CMSG = { level: 8, type: 12, data: 16 } as const;
const BLOCK_SIZE = 128;

export interface DescriptorSocket {
  /** Our end, and the end for the helper program (close it with `closeTheirs` once the helper runs). */
  readonly ours: number;
  readonly theirs: number;
  /** The descriptor that came, close-on-exec; undefined when none did. Does not wait. */
  receive(): number | undefined;
  closeTheirs(): void;
  close(): void;
}

/** @throws MountError ENOEXEC when koffi cannot be loaded here, EIO when socketpair fails */
export async function descriptorSocket(): Promise<DescriptorSocket> {
  const koffi = await loadKoffi();
  const libc = koffi.load(null);
  const socketpair = libc.func('int socketpair(int domain, int type, int protocol, void *sv)');
  const recvmsg = libc.func('long recvmsg(int socket, void *message, int flags)');

  const pair = new Int32Array(2);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) !== 0) {
    throw new MountError('EIO', `socketpair failed with errno ${koffi.errno()}`);
  }
  const [ours = -1, theirs = -1] = pair;
  const closed = new Set<number>();
  const closeOnce = (fd: number) => {
    if (!closed.has(fd)) closeSync(fd);
    closed.add(fd);
  };
  return {
    ours,
    theirs,
    receive() {
      const block = new ArrayBuffer(BLOCK_SIZE);
      const view = new DataView(block);
      const address: bigint = koffi.address(block);
      view.setBigUint64(MESSAGE.iov, address + BigInt(IOVEC), LITTLE);
      view.setBigUint64(MESSAGE.iovlen, 1n, LITTLE);
      view.setBigUint64(MESSAGE.control, address + BigInt(CONTROL), LITTLE);
      view.setBigUint64(MESSAGE.controllen, BigInt(CONTROL_SIZE), LITTLE);
      view.setBigUint64(IOVEC, address + BigInt(DATA), LITTLE);
      view.setBigUint64(IOVEC + 8, 1n, LITTLE);
      const received = Number(recvmsg(ours, block, MSG_DONTWAIT | MSG_CMSG_CLOEXEC));
      const rights =
        received === 1 &&
        view.getBigUint64(MESSAGE.controllen, LITTLE) >= BigInt(CMSG.data + 4) &&
        view.getInt32(CONTROL + CMSG.level, LITTLE) === SOL_SOCKET &&
        view.getInt32(CONTROL + CMSG.type, LITTLE) === SCM_RIGHTS;
      return rights ? view.getInt32(CONTROL + CMSG.data, LITTLE) : undefined;
    },
    closeTheirs: () => closeOnce(theirs),
    close() {
      closeOnce(theirs);
      closeOnce(ours);
    },
  };
}

async function loadKoffi(): Promise<typeof Koffi> {
  try {
    return await import('koffi');
  } catch (cause) {
    throw new MountError('ENOEXEC', 'mounting as an ordinary user needs the package koffi: npm install koffi', {
      cause,
    });
  }
}
