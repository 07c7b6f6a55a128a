import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

import { packageRoot, type Place } from './cli.ts';
import { start, type Program } from './program.ts';

export interface Machine {
  /** What stands at /dev/fuse: `usable` by everybody, nothing, a file that nobody may open, or no FUSE at all. */
  readonly fuse: 'usable' | 'absent' | 'forbidden';
  /** An ordinary user instead of root. */
  readonly user?: boolean;
  /** Root as in a container that was given no rights. */
  readonly withoutRights?: boolean;
  /** Along PATH there is nothing. */
  readonly noPrograms?: boolean;
  readonly detached?: boolean;
}

/** In a mount namespace of its own; what is made there vanishes with it. */
const SCRIPT = String.raw`
set -e
stage=$1 root=$2 node=$3 fuse=$4
shift 4
mount -t tmpfs -o mode=0777 stage "$stage"
mkdir "$stage/package"
mount --rbind "$root" "$stage/package"
touch "$stage/node"
mount --bind "$node" "$stage/node"
mkdir -m 0777 "$stage/tmp" "$stage/mnt"
chmod 0777 "$stage/mnt"
cd "$stage"
case $fuse in
usable) mknod -m 0666 "$stage/fuse" c 10 229; chmod 0666 "$stage/fuse"; mount --bind "$stage/fuse" /dev/fuse ;;
forbidden) mknod -m 0 "$stage/fuse" c 10 229; mount --bind "$stage/fuse" /dev/fuse ;;
absent)
  mount -t tmpfs dev /dev
  mknod -m 0666 /dev/null c 1 3 ;;
esac
exec "$@"
`;

const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

/** A command line of afukit's on a machine made for it, by an ordinary user who can reach it there; root only. */
export async function afukitOn(
  t: TestContext,
  where: Place,
  machine: Machine,
  args: (mountPoint: string) => readonly string[],
): Promise<Program> {
  const stage = join(where.project, 'stage');
  await mkdir(stage);
  const path = machine.noPrograms ? '/nonexistent' : (process.env['PATH'] ?? '');
  const who = machine.user ? NOBODY : machine.withoutRights ? ['setpriv', '--bounding-set=-sys_admin'] : [];
  const environment = ['env', `TMPDIR=${stage}/tmp`, 'HOME=/', `PATH=${path}`];
  const command = [`${stage}/node`, `${stage}/package/dist/src/cli/main.js`, ...args(`${stage}/mnt`)];
  const script = [SCRIPT, 'sh', stage, packageRoot, process.execPath, machine.fuse];
  const argv = ['--mount', 'sh', '-c', ...script, ...who, ...environment, ...command];
  return start(t, 'unshare', argv, { detached: machine.detached === true });
}
