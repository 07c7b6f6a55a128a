import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

export interface WhyNotOptions {
  /** Also whether programs can be spawned with `namespace: true`. */
  readonly namespace?: boolean | undefined;
}

/**
 * Why device files cannot be served here, with the remedy, or false when they can: for a test runner's `skip`. Looks, and
 * mounts nothing. Call it before anything is served.
 */
export function whyNot({ namespace = false }: WhyNotOptions = {}): string | false {
  if (process.platform !== 'linux') return 'FUSE is a Linux facility';
  const root = process.getuid?.() === 0;
  if (!opens('/dev/fuse')) {
    return root
      ? 'no /dev/fuse, or no permission to open it: modprobe fuse; in a container: docker run --device /dev/fuse'
      : '/dev/fuse is not there for this user: chmod 0666 /dev/fuse as root';
  }
  if (root && !hasSysAdmin()) return 'root has no CAP_SYS_ADMIN here: docker run --cap-add SYS_ADMIN';
  if (!root && !works('fusermount3', '--version')) return 'no fusermount3 for an ordinary user: apt-get install fuse3';
  if (!namespace) return false;
  const user = root ? [] : ['--user', '--map-current-user'];
  if (works('unshare', ...user, '--mount', 'true')) return false;
  return 'no mount namespaces here: run as root, or permit user namespaces (sysctl, AppArmor, seccomp of the container)';
}

/** Whether root is what it says: in a container it often is not. */
function hasSysAdmin(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> 21n) & 1n) === 1n;
}

function opens(path: string): boolean {
  try {
    closeSync(openSync(path, 'r+'));
    return true;
  } catch {
    return false;
  }
}

function works(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
