// Where a benchmark works: a temporary directory, the programs it started there and the mounts they made. Nothing of it
// outlives the benchmark, however that ends.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';

/** A program that does not end or does not get ready within this time has hung. */
const PATIENCE_MS = 120_000;
const READY_MS = 15_000;

/** A running device server. */
export interface Device {
  readonly mountPoint: string;
  readonly pid: number;
  /** From its start until it said that it is ready, in milliseconds. */
  readonly readyMs: number;
  /** Ends it and takes its mount away. */
  stop(): Promise<void>;
}

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
}

function mountedBelow(directory: string): string[] {
  const points = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ')[4] ?? '');
  return points.filter(point => point.startsWith(`${directory}/`));
}

function unmountSync(directory: string): void {
  if (process.getuid?.() === 0) spawnSync('umount', ['-l', directory]);
  else spawnSync('fusermount3', ['-u', '-z', directory]);
}

/** Ends the program's whole process group: it was made the leader of one, so that Ctrl-C reaches us first. */
function kill(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

export class Workshop {
  readonly directory: string = mkdtempSync(join(tmpdir(), 'afukit-bench-'));
  readonly #children = new Set<ChildProcess>();
  #mounts = 0;

  constructor() {
    // Also after an exception that nobody caught, and after process.exit.
    process.on('exit', () => this.#clear());
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => process.exit(128 + constants.signals[signal]));
    }
  }

  /** Runs a program to its end and returns its standard output. @throws Error with its standard error when it fails */
  async run(command: string, args: readonly string[]): Promise<string> {
    const { child, stdout, stderr, ended } = this.#start(command, args);
    const timer = setTimeout(() => kill(child), PATIENCE_MS);
    const { status, signal } = await ended;
    clearTimeout(timer);
    if (status === 0) return stdout();
    const how = signal ? `was ended by ${signal}` : `failed with status ${status}`;
    throw new Error(`${[command, ...args].join(' ')}\n${how}: ${stderr().trim()}`);
  }

  /** Starts a device server, whose command line is `command(mountPoint)`, and waits until it has printed `readyText`. */
  async serve(command: (mountPoint: string) => readonly string[], readyText: string): Promise<Device> {
    const mountPoint = join(this.directory, `mount-${++this.#mounts}`);
    mkdirSync(mountPoint);
    const [program, ...args] = command(mountPoint);
    const began = performance.now();
    const { child, stdout, stderr, ended } = this.#start(program!, args);
    const timer = setTimeout(() => kill(child), READY_MS);
    const ready = new Promise<number>(resolve => {
      child.stdout!.on('data', () => {
        if (stdout().includes(readyText)) resolve(performance.now() - began);
      });
    });
    const readyMs = await Promise.race([ready, ended]);
    clearTimeout(timer);
    if (typeof readyMs !== 'number')
      throw new Error(`${program} ${args.join(' ')} did not get ready: ${stderr().trim()}`);
    const stop = async (): Promise<void> => {
      child.kill('SIGTERM');
      const impatience = setTimeout(() => kill(child), READY_MS);
      const { status } = await ended;
      clearTimeout(impatience);
      if (mountedBelow(this.directory).includes(mountPoint)) unmountSync(mountPoint);
      rmdirSync(mountPoint);
      if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended badly: ${stderr().trim()}`);
    };
    return { mountPoint, pid: child.pid!, readyMs, stop };
  }

  #start(
    command: string,
    args: readonly string[],
  ): { child: ChildProcess; stdout: () => string; stderr: () => string; ended: Promise<Ended> } {
    const child = spawn(command, args, { cwd: this.directory, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const text = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk));
    this.#children.add(child);
    const ended = new Promise<Ended>((resolve, reject) => {
      child.on('error', error => {
        this.#children.delete(child);
        reject(new Error(`cannot start ${command}: ${error.message}`));
      });
      child.on('close', (status, signal) => {
        this.#children.delete(child);
        resolve({ status, signal });
      });
    });
    return { child, stdout: () => text.stdout, stderr: () => text.stderr, ended };
  }

  #clear(): void {
    for (const child of this.#children) kill(child);
    for (const mountPoint of mountedBelow(this.directory)) unmountSync(mountPoint);
    rmSync(this.directory, { recursive: true, force: true });
  }
}
