// Which mount `ls`, `inject` and `watch` mean, and what became of it when it does not answer.
import { readFile, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';

import { messageOf } from '../core/index.ts';
import { parseMountinfo } from '../fuse/mountinfo.ts';
import { UserError } from './verb.ts';

/** Names the mount where no --mount is given; `afukit run` sets it for its program. */
export const MOUNT_VARIABLE = 'AFUKIT_MOUNT';

/**
 * The mount in `directory`, else that of the environment, else the only one that this process sees.
 * @throws UserError in one line that names those that there are
 */
export async function servedMount(
  directory: string | boolean | undefined,
  mountinfo: string = '/proc/self/mountinfo',
): Promise<string> {
  const lines = parseMountinfo(await readFile(mountinfo, 'utf8'));
  // A bind mount of a part, as `afukit run` makes them, is not the tree.
  const whole = lines.filter(({ type, root }) => type === 'fuse.afukit' && root === '/');
  const mounts = [...new Set(whole.map(mount => mount.directory))];
  const wanted = typeof directory === 'string' ? directory : process.env[MOUNT_VARIABLE] || undefined;
  if (wanted !== undefined) return named(wanted, mounts);
  const [only, ...others] = mounts;
  if (only === undefined) throw new UserError('nothing is served here: start afukit serve');
  if (others.length > 0) throw new UserError(`say which with --mount: ${mounts.join(', ')}`);
  return only;
}

async function named(wanted: string, mounts: readonly string[]): Promise<string> {
  const path = resolve(wanted);
  // Looked up in the list first: a mount whose server hangs would make us wait.
  if (mounts.includes(path)) return path;
  const real = await realpath(path).catch(() => path);
  if (mounts.includes(real)) return real;
  const list = mounts.length === 0 ? 'there is none' : `there are: ${mounts.join(', ')}`;
  throw new UserError(`nothing of afukit's is mounted on ${wanted}; ${list}`);
}

const GONE = new Set(['ENOTCONN', 'ECONNABORTED', 'ENODEV', 'ENOENT']);

/** Whether an error of a call on a mount's file means that the mount is no longer served. */
export function isGone(error: unknown): boolean {
  return GONE.has(codeOf(error));
}

/** A user's view of an error of a call on a mount's file. */
export function explained(error: unknown, mount: string, file: string): UserError {
  if (isGone(error)) return new UserError(`${mount} is not served any more`);
  if (codeOf(error) === 'EACCES') return new UserError(`only the owner of ${mount}/${file} and root may do that`);
  return new UserError(`${mount}/${file}: ${messageOf(error)}`);
}

/** `ENOENT` and the like; empty for what is no system error. */
export function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | null)?.code ?? '';
}
