// The programs that are measured and that measure: our own in TypeScript, their peers in C, and what these need.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Device, Workshop } from './workshop.ts';

/** This module runs as dist/bench/programs.js. */
export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
/** The command `afukit`. */
export const cli: string = join(root, 'dist/src/cli/main.js');
const compiled = (name: string): string => join(root, 'dist/bench', name);

/** What a measure needs on the machine. */
export type Need = 'cc' | 'fuse' | 'libfuse';

/** What is missing, with the remedy; undefined when everything is there. */
export const checks: Readonly<Record<Need, () => string | undefined>> = {
  cc() {
    return found('cc', '--version') ? undefined : 'no C compiler "cc": apt-get install gcc libc6-dev';
  },
  fuse() {
    if (!existsSync('/dev/fuse')) return 'no /dev/fuse: modprobe fuse, or in a container --device /dev/fuse';
    try {
      accessSync('/dev/fuse', constants.R_OK | constants.W_OK);
    } catch {
      return '/dev/fuse is not open to this user: run as root';
    }
    return found('taskset', '--version') ? undefined : 'no taskset: apt-get install util-linux';
  },
  libfuse() {
    if (!found('pkg-config', '--version')) return 'no pkg-config: apt-get install pkg-config';
    if (found('pkg-config', '--exists', 'fuse3')) return undefined;
    return 'no libfuse 3 to build the C device with: apt-get install libfuse3-dev';
  },
};

function found(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

const fuseFlags = (): string[] =>
  spawnSync('pkg-config', ['--cflags', '--libs', 'fuse3'], { encoding: 'utf8' }).stdout.trim().split(/\s+/);

type Peer = 'client' | 'copy' | 'cxl_device' | 'inprocess' | 'scale';

/** The C programs, with the flags that the comment at the head of each gives. */
const peers: Readonly<Record<Peer, () => string[]>> = {
  client: () => [],
  copy: () => [],
  cxl_device: () => [...fuseFlags(), '-lpthread'],
  inprocess: () => ['-lpthread'],
  scale: () => ['-lpthread'],
};

/** On which CPU a program runs; undefined where the scheduler likes. */
export type Cpu = number | undefined;

/** CPUs that this process may use, from /proc/self/status: `0-3,8`. */
export function allowedCpus(): number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  return list.split(',').flatMap(range => {
    const [first, last = first] = range.split('-').map(Number);
    return Array.from({ length: last! - first! + 1 }, (_, i) => first! + i);
  });
}

const onCpu = (cpu: Cpu): string[] => (cpu === undefined ? [] : ['taskset', '-c', String(cpu)]);

/** A served device file, and its server. */
export interface Served {
  readonly file: string;
  readonly device: Device;
}

/** How to serve: arguments of the device programs, and where they run. */
export type Serve = (args: readonly string[], cpu: Cpu) => Promise<Served>;

/** What one run of a C reader printed. */
export type ClientReport = Readonly<Record<string, number>>;

/** Options of a C reader: a number, nothing where undefined, or one without a value. */
export type ClientOptions = Readonly<Record<string, number | true | undefined>>;

export class Programs {
  readonly #workshop: Workshop;
  readonly #built = new Map<Peer, Promise<string>>();

  constructor(workshop: Workshop) {
    this.#workshop = workshop;
  }

  /** A C program, compiled when it is first asked for. */
  peer(name: Peer): Promise<string> {
    const known = this.#built.get(name);
    if (known) return known;
    const output = join(this.#workshop.directory, name);
    const source = join(root, 'bench/peers', `${name}.c`);
    const built = this.#workshop.run('cc', ['-O2', '-o', output, source, ...peers[name]()]).then(() => output);
    this.#built.set(name, built);
    return built;
  }

  /** Runs a C program and reads its line of JSON. */
  async runPeer(name: Peer, args: readonly string[], cpu?: Cpu): Promise<unknown> {
    const [program, ...rest] = [...onCpu(cpu), await this.peer(name), ...args];
    return JSON.parse(await this.#workshop.run(program!, rest));
  }

  /** Runs one of our own measuring programs, in a fresh process that can be told to collect garbage. */
  async runOwn(name: string, args: readonly string[]): Promise<unknown> {
    return JSON.parse(await this.#workshop.run(process.execPath, ['--expose-gc', compiled(name), ...args]));
  }

  /** One of the C readers on a served file. */
  async read(reader: 'client' | 'scale', file: string, mode: string, options: ClientOptions): Promise<ClientReport> {
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    const args = given.flatMap(([option, value]) =>
      value === true ? [`--${option}`] : [`--${option}`, String(value)],
    );
    return (await this.runPeer(reader, [file, mode, ...args])) as ClientReport;
  }

  async #serve(program: readonly string[], args: readonly string[], cpu: Cpu, file: string): Promise<Served> {
    const device = await this.#workshop.serve(
      mountPoint => [...onCpu(cpu), ...program, mountPoint, ...args],
      'ready\n',
    );
    return { file: join(device.mountPoint, file), device };
  }

  /** The device in C. */
  readonly serveC: Serve = async (args, cpu) => this.#serve([await this.peer('cxl_device')], args, cpu, 'afu');

  /** The device in TypeScript. */
  readonly serveOwn: Serve = (args, cpu) =>
    this.#serve([process.execPath, compiled('device.js')], args, cpu, 'dev/cxl/afu0.0s');

  /** The memcpy accelerator. */
  readonly serveCopier: Serve = (args, cpu) =>
    this.#serve([process.execPath, compiled('copier.js')], args, cpu, 'dev/cxl/afu0.0s');

  /** `node` with these arguments, to its end. */
  runNode(args: readonly string[]): Promise<string> {
    return this.#workshop.run(process.execPath, args);
  }

  /** `afukit serve` as a user starts it. */
  serveCli(): Promise<Device> {
    return this.#workshop.serve(mountPoint => [process.execPath, cli, 'serve', '--mount', mountPoint], 'serving on');
  }

  npm(args: readonly string[]): Promise<string> {
    return this.#workshop.run('npm', args);
  }
}
