import { afuOptions, type AfuDefinition, type AfuModel, type ProcessElement } from '../../src/afu/index.ts';
import {
  Adapter,
  type AccessFailure,
  type AdapterOptions,
  type Afu,
  type Context,
  type Diagnostic,
  type MemoryPiece,
  type ProgramMemory,
} from '../../src/core/index.ts';
import { CxlFile, type StartWorkOptions } from '../../src/file/index.ts';

export interface ModelRig {
  readonly adapter: Adapter;
  readonly afu: Afu;
  readonly diagnostics: Diagnostic[];
  /** Opens and starts a context. */
  readonly start: (options?: StartWorkOptions, open?: { readonly master?: boolean }) => Started;
}

/** A context whose work is started. */
export interface Started {
  readonly file: CxlFile;
  readonly context: Context;
}

/** One AFU in this process. */
export function modelRig(definition: AfuDefinition, adapterOptions: Partial<AdapterOptions> = {}): ModelRig {
  const diagnostics: Diagnostic[] = [];
  const onDiagnostic = (diagnostic: Diagnostic): void => void diagnostics.push(diagnostic);
  const adapter = new Adapter({ afus: [afuOptions(definition)], onDiagnostic, ...adapterOptions });
  const afu = adapter.afus[0]!;
  const start = (options: StartWorkOptions = {}, open: { readonly master?: boolean } = {}): Started => {
    const context = afu.openContext(open);
    const file = new CxlFile(context);
    file.startWork(options);
    return { file, context };
  };
  return { adapter, afu, diagnostics, start };
}

/** A rig with a model that does nothing, and the element of a context that is started on it. */
export function elementOf(
  options: StartWorkOptions = {},
  model: Partial<AfuModel> = {},
  definition: Partial<AfuDefinition> = {},
): ModelRig & Started & { readonly element: ProcessElement } {
  let element: ProcessElement | undefined;
  const attach = (attached: ProcessElement): void | Promise<void> => {
    element = attached;
    return model.attach?.(attached);
  };
  const rig = modelRig({ ...definition, model: { name: 'm', ...model, attach } });
  const started = rig.start(options);
  return { ...rig, ...started, element: element! };
}

/** A promise, and how it is resolved. */
export function pledge(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>(done => (resolve = done));
  return { promise, resolve };
}

/** A data storage event as `drain` writes it. */
export function fault(address: bigint, dsisr: bigint): string {
  return `fault ${address}/${dsisr}`;
}

/** What was reported: `AFU model m attach: threw`. */
export function said(diagnostics: readonly Diagnostic[]): string[] {
  return diagnostics.map(({ source, callback, problem }) => `${source} ${callback}: ${problem}`);
}

export const PAGE = 4096;

export interface Area {
  readonly base: bigint;
  readonly bytes: Uint8Array;
  readonly writable?: boolean;
  readonly readable?: boolean;
  readonly shared?: boolean;
}

/** A program's memory that says what the test wants, area by area, and remembers how it was asked. */
export class ScriptedMemory implements ProgramMemory {
  readonly calls: string[] = [];
  readonly areas: Area[];
  /** Why nothing can be accessed. */
  barred: AccessFailure | undefined;
  problem: string | undefined;

  constructor(...areas: Area[]) {
    this.areas = areas;
  }

  read(pieces: readonly MemoryPiece[]): number {
    return this.#copy('read', pieces, false, (piece, ours) => piece.set(ours));
  }

  write(pieces: readonly MemoryPiece[]): number {
    return this.#copy('write', pieces, true, (piece, ours) => ours.set(piece));
  }

  failure(address: bigint, store: boolean): AccessFailure | undefined {
    if (this.barred) return this.barred;
    const area = this.#at(address);
    if (!area) return 'unmapped';
    return (store ? area.writable : area.readable) === false ? 'protected' : undefined;
  }

  compareExchange(address: bigint, width: 4 | 8, expected: bigint, desired: bigint): bigint | undefined {
    this.calls.push(`compareExchange 0x${address.toString(16)} ${width} ${expected} ${desired}`);
    return this.#at(address)?.shared ? expected : undefined;
  }

  close(): void {
    this.calls.push('close');
  }

  #at(address: bigint): Area | undefined {
    return this.areas.find(({ base, bytes }) => address >= base && address < base + BigInt(bytes.length));
  }

  /** Byte by byte, as slow as it is plain. */
  #copy(
    name: string,
    pieces: readonly MemoryPiece[],
    store: boolean,
    one: (piece: Uint8Array, ours: Uint8Array) => void,
  ): number {
    this.calls.push(
      `${name} ${pieces.map(({ address, bytes }) => `0x${address.toString(16)}+${bytes.length}`).join()}`,
    );
    let copied = 0;
    for (const { address, bytes } of pieces) {
      for (let i = 0; i < bytes.length; i++) {
        const at = address + BigInt(i);
        if (at >= 2n ** 64n) throw new Error('asked for what has no address');
        if (this.failure(at, store)) return copied;
        const area = this.#at(at)!;
        const offset = Number(at - area.base);
        one(bytes.subarray(i, i + 1), area.bytes.subarray(offset, offset + 1));
        copied++;
      }
    }
    return copied;
  }
}
