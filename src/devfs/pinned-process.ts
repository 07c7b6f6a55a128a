// Which process, and which of its memories: a number alone says neither, as it is used again, and exec(2) keeps it.
import { closeSync, openSync, readdirSync, readlinkSync } from 'node:fs';

import { libc } from './libc.ts';
import { threadGroup } from './process.ts';
import { SharedWords } from './shared-words.ts';

/** More than /proc/PID/stat ever has up to the fields that count: 28 numbers and a name. */
const STAT_SIZE = 1024;
const [SPACE, CLOSING] = [0x20, 0x29];
/** startcode, endcode and startstack of proc_pid_stat(5), counted from the end of the name. */
const FIELDS = { from: 24, to: 26 } as const;
/** These fields of a process that may not be looked into. */
const HIDDEN = '1 1 0';

/** Filled by pread, read at once. */
let block: { readonly bytes: Buffer; readonly address: bigint } | undefined;

function scratch(): NonNullable<typeof block> {
  if (!block) {
    const bytes = Buffer.alloc(STAT_SIZE);
    block = { bytes, address: libc().addressOf(bytes) };
  }
  return block;
}

/** By thread group id: contexts of one process share what is held for it. */
const pinned = new Map<number, PinnedProcess>();

/**
 * A process together with the memory that it had at the time. As the kernel's driver does, it holds the memory's struct
 * (mm_count), not its pages: it keeps no memory alive.
 */
export class PinnedProcess {
  /** The process: its thread group's id. */
  readonly id: number;
  /** Words that it shares with others, as far as they are mapped here too. */
  readonly words: SharedWords = new SharedWords();
  /** /proc/ID/mem: what is read there is the memory of then, also when the process has another one now. */
  readonly #memory: number;
  /** /proc/ID/task/ID/stat: as long as it can be read the number is the process's own, although perhaps a zombie's. */
  readonly #leader: number;
  readonly #layout: string;
  /** The thread whose number stands for the memory, and its stat: the first one, until that ends before the others. */
  #thread: number;
  #stat: number;
  #holders = 1;
  #gone = false;

  private constructor(id: number, memory: number, leader: number, layout: string) {
    this.id = id;
    this.#memory = memory;
    this.#leader = this.#stat = leader;
    this.#thread = id;
    this.#layout = layout;
  }

  /**
   * Takes hold of the process that a thread belongs to; `release` it once for each time.
   * @returns undefined when there is no such thread
   * @throws a system error: EACCES or EPERM when the memory is not for us, EMFILE, ...
   */
  static of(threadId: number): PinnedProcess | undefined {
    let opened: number[] = [];
    try {
      needOwnProc();
      const id = threadGroup(threadId);
      const known = pinned.get(id);
      if (known && known.failure() === undefined) {
        known.#holders++;
        return known;
      }
      const open = (path: string): number => {
        const fd = openSync(`/proc/${id}/task/${path}`, 'r');
        opened.push(fd);
        return fd;
      };
      const leader = open(`${id}/stat`);
      const memory = open(`${threadId}/mem`);
      const own = open(`${threadId}/stat`);
      const layout = layoutOf(own);
      closeSync(own);
      opened.pop();
      if (layout === undefined) return undefined;
      const process = new PinnedProcess(id, memory, leader, layout);
      if (process.failure() !== undefined) return undefined;
      opened = [];
      pinned.set(id, process);
      return process;
    } catch (error) {
      if (isGone(error)) return undefined;
      throw error;
    } finally {
      opened.forEach(fd => closeSync(fd));
    }
  }

  /** A thread whose memory it is, for calls that want a number; {@link failure} says whether it still is. */
  get thread(): number {
    return this.#thread;
  }

  /**
   * Undefined as long as `thread` means this process and this memory. What was done with `thread` was done with them if
   * this is undefined afterwards and `thread` unchanged: a number that was lost does not come back, nor does a memory.
   */
  failure(): 'gone' | 'forbidden' | undefined {
    if (this.#gone) return 'gone';
    // Address 0: an error unless somebody maps it; but of memory that nobody has any more always 0 bytes.
    if (libc().pread(this.#memory, scratch().address, 1, 0) !== 0) {
      // The memory may outlive exec, with a process that shares it (vfork, CLONE_VM): so look whose it is. Deceived only if
      // the same program was started again then, and its addresses are not random.
      const layout = layoutOf(this.#stat);
      if (layout === this.#layout || this.#chooseThread()) return undefined;
      if (layout === HIDDEN) return 'forbidden';
    }
    this.#gone = true;
    return 'gone';
  }

  release(): void {
    if (--this.#holders > 0) return;
    if (pinned.get(this.id) === this) pinned.delete(this.id);
    this.#gone = true;
    this.words.close();
    for (const fd of new Set([this.#memory, this.#leader, this.#stat])) closeSync(fd);
  }

  /** The thread has ended: looks for another one with the same memory. */
  #chooseThread(): boolean {
    for (const name of threadsOf(this.id)) {
      const stat = openStat(this.id, name);
      if (stat === undefined) continue;
      // The number is still the process's, so this thread was its own.
      if (layoutOf(stat) === this.#layout && layoutOf(this.#leader) !== undefined) {
        if (this.#stat !== this.#leader) closeSync(this.#stat);
        this.#stat = stat;
        this.#thread = Number(name);
        return true;
      }
      closeSync(stat);
    }
    return false;
  }
}

/** Where a thread's memory has its program and stack, which each exec(2) chooses anew; undefined when it has ended. */
function layoutOf(stat: number): string | undefined {
  const { bytes, address } = scratch();
  const size = libc().pread(stat, address, STAT_SIZE, 0);
  if (size <= 0) return undefined;
  // The name before it may hold anything.
  let at = bytes.lastIndexOf(CLOSING, size - 1);
  let from = at;
  for (let field = 0; field <= FIELDS.to; field++) {
    if (field === FIELDS.from) from = at + 1;
    at = bytes.indexOf(SPACE, at + 1);
  }
  return bytes.toString('latin1', from, at);
}

/** @throws EXDEV */
function needOwnProc(): void {
  if (readlinkSync('/proc/self') === String(process.pid)) return;
  throw Object.assign(new Error('/proc shows another pid namespace'), { code: 'EXDEV' });
}

function threadsOf(id: number): string[] {
  try {
    return readdirSync(`/proc/${id}/task`);
  } catch {
    return [];
  }
}

function openStat(id: number, thread: string): number | undefined {
  try {
    return openSync(`/proc/${id}/task/${thread}/stat`, 'r');
  } catch {
    return undefined;
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ESRCH';
}
