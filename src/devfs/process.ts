// Who a request came from, as /proc knows it: files that the kernel makes, which wait for nobody's mount.
import { readFileSync } from 'node:fs';

/**
 * The process of a thread, whose id is all that FUSE tells.
 * @param thread as this process sees it; 0 when it is not visible here
 * @returns the process's id; the thread's own when it has ended meanwhile
 */
export function processOf(thread: number): number {
  if (thread === 0) return 0;
  try {
    return threadGroup(thread);
  } catch {
    return thread;
  }
}

/** The process of a thread. @throws a system error when there is no such thread */
export function threadGroup(thread: number): number {
  return Number(/^Tgid:\t(\d+)$/m.exec(readFileSync(`/proc/${thread}/status`, 'latin1'))?.[1]);
}

/** A process's command as ps(1) shows it, at most 15 characters; null when the process is gone or not visible. */
export function commandOf(pid: number): string | null {
  return pid === 0 ? null : read(`/proc/${pid}/comm`).replace(/\n$/, '') || null;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
