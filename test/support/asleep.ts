import { readFileSync, readdirSync } from 'node:fs';

import { until } from './until.ts';

const tasks = (pid: number | 'self'): string[] => readdirSync(`/proc/${pid}/task`);

/** Where each sleeping thread sleeps, as the kernel names it. */
function sleepers(pid: number | 'self'): string[] {
  return tasks(pid).flatMap(tid => {
    const at = `/proc/${pid}/task/${tid}`;
    const state = /\) (\S)/.exec(readFileSync(`${at}/stat`, 'latin1'))?.[1];
    return state === 'S' ? [readFileSync(`${at}/wchan`, 'latin1')] : [];
  });
}

/**
 * Names of kernel functions. A call that asks the server sleeps in `request_wait_answer`; for read(2) that is its sleep, for
 * poll and its like it is not yet.
 */
const places: Readonly<Record<'read' | 'poll' | 'epoll', RegExp>> = {
  read: /^request_wait_answer/,
  poll: /^(?:poll_schedule|do_poll|do_sys_poll|do_select)/,
  epoll: /^(?:do_epoll|ep_poll)/,
};

/** Our own pool sleeps for sure: whether this kernel says where at all. */
const named = (): boolean => sleepers('self').some(where => where !== '0');

/** Resolves when so many of the process's threads sleep in that call. */
export async function asleep(pid: number, call: keyof typeof places, threads: number = 1): Promise<void> {
  const place = named() ? places[call] : /^0$/;
  await until(`${threads} threads of process ${pid} sleep in ${call}`, () => {
    try {
      return sleepers(pid).filter(where => place.test(where)).length >= threads;
    } catch {
      // A thread that ended while we looked.
      return false;
    }
  });
}
