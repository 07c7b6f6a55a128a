// The checks before a mount, and the clearing away of what a dead server left behind.
import { lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

import { errnoName, errnoOf, MountError } from './errors.ts';
import { mountAt } from './mountinfo.ts';
import type { MountLine } from './mountinfo.ts';
import { run, unmountCommand } from './programs.ts';

const codeOf = (error: unknown): string => errnoName(errnoOf(error) ?? 0);

/**
 * The absolute path without symbolic links, as the mount table has it. The last component is looked at only when nothing
 * is mounted on it: a dead server's mount point cannot be looked at.
 * @throws MountError ENOENT or ENOTDIR for the directories above it
 */
export async function canonical(directory: string): Promise<string> {
  const absolute = resolve(directory);
  if (absolute === '/') return absolute;
  const parent = await realpath(dirname(absolute)).catch((cause: unknown) => {
    throw asMountError(directory, cause);
  });
  const path = join(parent, basename(absolute));
  if (mountAt(path)) return path;
  const isLink = await lstat(path).then(
    found => found.isSymbolicLink(),
    () => false,
  );
  return isLink ? realpath(path).catch(() => path) : path;
}

function asMountError(directory: string, cause: unknown): MountError {
  const code = codeOf(cause);
  if (code === 'ENOENT') {
    return new MountError('ENOENT', `the mount point ${directory} does not exist: mkdir -p ${directory}`, { cause });
  }
  if (code === 'ENOTDIR')
    return new MountError('ENOTDIR', `the mount point ${directory} is not a directory`, { cause });
  if (code === 'EACCES') {
    return new MountError('EACCES', `no permission to look at the mount point ${directory}`, { cause });
  }
  return new MountError('EIO', `cannot look at the mount point ${directory}: ${String(cause)}`, { cause });
}

/** @throws MountError when `directory` (canonical) cannot be mounted on */
export async function checkMountPoint(directory: string, type: string): Promise<void> {
  const there = mountAt(directory);
  if (there?.type === type) {
    throw new MountError('EBUSY', `${directory} is already mounted by a running server (${there.source}): unmount it`);
  }
  let entries;
  try {
    const found = await stat(directory);
    if (!found.isDirectory()) throw new MountError('ENOTDIR', `the mount point ${directory} is not a directory`);
    entries = await readdir(directory);
  } catch (error) {
    if (error instanceof MountError) throw error;
    if (codeOf(error) === 'ENOTCONN') {
      const remedy = `umount -l ${directory}`;
      throw new MountError('EBUSY', `${directory} is the mount point of a dead server (${there?.type}): ${remedy}`);
    }
    throw asMountError(directory, error);
  }
  if (entries.length > 0) {
    throw new MountError('ENOTEMPTY', `the mount point ${directory} is not empty: choose an empty directory`);
  }
}

/** The mount at this path whose server has died, if it is one of type `fuse.SUBTYPE`. */
async function staleMount(directory: string, subtype: string): Promise<MountLine | undefined> {
  const there = mountAt(directory);
  if (there?.type !== `fuse.${subtype}`) return undefined;
  // Only the kernel answers for a dead server; a living one answers, or lets this wait in the thread pool.
  const code = await stat(directory).then(() => '', codeOf);
  return code === 'ENOTCONN' ? there : undefined;
}

/**
 * Takes away the mount that a killed server left at `directory` ("Transport endpoint is not connected"). Only a mount of
 * type `fuse.SUBTYPE` that answers ENOTCONN is touched; a living one is left alone.
 *
 * @returns true when there was one and it is gone
 * @throws MountError EIO when it could not be unmounted, ENOENT when the directories above do not exist
 */
export async function clearStaleMount(directory: string, subtype = 'afukit'): Promise<boolean> {
  const path = await canonical(directory);
  const stale = await staleMount(path, subtype);
  if (!stale) return false;
  const { ok, message } = await run(...unmountCommand(path, { lazy: true }));
  if (!ok) throw new MountError('EIO', `cannot unmount the dead mount at ${path}: ${message}`);
  return true;
}
