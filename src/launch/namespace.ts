/**
 * A private mount namespace in which /dev/cxl and /sys/class/cxl are those of a tree, and a program running in it.
 *
 * The tree is normally a FUSE mount served by this very process, so nothing here waits synchronously for anything that
 * may look into the tree.
 *
 * Where the machine has no /dev/cxl of its own, the program's /dev holds what the machine's held when it started: a
 * device plugged in later does not appear in it. In an ordinary user's namespace set-user-ID programs gain nothing, and a
 * terminal made there may be named /dev/.afukit/pts/N, where only the original /dev/ptmx can make one.
 */
import { spawn, type ChildProcess, type ChildProcessByStdio, type SpawnOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { BUILD, ENTER, STARTED } from './namespace.sh.ts';

export interface NamespacedProgram {
  /** The directory with dev/cxl and sys/class/cxl in it. */
  readonly tree: string;
  /** Looked up as a shell does: along PATH of `env` unless it has a slash. */
  readonly program: string;
  readonly args: readonly string[];
  /** The program's environment; this process's own if left out. */
  readonly env?: NodeJS.ProcessEnv;
}

/** What to hand to `spawn`. */
export interface NamespaceCommand {
  command: string;
  args: string[];
  env: NodeJS.ProcessEnv;
}

/**
 * Why a namespace could not be set up: the platform or a needed tool is missing, the system forbids namespaces, the tree
 * is not one, a mount failed, the current directory would be lost, or no process could be started.
 */
export type NamespaceFailure = 'platform' | 'tool' | 'forbidden' | 'tree' | 'mount' | 'directory' | 'spawn';

/** The namespace could not be set up; the program was not started. The message is one line and ends in the remedy. */
export class NamespaceError extends Error {
  override readonly name = 'NamespaceError';
  readonly code: NamespaceFailure;
  /** What to do about it. */
  readonly remedy: string;
  /** All that the tools said. */
  readonly output: string;

  constructor(code: NamespaceFailure, what: string, remedy: string, output: string, options?: ErrorOptions) {
    super(`${what.replaceAll(/\s+/g, ' ').trim()}: ${remedy}`, options);
    this.code = code;
    this.remedy = remedy;
    this.output = output;
  }
}

/** Where the set-up's own tools are looked for first, whatever the program's PATH is. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin';

/** Variables that some /bin/sh changes, drops or obeys, or that would load something into the tools of the set-up. */
const HELD =
  /^(?:PATH|LC_ALL|PWD|OLDPWD|SHLVL|_|IFS|ENV|CDPATH|PPID|E?UID|LINENO|COLUMNS|LINES|PS\d|MAIL\w*|OPT(?:IND|ARG|ERR)|RANDOM|SECONDS|SHELLOPTS|POSIXLY_CORRECT|(?:BASH|LD_|LIBMOUNT_|GLIBC_)\w*)$/;

/** Variables that the set-up or some /bin/sh adds. */
const ADDED = ['PATH', 'LC_ALL', 'PWD', 'OLDPWD', 'SHLVL', '_'];

/**
 * The command that runs the program in its namespace, for `spawn` with stdio 'inherit'. It becomes the program: same
 * process, same standard streams, directory, terminal, umask and environment. If the set-up fails it says so on standard
 * error and exits with a status of its own; {@link runInNamespace} tells that apart from the program's.
 */
export function namespaceCommand(p: NamespacedProgram): NamespaceCommand {
  return commandFor(p, 2);
}

/**
 * Runs the program in its namespace and resolves with its exit status as a shell gives it: 128 + n when signal n ended
 * it, 127 when it was not found, 126 when it could not be executed. Rejects with {@link NamespaceError} when it did not
 * get so far. Until then SIGTERM and SIGHUP are passed on to it, and SIGINT and SIGQUIT, which a terminal sends to the
 * program as well, are left to it. The namespace vanishes with the last process in it.
 */
export async function runInNamespace(p: NamespacedProgram): Promise<number> {
  if (process.platform !== 'linux') {
    throw new NamespaceError('platform', 'mount namespaces are a Linux facility', 'run this on Linux', '');
  }
  const { report, code, signal } = await spawned(commandFor(p, 3));
  if (signal !== null) return 128 + constants.signals[signal];
  if (report.endsWith(STARTED)) return code ?? 0;
  throw await explained(p.tree, report, code);
}

/** A program that was started in its namespace, with piped standard streams. */
export interface NamespacedChild {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  /** Resolves when the namespace stands and the program begins. Rejects with {@link NamespaceError} when it did not get so far. */
  readonly ready: Promise<void>;
}

/**
 * Starts the program in its namespace and leaves it to the caller: the child becomes the program, with its pid, and the
 * program's exit status is the child's. A command that cannot be spawned is the child's 'error', as with `spawn`.
 */
export function spawnInNamespace(
  p: NamespacedProgram,
  options: Pick<SpawnOptions, 'cwd' | 'detached'> = {},
): NamespacedChild {
  const { command, args, env } = commandFor(p, 3);
  const child = spawn(command, args, { ...options, env, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  return { child, ready: standing(p, child) };
}

async function standing(p: NamespacedProgram, child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return;
  const ended = new Promise<number | null>(resolve => child.on('exit', resolve));
  const report = reportOf(child);
  await report.complete;
  if (!report.text.endsWith(STARTED)) throw await explained(p.tree, report.text, await ended);
}

/** The command, whose set-up reports on descriptor `report`. */
function commandFor(p: NamespacedProgram, report: 2 | 3): NamespaceCommand {
  const env: NodeJS.ProcessEnv = { ...(p.env ?? process.env) };
  const held: string[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete env[name];
    else if (HELD.test(name) || !/^[A-Za-z_]\w*$/.test(name)) {
      if (name !== '') held.push(`${name}=${value}`);
      delete env[name];
    }
  }
  const path = p.env === undefined ? process.env['PATH'] : p.env['PATH'];
  const absent = ADDED.filter(name => !held.some(entry => entry.startsWith(`${name}=`)));
  // env(1) would take a program with an equals sign in its name for one more variable
  const program = p.program.includes('=') ? ['/bin/sh', '-c', 'exec "$0" "$@"', p.program] : [p.program];
  const final = ['env', ...absent.flatMap(name => ['-u', name]), '--', ...held, ...program, ...p.args];

  const privileged = process.getuid?.() === 0 && maySysAdmin();
  const shell = ['/bin/sh', '-c'];
  const args = [
    '-c',
    ENTER,
    'afukit',
    String(report),
    'unshare',
    ...(privileged ? [] : ['--user', '--map-current-user', '--keep-caps']),
    '--mount',
    '--propagation',
    'private',
    '--',
    ...shell,
    BUILD,
    'afukit',
    String(report),
    resolve(p.tree),
    privileged ? 'root' : 'user',
    ...(path === undefined || path === '' || p.program.includes('/') ? ['', ''] : [p.program, path]),
    // an ordinary user's program has no capability; user 0 has those over its namespace, as it has everywhere
    ...(privileged ? [] : ['setpriv', '--ambient-caps=-all', '--inh-caps=-all', '--']),
    ...final,
  ];
  const search = path === undefined || path === '' ? SYSTEM_PATH : `${SYSTEM_PATH}:${path}`;
  return { command: '/bin/sh', args, env: { ...env, PATH: search, LC_ALL: 'C' } };
}

/** Whether this process has CAP_SYS_ADMIN: root in a container often has not. */
function maySysAdmin(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'latin1'));
  return effective?.[1] !== undefined && ((BigInt(`0x${effective[1]}`) >> 21n) & 1n) === 1n;
}

interface Ending {
  readonly report: string;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Runs the command to its end, with its report on descriptor 3 and the signals as {@link runInNamespace} says. */
function spawned(what: NamespaceCommand): Promise<Ending> {
  return new Promise((settle, reject) => {
    const refuse = (cause: unknown): void => reject(unspawned(cause));
    let child: ChildProcess;
    try {
      child = spawn(what.command, what.args, { env: what.env, stdio: ['inherit', 'inherit', 'inherit', 'pipe'] });
    } catch (cause) {
      refuse(cause);
      return;
    }
    child.on('error', cause => {
      // of a child that runs, this is only a signal that could not be sent
      if (child.pid === undefined) refuse(cause);
    });
    if (child.pid === undefined) return;

    const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
    process.on('SIGTERM', forward).on('SIGHUP', forward).on('SIGINT', leave).on('SIGQUIT', leave);

    const said = reportOf(child);
    child.on('close', (code, signal) => {
      process.off('SIGTERM', forward).off('SIGHUP', forward).off('SIGINT', leave).off('SIGQUIT', leave);
      settle({ report: said.text, code, signal });
    });
  });
}

/** What comes on a child's descriptor 3. */
class Report {
  text = '';
  /** Resolves when nothing more can come: the program begins, or the set-up ended. */
  readonly complete: Promise<void>;

  constructor(channel: Readable) {
    this.complete = new Promise(resolve => channel.on('close', resolve));
    channel.setEncoding('utf8').on('data', (text: string) => (this.text += text));
    channel.on('error', leave);
  }
}

function reportOf(child: ChildProcess): Report {
  const channel = child.stdio[3] as Readable;
  // a tool of a killed set-up may still hold the channel
  child.on('exit', () => void setTimeout(() => channel.destroy(), 2000).unref());
  return new Report(channel);
}

/** Left to the program. */
function leave(): void {}

/** The error for a process that could not be made; a mistake in the arguments stays what it is. */
function unspawned(cause: unknown): unknown {
  if (!(cause instanceof Error) || cause instanceof TypeError) return cause;
  const tooMuch = 'code' in cause && cause.code === 'E2BIG';
  const remedy = tooMuch ? 'give it fewer arguments or a smaller environment' : 'free processes or descriptors first';
  return new NamespaceError('spawn', `no process for the program (${cause.message})`, remedy, '', { cause });
}

const FAILED = /^afukit: \[(tool|tree|mount|directory)\] (.*)$/m;

/** The error for a set-up that ended early with this report. */
async function explained(tree: string, report: string, code: number | null): Promise<NamespaceError> {
  const [, kind, what = ''] = FAILED.exec(report) ?? [];
  switch (kind) {
    case 'tool':
      return new NamespaceError(kind, what, 'install util-linux and coreutils', report);
    case 'tree':
      return new NamespaceError(kind, `${what} (${tree})`, 'give the root of a mounted afukit tree', report);
    case 'directory':
      return new NamespaceError(kind, what, 'change to another directory first', report);
    case 'mount': {
      // what the failing tool said comes before
      const said = report.slice(0, report.search(FAILED)).trim();
      const denied = /permi(?:ssion denied|tted)/i.test(said);
      const remedy = denied ? await permission() : 'see what mount(8) said';
      return new NamespaceError(kind, said === '' ? what : `${what} (${said})`, remedy, report);
    }
  }
  const said = report.trim() === '' ? `the set-up ended with status ${code}` : report;
  return /(?:unrecognized|invalid|unknown) option/.test(report)
    ? new NamespaceError('tool', said, 'install util-linux 2.36 or newer', report)
    : new NamespaceError('forbidden', said, await permission(), report);
}

/** What would permit namespaces here. */
async function permission(): Promise<string> {
  const knobs = [
    { name: 'kernel/unprivileged_userns_clone', bad: '0', good: '1' },
    { name: 'kernel/apparmor_restrict_unprivileged_userns', bad: '1', good: '0' },
    { name: 'user/max_user_namespaces', bad: '0', good: '10000' },
    { name: 'user/max_mnt_namespaces', bad: '0', good: '10000' },
  ];
  const advice = await Promise.all(
    knobs.map(async ({ name, bad, good }) => {
      const value = await readFile(`/proc/sys/${name}`, 'latin1').catch(() => '');
      return value.trim() === bad ? `sysctl -w ${name.replace('/', '.')}=${good}` : '';
    }),
  );
  const settings = advice.filter(line => line !== '').join(' && ');
  if (settings !== '') return `as root, run: ${settings}`;
  return process.getuid?.() === 0
    ? 'give the container CAP_SYS_ADMIN and leave to mount (docker run --privileged)'
    : 'run it as root, or permit user namespaces (sysctl, AppArmor, or seccomp of the container)';
}
