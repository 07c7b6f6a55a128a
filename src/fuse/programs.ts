// The helper programs: mount(8) and umount(8) for root, fusermount3(1) for everybody else.
import { spawn, spawnSync } from 'node:child_process';

import { MountError } from './errors.ts';

export interface Finished {
  readonly ok: boolean;
  /** What the program wrote to stderr, on one line; or why it ended. */
  readonly message: string;
}

const REMEDY: Readonly<Record<string, string>> = {
  fusermount3: 'mounting as an ordinary user needs it: apt-get install fuse3 (or run as root)',
  mount: 'it comes with util-linux: apt-get install mount',
  umount: 'it comes with util-linux: apt-get install mount',
};

/** Looked at first while we serve: Node waits for the search, and a directory of PATH may lie in our own mount. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin:/run/wrappers/bin:/run/current-system/sw/bin';

/**
 * Runs a program to its end without blocking, with `fd` as its descriptor 3.
 * @throws MountError ENOEXEC when the program is not installed
 */
export function run(program: string, args: readonly string[], fd?: number): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'ignore', 'pipe', ...(fd === undefined ? [] : [fd])],
      env: {
        ...process.env,
        LC_ALL: 'C',
        // With a descriptor to hand over nothing is served yet.
        ...(fd === undefined ? { PATH: `${SYSTEM_PATH}:${process.env['PATH'] ?? ''}` } : { _FUSE_COMMFD: '3' }),
      },
    });
    let stderr = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', (cause: NodeJS.ErrnoException) => {
      const missing = cause.code === 'ENOENT';
      const why = missing ? `the program ${program} is missing; ${REMEDY[program] ?? ''}` : `cannot start ${program}`;
      reject(new MountError(missing ? 'ENOEXEC' : 'EIO', why, { cause }));
    });
    child.on('close', (status, signal) => {
      const said = stderr.trim().replaceAll(/\s*\n\s*/g, '; ');
      resolve({ ok: status === 0, message: said || `${program} ended with ${signal ?? `status ${status}`}` });
    });
  });
}

/** As `run`, blocking: for process 'exit' handlers, where nothing asynchronous runs any more. Never throws. */
export function runSync(program: string, args: readonly string[]): boolean {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** Root asks mount(8); others need the set-user-id helper. */
export const isRoot = (): boolean => process.getuid?.() === 0;

export interface Unmounting {
  /** Detach now, clean up when nobody uses it any more. */
  readonly lazy: boolean;
  /** Abort the connection first; root only. */
  readonly force?: boolean;
}

/** The program and its arguments that unmount `directory`. -i: no helper program; -c: do not look at the path. */
export function unmountCommand(directory: string, { lazy, force }: Unmounting): [string, string[]] {
  if (!isRoot()) return ['fusermount3', ['-u', ...(lazy ? ['-z'] : []), '--', directory]];
  return ['umount', ['-i', '-c', ...(force ? ['-f'] : []), ...(lazy ? ['-l'] : []), '--', directory]];
}
