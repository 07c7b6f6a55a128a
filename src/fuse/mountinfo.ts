// The mount table, read instead of touching a mount point: a look at a dead or at our own mount may wait for ever.
import { readFileSync } from 'node:fs';

export interface MountLine {
  /** Minor of the device number: for FUSE the N of /sys/fs/fuse/connections/N. */
  readonly minor: number;
  /** What of the file system is mounted there: '/', or a directory in it for a bind mount. */
  readonly root: string;
  readonly directory: string;
  /** 'fuse.afukit'. */
  readonly type: string;
  readonly source: string;
}

/** The kernel writes space, tab, newline and backslash as three octal digits. C original: mangle(), fs/proc_namespace.c. */
const decode = (field: string): string => {
  if (!field.includes('\\')) return field;
  const bytes = Buffer.from(field, 'utf8').toString('latin1');
  const plain = bytes.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCodePoint(parseInt(digits, 8)));
  return Buffer.from(plain, 'latin1').toString('utf8');
};

/** One line: ID PARENT MAJOR:MINOR ROOT MOUNTPOINT OPTIONS [TAG...] - TYPE SOURCE SUPEROPTIONS. */
export function parseMountinfo(text: string): MountLine[] {
  const mounts: MountLine[] = [];
  for (const line of text.split('\n')) {
    const fields = line.split(' ');
    const dash = fields.indexOf('-', 6);
    const [, , device, root, directory] = fields;
    const type = fields[dash + 1];
    const source = fields[dash + 2];
    if (dash < 0 || !device || !root || !directory || !type || source === undefined) continue;
    const minor = Number(device.slice(device.indexOf(':') + 1));
    mounts.push({
      minor,
      root: decode(root),
      directory: decode(directory),
      type: decode(type),
      source: decode(source),
    });
  }
  return mounts;
}

// Synchronous on purpose: procfs answers from memory, and unmountSync needs it too.
const mounts = (): MountLine[] => parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));

/** The mount that is seen at this path: the last one mounted there. */
export function mountAt(directory: string): MountLine | undefined {
  return mounts().findLast(mount => mount.directory === directory);
}

/** Whether this very mount is the one that is seen at the path, so that unmounting the path takes this one. */
export function isMounted(directory: string, minor: number): boolean {
  return mountAt(directory)?.minor === minor;
}
