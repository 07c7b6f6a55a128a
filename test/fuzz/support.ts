import * as fc from 'fast-check';

import { afuOptions, type AfuDefinition } from '../../src/afu/index.ts';
import { Adapter, type AdapterOptions, type Afu } from '../../src/core/index.ts';
import { DeviceFiles } from '../../src/devfs/device-files.ts';
import type { Modules } from '../../src/devfs/index.ts';
import { deviceTree } from '../../src/devfs/tree.ts';
import { defineDriver } from '../../src/driver/index.ts';
import { FuseOpcode } from '../../src/fuse/wire.ts';
import { Kernel, u32 } from '../fuse/kernel.ts';

const times = Number(process.env['AFUKIT_FUZZ_RUNS'] ?? 1);

/** So many runs, or as many times more as `AFUKIT_FUZZ_RUNS` says; fast-check prints the seed of one that fails. */
export function runs(usual: number): { numRuns: number } {
  return { numRuns: Math.ceil(usual * times) };
}

/** Bytes of any kind: noise, text, numbers, and what has a meaning somewhere in the kernel or in JavaScript. */
export const anyText: fc.Arbitrary<Uint8Array> = fc
  .oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      '',
      '\n',
      '\0',
      ' ',
      '-',
      '0x',
      '1e9',
      '+1',
      'NaN',
      'null',
      '\uFEFF1',
      '1\0',
      '__proto__',
      'constructor',
    ),
    fc.oneof(fc.integer(), fc.bigInt(), fc.double()).map(String),
    fc.integer({ min: 0 }).map(value => `0x${value.toString(16)}`),
    fc.integer({ min: 0 }).map(value => `0${value.toString(8)}\n`),
  )
  .map(text => new Uint8Array(Buffer.from(text)));

export const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: anyText },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  { weight: 1, arbitrary: fc.integer({ min: 4000, max: 32_768 }).map(size => new Uint8Array(size).fill(0x31)) },
);

/** Calls `use` with pieces of the real tree of files, as the kernel would; no mount, and nobody's memory is touched. */
export class Tree {
  readonly kernel: Kernel;
  readonly adapter: Adapter;
  readonly afu: Afu;

  constructor(
    options: Omit<Partial<AfuDefinition>, 'model'> = {},
    card: Partial<AdapterOptions> = {},
    modules?: (adapter: Adapter) => Modules,
    log?: (line: string) => void,
  ) {
    const model = { name: 'fuzz', usesMemory: false, attach: () => {} };
    const afu = afuOptions({ driver: defineDriver({ name: 'fuzz' }), ...options, model });
    this.adapter = new Adapter({ afus: [afu], callbackBudgetMs: Infinity, ...card });
    this.afu = this.adapter.afus[0]!;
    this.kernel = new Kernel(deviceTree([this.adapter], new DeviceFiles(), modules?.(this.adapter), log));
    this.kernel.init();
  }

  /** The node id of a path, or undefined. */
  find(path: string): number | undefined {
    let node = 1;
    for (const name of path.split('/')) {
      try {
        node = this.kernel.lookup(name, node);
      } catch {
        return undefined;
      }
    }
    return node;
  }

  /** The handle of an opened path. @throws Error with the errno */
  open(path: string, flags: number): number {
    const node = this.find(path);
    if (node === undefined) throw new Error(`no ${path}`);
    return this.kernel.open(node, flags);
  }

  /** Whether the session still serves. */
  get serves(): boolean {
    return this.kernel.ask(FuseOpcode.FUSE_GETATTR, {}, u32(0), u32(0), new Uint8Array(8)).errno === 0;
  }
}
