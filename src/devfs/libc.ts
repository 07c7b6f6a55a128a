import { createRequire } from 'node:module';

import type Koffi from 'koffi';

/** C calls that Node lacks. Failure is what C returns, -1 or MAP_FAILED, and then `errno()`. */
export interface Libc {
  memfdCreate(name: string, flags: number): number;
  /** An address; {@link MAP_FAILED} on failure. `address` is null for anywhere. */
  mmap(address: bigint | null, length: number, protection: number, flags: number, fd: number, offset: number): bigint;
  munmap(address: bigint, length: number): number;
  /** Those commands of fcntl(2) that take a number. */
  fcntl(fd: number, command: number, argument: number): number;
  /** The memory itself, not a copy. Whoever unmaps it while this can be reached ends the process at the next access. */
  view(address: bigint, length: number): ArrayBuffer;
  /** Of the last failed call, positive. */
  errno(): number;
}

export const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

let loaded: Libc | undefined;

/** Loaded when it is first needed. @throws Error when koffi is not installed, or has no binary for this machine */
export function libc(): Libc {
  loaded ??= load();
  return loaded;
}

function load(): Libc {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const c = koffi.load(null);
  const fcntl = c.func('int fcntl(int fd, int command, ...)');
  return {
    memfdCreate: c.func('int memfd_create(const char *name, unsigned int flags)') as Libc['memfdCreate'],
    mmap: c.func('void *mmap(void *address, size_t length, int prot, int flags, int fd, long offset)') as Libc['mmap'],
    munmap: c.func('int munmap(void *address, size_t length)') as Libc['munmap'],
    fcntl: (fd, command, argument) => fcntl(fd, command, 'int', argument) as number,
    view: (address, length) => koffi.view(address, length),
    errno: () => koffi.errno(),
  };
}
