// What both readers of /dev/fuse share: answers are one write(2) each, and which errors mean that the mount is gone.
import { closeSync, writeSync } from 'node:fs';

const codeOf = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;

/**
 * ENODEV: unmounted. ECONNABORTED: aborted. ENOENT: aborted while a request was being copied to us. EBADF, ENOTCONN, EPERM:
 * our descriptor is closed, or was never mounted. fs/fuse/dev.c, fuse_dev_do_read().
 */
const ENDINGS: ReadonlySet<unknown> = new Set(['ENODEV', 'ECONNABORTED', 'ENOENT', 'EBADF', 'ENOTCONN', 'EPERM']);

/** The error to report when reading ended with this one: none when it only says that the mount is gone. */
export function unexpected(error: Error): Error | undefined {
  return ENDINGS.has(codeOf(error)) ? undefined : error;
}

/** Read again: nothing was lost. */
export function isTransient(error: Error): boolean {
  return codeOf(error) === 'EINTR';
}

/** One answer. False: the request, or the whole connection, is gone. @throws the system error, EINVAL for a malformed one */
export function sendTo(fd: number, bytes: Uint8Array, length: number): boolean {
  try {
    writeSync(fd, bytes, 0, length);
    return true;
  } catch (error) {
    if (ENDINGS.has(codeOf(error))) return false;
    throw error;
  }
}

export function closeQuietly(fd: number): void {
  try {
    closeSync(fd);
  } catch {
    // Closed before: there is nothing left to close.
  }
}
