import { spawn } from 'node:child_process';

import { spawnInNamespace, withPreload } from '../launch/index.ts';
import type { Serving } from '../devfs/index.ts';
import type { Guard } from './guard.ts';
import { Program } from './program.ts';

export interface SpawnOptions {
  /** Working directory; default: this process's. Not one inside the mount. */
  readonly cwd?: string | undefined;
  /** Added to the host's `env`; undefined takes a variable away. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /**
   * Runs it as `afukit run` does: in a mount namespace of its own where /dev/cxl and /sys/class/cxl are the host's, with
   * character devices. Default false.
   */
  readonly namespace?: boolean | undefined;
}

/** How long a program has between SIGTERM and SIGKILL, and after that, in milliseconds. */
const GRACE_MS = 1000;

/** The programs of one host, each the leader of a process group that goes with it. */
export class Programs {
  readonly all: Program[] = [];
  readonly #tree: string;
  readonly #device: Serving['device'];
  readonly #guard: Guard;
  /** Process groups that have members. */
  readonly #groups = new Set<number>();

  constructor({ directory, device }: Serving, guard: Guard) {
    this.#tree = directory;
    this.#device = device;
    this.#guard = guard;
  }

  /** @throws system errors such as ENOENT; NamespaceError */
  async start(
    command: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv,
    options: SpawnOptions,
  ): Promise<Program> {
    const { cwd, namespace = false } = options;
    const how = { detached: true, ...(cwd === undefined ? {} : { cwd }) };
    const { child, ready } = namespace
      ? spawnInNamespace({ tree: this.#tree, program: command, args, env: await this.#preloaded(command, env) }, how)
      : { child: spawn(command, args, { ...how, env, stdio: ['pipe', 'pipe', 'pipe'] }), ready: undefined };
    const program = new Program(child, [command, ...args].join(' '));
    const { pid } = child;
    if (pid === undefined) {
      await program.ended;
      throw new Error(`${command} could not be started`);
    }
    this.#groups.add(pid);
    this.#guard.begin(pid);
    child.on('exit', () => {
      // Its number stays its own while the group has members, and may be anybody's afterwards.
      if (!signalGroup(pid, 0)) this.#forget(pid);
    });
    this.all.push(program);
    await ready;
    return program;
  }

  /** With character devices in /dev/cxl, where that can be. */
  #preloaded(command: string, env: NodeJS.ProcessEnv): Promise<NodeJS.ProcessEnv> {
    return withPreload(command, this.#device, env, warning => process.emitWarning(warning, 'AfukitWarning'));
  }

  /** Whether one of them failed by itself, and none is left. */
  get failed(): boolean {
    return this.all.every(({ ending }) => ending) && this.all.some(program => program.failed);
  }

  /** SIGTERM, and SIGKILL to whoever is still there a second later. Resolves also when even that did not end them. */
  async end(): Promise<void> {
    for (const group of this.#groups) signalGroup(group, 'SIGTERM');
    await this.#ended(GRACE_MS);
    this.kill();
    await this.#ended(GRACE_MS);
  }

  /** SIGKILL, at once. */
  kill(): void {
    for (const group of this.#groups) {
      signalGroup(group, 'SIGKILL');
      this.#forget(group);
    }
  }

  /** @throws Error that names a program which is still there a second later */
  async gone(): Promise<void> {
    // Somebody who left the group may hold them open.
    for (const { child } of this.all) if (child.exitCode !== null || child.signalCode !== null) closeStreams(child);
    await this.#ended(GRACE_MS);
    const left = this.all.filter(program => !program.ending);
    if (left.length > 0) throw new Error(`still there: ${left.map(program => program.describe()).join('\n')}`);
  }

  /** Resolves when all have ended, or after so many milliseconds. */
  async #ended(milliseconds: number): Promise<void> {
    const running = this.all.filter(program => !program.ending);
    if (running.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise(resolve => (timer = setTimeout(resolve, milliseconds)));
    await Promise.race([Promise.all(running.map(program => program.ended)), late]);
    clearTimeout(timer);
  }

  #forget(group: number): void {
    this.#groups.delete(group);
    this.#guard.end(group);
  }
}

function closeStreams(child: Program['child']): void {
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
}

/** False when the group has no member. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-group, signal);
    return true;
  } catch {
    return false;
  }
}
