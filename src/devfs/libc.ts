// libc's calls that Node lacks, through koffi. Loaded when the first of them is needed: most servers never do.
import { createRequire } from 'node:module';

import type Koffi from 'koffi';

/** Between our memory and another process's: both sides as arrays of struct iovec, by address. Returns bytes, or -1. */
export type VmTransfer = (
  pid: number,
  local: bigint,
  localCount: number,
  remote: bigint,
  remoteCount: number,
  flags: number,
) => number;

/** The calls, named as in C. Addresses are of type uintptr_t, so that no memory is converted or copied on the way. */
export interface Libc {
  readonly process_vm_readv: VmTransfer;
  readonly process_vm_writev: VmTransfer;
  readonly pread: (fd: number, buffer: bigint, size: number, offset: number) => number;
  /** Returns MAP_FAILED on an error. */
  readonly mmap: (at: bigint, size: number, protection: number, flags: number, fd: number, offset: bigint) => bigint;
  readonly munmap: (at: bigint, size: number) => number;
  /** A descriptor, or -1. */
  readonly memfd_create: (name: string, flags: number) => number;
  /** Those commands that take a number. */
  readonly fcntl: (fd: number, command: number, argument: number) => number;
  readonly getpagesize: () => number;
  /** The errno of the last call, as long as nothing else was called since. */
  readonly errno: () => number;
  /** Where the first byte of a buffer of ours lies; it stays there as long as the buffer lives. */
  readonly addressOf: (bytes: ArrayBuffer | ArrayBufferView) => bigint;
  /** Memory that JavaScript does not own, as a buffer: never to be touched once it is unmapped. */
  readonly view: (at: bigint, size: number) => ArrayBuffer;
}

/** sys/mman.h, the same on every Linux that Node runs on; MAP_FAILED is (void *)-1 where pointers have 64 bits. */
export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const MAP_SHARED = 0x01;
export const MAP_PRIVATE = 0x02;
export const MAP_FIXED = 0x10;
export const MAP_ANONYMOUS = 0x20;
export const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

let loaded: Libc | undefined;

/** @throws Error when koffi is not installed, or has no binary for this machine */
export function libc(): Libc {
  return (loaded ??= load());
}

function load(): Libc {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const library = koffi.load(null);
  const func = (name: string, result: string, parameters: string[]): unknown => library.func(name, result, parameters);
  const fcntl = library.func('int fcntl(int fd, int command, ...)');
  const transfer = ['int', 'uintptr_t', 'unsigned long', 'uintptr_t', 'unsigned long', 'unsigned long'];
  const mmap = func('mmap', 'uintptr_t', ['uintptr_t', 'size_t', 'int', 'int', 'int', 'int64_t']) as (
    ...args: Parameters<Libc['mmap']>
  ) => number | bigint;
  return {
    process_vm_readv: func('process_vm_readv', 'long', transfer) as VmTransfer,
    process_vm_writev: func('process_vm_writev', 'long', transfer) as VmTransfer,
    pread: func('pread', 'long', ['int', 'uintptr_t', 'size_t', 'long']) as Libc['pread'],
    // koffi gives a number where one is exact.
    mmap: (...args) => BigInt(mmap(...args)),
    munmap: func('munmap', 'int', ['uintptr_t', 'size_t']) as Libc['munmap'],
    memfd_create: func('memfd_create', 'int', ['const char *', 'unsigned int']) as Libc['memfd_create'],
    fcntl: (fd, command, argument) => fcntl(fd, command, 'int', argument) as number,
    getpagesize: func('getpagesize', 'int', []) as Libc['getpagesize'],
    errno: () => koffi.errno(),
    addressOf: bytes => koffi.address(bytes),
    view: (at, size) => koffi.view(at, size),
  };
}
