import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

import { unmountCommand } from '../fuse/programs.ts';

/**
 * Parameters: the mount's minor, a directory to remove or an empty string, the command that unmounts. On stdin: `begin PGID`
 * and `end PGID` for the process groups that are to go too, `over` when all was taken down in good order. The end of stdin
 * without that means that the process on the other end is no more.
 */
const SCRIPT = String.raw`
trap '' HUP INT TERM
minor=$1 temporary=$2
shift 2
groups=
while read -r what group; do
  case $what in
  begin) groups="$groups $group" ;;
  end)
    left=
    for other in $groups; do [ "$other" = "$group" ] || left="$left $other"; done
    groups=$left ;;
  over) exit 0 ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
while read -r _ _ device _; do
  [ "$device" = "0:$minor" ] || continue
  "$@"
  break
done </proc/self/mountinfo
[ -z "$temporary" ] || rmdir -- "$temporary"
`;

/**
 * A small process that cleans up where this one cannot: when it is killed, with SIGKILL or any other signal that nobody
 * handles, no 'exit' handler runs. In a session of its own, so that Ctrl-C does not end it as well.
 */
export class Guard {
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  /** @param temporary whether `directory`, the mount point, is to be removed */
  constructor(directory: string, minor: number, temporary: boolean) {
    const [unmount, args] = unmountCommand(directory, { lazy: true });
    const parameters = [String(minor), temporary ? directory : '', unmount, ...args];
    const env = { PATH: `/usr/sbin:/usr/bin:/sbin:/bin:${process.env['PATH'] ?? ''}` };
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'afukit-guard', ...parameters], {
      cwd: '/',
      env,
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // A machine that is short of processes: the exit handlers are left.
    child.on('error', () => {});
    child.stdin.on('error', () => {});
    this.#ended = child.pid === undefined ? Promise.resolve() : once(child, 'close');
    // A forgotten host keeps its process alive by what it serves, not by this.
    child.unref();
    (child.stdin as unknown as { unref(): void }).unref();
    this.#child = child;
  }

  begin(group: number): void {
    this.#tell(`begin ${group}`);
  }

  end(group: number): void {
    this.#tell(`end ${group}`);
  }

  /** Nothing is left to clean up. Resolves when the guard has gone. */
  async over(): Promise<void> {
    this.#child.ref();
    this.#tell('over');
    await this.#ended;
  }

  #tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }
}
