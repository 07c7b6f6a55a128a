import { readFileSync } from 'node:fs';

import { Errno, errnoCode } from '../abi/index.ts';
import type { AccessFailure, MemoryPiece, ProgramMemory } from '../core/index.ts';
import { libc } from './libc.ts';
import { areaAt, type MappedArea } from './memory-map.ts';
import { PinnedProcess } from './pinned-process.ts';
import { transfer } from './vm-transfer.ts';

/**
 * The memory of the process that called START_WORK, through process_vm_readv and process_vm_writev: they go by the page
 * protections, and by what the system lets us do with that process.
 *
 * They take a process's number, so each use is checked: is the number still that process, and its memory the one of then?
 * A read is checked afterwards, which leaves no doubt, and what was read in vain is erased. A write can only be checked
 * before, so a process that calls exec(2) within those few microseconds may be written to as the program that it becomes.
 * The kernel looks at our permission in the call itself, so it never is a program that we may not write to; and the number
 * cannot be another's so soon: it would have to end, be waited for, and all other numbers be used first.
 */
export class ProcessMemory implements ProgramMemory {
  #process: PinnedProcess | undefined;
  /** Why there is no process. */
  #failure: AccessFailure = 'gone';
  #problem: string | undefined;

  private constructor(process: PinnedProcess | undefined) {
    this.#process = process;
  }

  /**
   * @param threadId a thread of the process in our pid namespace, as FUSE gives it: 0 when it is not to be seen there
   * @returns undefined when there is no such thread, or none to be seen
   */
  static of(threadId: number): ProcessMemory | undefined {
    if (threadId === 0) return undefined;
    try {
      const process = PinnedProcess.of(threadId);
      return process && new ProcessMemory(process);
    } catch (error) {
      const memory = new ProcessMemory(undefined);
      memory.#forbid(threadId, (error as NodeJS.ErrnoException).code ?? String(error));
      return memory;
    }
  }

  /** Why access is `forbidden`, and what would help: a line for the log. The same for all memories of a process. */
  get problem(): string | undefined {
    return this.#problem;
  }

  read(pieces: readonly MemoryPiece[]): number {
    const process = this.#process;
    if (!process) return 0;
    for (;;) {
      const { thread } = process;
      const count = transfer('read', thread, pieces);
      const failure = process.failure();
      if (failure === undefined && process.thread === thread) return count;
      erase(pieces, count);
      if (failure !== undefined) return 0;
    }
  }

  write(pieces: readonly MemoryPiece[]): number {
    const process = this.#process;
    if (!process) return 0;
    while (process.failure() === undefined) {
      const { thread } = process;
      const count = transfer('write', thread, pieces);
      // Nothing was written if the thread just ended: then by another one.
      if (count > 0 || process.failure() !== undefined || process.thread === thread) return count;
    }
    return 0;
  }

  failure(address: bigint, store: boolean): AccessFailure | undefined {
    const process = this.#process;
    if (!process) return this.#failure;
    const area = this.#areaAt(process, address);
    const failure = process.failure();
    if (failure === 'forbidden') return this.#forbid(process.thread, 'EACCES');
    if (failure) return failure;
    if (!area) return 'unmapped';
    if (!(store ? area.writable : area.readable)) return 'protected';
    return area.readable ? this.#probe(process, address) : undefined;
  }

  compareExchange(address: bigint, width: 4 | 8, expected: bigint, desired: bigint): bigint | undefined {
    const process = this.#process;
    if (!process || address % BigInt(width) !== 0n) return undefined;
    const area = this.#areaAt(process, address);
    if (!area?.shared || !area.readable || !area.writable) return undefined;
    return process.words.compareExchange(process.thread, area, address, width, expected, desired);
  }

  close(): void {
    this.#process?.release();
    this.#process = undefined;
    this.#failure = 'gone';
  }

  #areaAt(process: PinnedProcess, address: bigint): MappedArea | undefined {
    for (;;) {
      const { thread } = process;
      const area = areaAt(thread, address);
      if (process.failure() !== undefined) return undefined;
      if (process.thread === thread) return area;
    }
  }

  /** Something is mapped there, but perhaps no page is behind it, or the call itself is not for us. */
  #probe(process: PinnedProcess, address: bigint): AccessFailure | undefined {
    if (transfer('read', process.thread, [{ address, bytes: new Uint8Array(1) }]) === 1) return undefined;
    const errno = libc().errno();
    if (errno === Errno.EFAULT) return 'unmapped';
    if (errno === Errno.ESRCH) return process.failure();
    return this.#forbid(process.thread, errnoCode(errno) ?? String(errno));
  }

  #forbid(threadId: number, code: string): AccessFailure {
    this.#problem ??= problemText(threadId, code);
    return (this.#failure = 'forbidden');
  }
}

/** What came from a number that meant nobody or another one by then. */
function erase(pieces: readonly MemoryPiece[], count: number): void {
  let left = count;
  for (const { bytes } of pieces) {
    if (left <= 0) return;
    bytes.fill(0, 0, left);
    left -= bytes.length;
  }
}

const remedies: Readonly<Record<string, string>> = {
  EMFILE: 'too many files are open here; raise the limit (ulimit -n)',
  ENFILE: 'too many files are open on this machine; raise fs.file-max',
  ENOSYS: 'this kernel has no process_vm_readv (CONFIG_CROSS_MEMORY_ATTACH)',
  EPERM: 'a seccomp filter or security module forbids it; in a container, give the server CAP_SYS_PTRACE',
  EXDEV: '/proc is that of another pid namespace; mount this one’s (mount -t proc proc /proc)',
};

function problemText(threadId: number, code: string): string {
  const status = textOf(`/proc/${threadId}/status`);
  const id = /^Tgid:\t(\d+)/m.exec(status)?.[1] ?? threadId;
  return `cannot use the memory of process ${id} (${code}): ${remedies[code] ?? remedy(status)}`;
}

/** What keeps us out, as far as it shows, and what helps. */
function remedy(status: string): string {
  const theirs = /^Uid:\t(\d+)/m.exec(status)?.[1];
  const ours = process.geteuid?.();
  if (theirs !== undefined && Number(theirs) !== ours) {
    return `it is user ${theirs}'s, and the server runs as user ${ours}; run the server as that user, or as root`;
  }
  const scope = textOf('/proc/sys/kernel/yama/ptrace_scope').trim();
  if (scope === '1') {
    return 'kernel.yama.ptrace_scope is 1; start the program with "afukit run", set it to 0, or run the server as root';
  }
  if (scope === '2') return 'kernel.yama.ptrace_scope is 2; set it to 0, or run the server as root';
  return 'it is protected from others of its user (set-user-ID, capabilities, PR_SET_DUMPABLE); run the server as root';
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
