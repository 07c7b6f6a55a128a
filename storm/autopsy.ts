// Where everybody is when nothing goes on any more: read from /proc, nothing is touched.
import { readFileSync, readdirSync } from 'node:fs';

const text = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return '?';
  }
};

const tasks = (pid: number): string[] => {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
};

/** Each thread of a process: its state, the kernel function that it sleeps in, and how it came there. */
export function whereabouts(pid: number, name: string): string[] {
  return tasks(pid).map(tid => {
    const at = `/proc/${pid}/task/${tid}`;
    const state = /^State:\s*(.*)$/m.exec(text(`${at}/status`))?.[1] ?? '?';
    const pending = /^ShdPnd:\s*(.*)$/m.exec(text(`${at}/status`))?.[1] ?? '?';
    const stack = text(`${at}/stack`)
      .replaceAll(/\[<0>\] |\+0x\S+/g, '')
      .replaceAll('\n', ' < ');
    return `${name} ${pid} thread ${tid}: ${state}, wchan ${text(`${at}/wchan`)}, pending ${pending}, ${stack}`;
  });
}
