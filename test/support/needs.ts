import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';

import { whyNot } from '../../src/testing/index.ts';

/** For node:test's `skip`: why a test cannot run on this machine, or false when it can. */
export type Skip = string | false;

/** In CI nothing may be missing: there the reason is a failure. */
function missing(reason: string): Skip {
  if (process.env['CI']) throw new Error(`${reason}, in CI`);
  return reason;
}

const works = (command: string, args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

export const isRoot: boolean = process.getuid?.() === 0;

function hasSysAdmin(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> 21n) & 1n) === 1n;
}

/** Device files cannot be served here. */
export function noFuse(): Skip {
  const reason = whyNot();
  return reason === false ? false : missing(reason);
}

/** Served files cannot be mapped here. */
export function noPassthrough(): Skip {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major < 6 || (major === 6 && minor < 9)) return missing('mmap of a served file needs Linux 6.9');
  return isRoot && hasSysAdmin() ? false : missing('mmap of a served file needs CAP_SYS_ADMIN');
}

/** No C program can be compiled here. */
export function noCompiler(): Skip {
  return works('cc', ['--version']) ? false : missing('no C compiler (cc)');
}

export function noPython(): Skip {
  return works('python3', ['--version']) ? false : missing('no python3');
}

/** No terminal can be made here. */
export function noScript(): Skip {
  return works('script', ['--version']) ? false : missing('no script(1) of util-linux');
}

/** Nobody here can become another user, or make a mount namespace of his own. */
export function notRoot(): Skip {
  if (!isRoot || !hasSysAdmin()) return missing('only root may do this');
  if (!works('setpriv', ['--version']) || !works('unshare', ['--version'])) return missing('no util-linux');
  return works('unshare', ['--mount', 'true']) ? false : missing('no mount namespaces');
}

/** The first of several reasons; all of them are looked for, so that CI misses none. */
export function any(...reasons: readonly Skip[]): Skip {
  return reasons.find(reason => reason !== false) ?? false;
}
