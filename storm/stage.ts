// Where a storm takes place: a temporary directory, a mount in it, the server of that mount and the programs that use it.
// Nothing of it outlives the storm, however that ends.
import { execFileSync, fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { StormFailure } from './failure.ts';
import { Holder } from './holder.ts';
import { INTERRUPTS, type Order, type State } from './protocol.ts';
import { until } from './until.ts';

const serverProgram = fileURLToPath(new URL('server.js', import.meta.url));
/** This module runs as dist/storm/stage.js. */
const clientSource = fileURLToPath(new URL('../../storm/client.c', import.meta.url));

/** An order as it is given: the stage numbers the questions itself. */
export type Command = Exclude<Order, { do: 'ask' }>;

export class Stage {
  readonly directory: string = realpathSync(mkdtempSync(join(tmpdir(), 'afukit-storm-')));
  readonly mountPoint: string = join(this.directory, 'mnt');
  readonly #client = join(this.directory, 'client');
  readonly #holders = new Set<Holder>();
  readonly #answers = new Map<number, (state: State) => void>();
  #server: ChildProcess | undefined;
  #logs = 0;
  #questions = 0;
  readonly #clear = (): void => this.clear();

  constructor() {
    process.on('exit', this.#clear);
    mkdirSync(this.mountPoint);
    const flags = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror', '-pthread'];
    execFileSync('cc', [...flags, '-o', this.#client, clientSource], { stdio: 'inherit' });
  }

  get serverPid(): number {
    return this.#server?.pid ?? -1;
  }

  /** Starts the server, which clears away what a killed one left. */
  async serve(): Promise<void> {
    const server = fork(serverProgram, [this.mountPoint], { execArgv: ['--expose-gc'] });
    this.#server = server;
    let ready = false;
    let over = false;
    server.on('message', (message: 'ready' | State) => {
      if (message === 'ready') ready = true;
      else this.#answers.get(message.number)?.(message);
    });
    server.on('exit', () => (over = true));
    await until('the server is ready', () => ready || over);
    if (over) throw new StormFailure('the server did not get ready');
    const { length } = this.#mounts();
    if (length !== 1) throw new StormFailure(`${length} mounts at ${this.mountPoint}, not 1`);
  }

  /** Opens a context on the AFU at this place. */
  async open(afu: number): Promise<Holder> {
    const log = join(this.directory, `log-${++this.#logs}`);
    const file = join(this.mountPoint, 'dev/cxl', `afu0.${afu}s`);
    const holder = await Holder.open(this.#client, file, afu, log, INTERRUPTS);
    this.#holders.add(holder);
    return holder;
  }

  /** Its context is no more, and neither is its log. */
  forget(holder: Holder): void {
    this.#holders.delete(holder);
    rmSync(holder.log, { force: true });
  }

  order(command: Command): void {
    // An error is a server that was killed.
    this.#server?.send(command, () => {});
  }

  /** What the server knows, once it has done all that was ordered before. */
  async ask(collect: boolean = false): Promise<State> {
    const number = ++this.#questions;
    let state: State | undefined;
    this.#answers.set(number, answer => (state = answer));
    this.#server!.send({ do: 'ask', number, collect });
    await until('the server answers', () => state !== undefined);
    this.#answers.delete(number);
    return state!;
  }

  /** SIGSTOP or SIGCONT. */
  signalServer(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#server!.kill(signal);
  }

  /** Kills the server; its mount stays behind, dead. */
  async crash(): Promise<void> {
    const gone = once(this.#server!, 'exit');
    this.#server!.kill('SIGKILL');
    await gone;
  }

  /** Resident memory of the server in bytes. */
  get serverMemory(): number {
    const status = readFileSync(`/proc/${this.serverPid}/status`, 'latin1');
    return 1024 * Number(/^VmRSS:\s*(\d+)/m.exec(status)?.[1] ?? 0);
  }

  /** Ends the server and everything else. @throws StormFailure when something is left that should not be */
  async end(): Promise<void> {
    const server = this.#server;
    if (server && server.exitCode === null && server.signalCode === null) {
      server.kill('SIGTERM');
      await until('the server has ended', () => server.exitCode !== null || server.signalCode !== null);
    }
    const mounts = this.#mounts();
    const holders = [...this.#holders].map(({ pid }) => pid);
    this.clear();
    process.off('exit', this.#clear);
    if (mounts.length > 0) throw new StormFailure(`still mounted: ${mounts.join(', ')}`);
    if (server && server.exitCode !== 0) {
      throw new StormFailure(`the server ended with ${server.signalCode ?? `status ${server.exitCode}`}`);
    }
    if (holders.length > 0) throw new StormFailure(`processes are left: ${holders.join(', ')}`);
    if (existsSync(this.directory)) throw new StormFailure(`${this.directory} is left`);
  }

  /** Whatever is left, at once. */
  clear(): void {
    for (const holder of this.#holders) holder.kill();
    if (this.#server && this.#server.exitCode === null) this.#server.kill('SIGKILL');
    for (const at of this.#mounts()) {
      if (process.getuid?.() === 0) spawnSync('umount', ['-i', '-c', '-l', '--', at], { stdio: 'ignore' });
      else spawnSync('fusermount3', ['-u', '-z', '--', at], { stdio: 'ignore' });
    }
    rmSync(this.directory, { recursive: true, force: true });
  }

  #mounts(): string[] {
    const points = readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .map(line => line.split(' ')[4] ?? '');
    return points.filter(at => at.startsWith(`${this.directory}/`));
  }
}
