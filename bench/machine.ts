// On what the numbers were made, and of what.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, loadavg, release } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly virtual: boolean;
  readonly node: string;
  readonly date: string;
  /** Of the sources, with "and changes" where files differed from it; `unknown` outside a repository. */
  readonly commit: string;
  /** Over the minute before: what else ran. */
  readonly load: number;
}

function commitOf(root: string): string {
  const git = (...args: string[]): string | undefined => {
    const { status, stdout } = spawnSync('git', ['-C', root, ...args], { encoding: 'utf8' });
    return status === 0 ? stdout.trim() : undefined;
  };
  const commit = git('rev-parse', '--short', 'HEAD');
  if (commit === undefined) return 'unknown';
  // Results are written before they are committed: they are no change of what was measured.
  const changes = git('status', '--porcelain', '--', '.', ':!bench/RESULTS.md', ':!bench/results.json');
  return changes ? `${commit} and changes` : commit;
}

export function describeMachine(allowed: readonly number[], root: string): Machine {
  const info = readFileSync('/proc/cpuinfo', 'utf8');
  const memory = /^MemTotal:\s*(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1];
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cpus: allowed.length,
    memoryMiB: Math.round(Number(memory) / 1024),
    kernel: `Linux ${release()} ${process.arch}`,
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(info),
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    commit: commitOf(root),
    load: Math.round(loadavg()[0]! * 100) / 100,
  };
}

export const machineLine = (machine: Machine): string =>
  `${machine.cpu}${machine.virtual ? ' (virtual machine)' : ''}, ${machine.cpus} CPUs, ${machine.memoryMiB} MiB, ` +
  `${machine.kernel}, Node ${machine.node}, ${machine.date}, commit ${machine.commit}, load ${machine.load} at the start`;
