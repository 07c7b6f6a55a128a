import { createRequire } from 'node:module';

import type Koffi from 'koffi';

import { CxlError } from '../core/index.ts';

/** One range of memory; `iov_base` is an address in the other process, and memory of ours locally. */
interface IoVector {
  readonly iov_base: Uint8Array | number;
  readonly iov_len: number;
}
type Copy = (
  pid: number,
  local: IoVector,
  localCount: number,
  remote: IoVector,
  remoteCount: number,
  flags: number,
) => number;

let processVmWritev: Copy | undefined;

/** libc's process_vm_writev, loaded when it is first needed: few programs make the server write to them. */
function load(): Copy {
  const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
  const local = koffi.pointer(koffi.struct({ iov_base: 'void *', iov_len: 'size_t' }));
  const remote = koffi.pointer(koffi.struct({ iov_base: 'uintptr_t', iov_len: 'size_t' }));
  const parameters = ['int', local, 'unsigned long', remote, 'unsigned long', 'unsigned long'];
  return koffi.load(null).func('process_vm_writev', 'long', parameters) as Copy;
}

/**
 * Copies `bytes` into another process's memory, within that memory's own protection.
 * @param pid the process, as this one sees it
 * @param address where, in its address space
 * @throws CxlError EFAULT when not every byte could be written
 */
export function writeUserMemory(pid: number, address: number, bytes: Uint8Array): void {
  processVmWritev ??= load();
  const count = bytes.length;
  const written = processVmWritev(
    pid,
    { iov_base: bytes, iov_len: count },
    1,
    { iov_base: address, iov_len: count },
    1,
    0,
  );
  if (written !== count) throw new CxlError('EFAULT', 'ioctl', `cannot write to process ${pid}`);
}
