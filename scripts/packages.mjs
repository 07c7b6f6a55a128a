// Debian packages that only tests and benchmarks need: installed as root, asked for in one line otherwise.
import { spawnSync } from 'node:child_process';

const works = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;

/** Package -> how to see that what it brings is there. */
const probes = {
  gcc: () => works('cc', ['--version']),
  'libc6-dev': () => works('cc', ['-E', '-include', 'sys/epoll.h', '-x', 'c', '/dev/null']),
  python3: () => works('python3', ['--version']),
  fuse3: () => works('fusermount3', ['--version']),
  'util-linux': () => works('unshare', ['--version']),
  mount: () => works('mount', ['--version']),
  'pkg-config': () => works('pkg-config', ['--version']),
  'libfuse3-dev': () => works('pkg-config', ['--exists', 'fuse3']),
};

/** Returns whether all of `packages` are there now; says in one line what to do where they are not. */
export function needPackages(packages) {
  const missing = () => packages.filter(name => !probes[name]());
  let absent = missing();
  if (absent.length === 0) return true;
  const install = ['apt-get', 'install', '-y', ...absent].join(' ');
  if (process.getuid?.() === 0 && works('apt-get', ['--version'])) {
    process.stderr.write(`installing Debian packages: ${absent.join(' ')} ...\n`);
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = args => spawnSync('apt-get', args, { stdio: ['ignore', 'ignore', 2], env }).status === 0;
    // An old package list names versions that are gone, so a failure is tried again with a new one.
    const wanted = ['install', '-y', '--no-install-recommends', ...absent];
    if (!apt(wanted) && apt(['update'])) apt(wanted);
    absent = missing();
  }
  if (absent.length === 0) return true;
  process.stderr.write(`afukit: needed here and missing: ${absent.join(', ')}; install with "${install}" as root\n`);
  return false;
}
