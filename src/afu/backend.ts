import {
  isThenable,
  watchPromise,
  type AfuBackend,
  type AfuOptions,
  type Context,
  type ProblemState,
} from '../core/index.ts';
import { AddressError } from './memory.ts';
import type { AfuDefinition, AfuModel } from './model.ts';
import { ProcessElement } from './process-element.ts';
import { checkRegisters, windowSize, type Registers } from './registers.ts';

const ATTACH_TIMEOUT_MS = 5000;
const DOORBELL_MS = 1;
const AREA_UNIT = 65_536;
const DEFAULT_PROCESSES = 512;

/**
 * Puts a model behind an AFU. A model with registers whose definition says nothing of a problem state area gets one: the
 * first 64 KiB for a master's registers, then a window for each process element.
 * @throws RangeError for registers that cannot be
 */
export function afuOptions(definition: AfuDefinition): AfuOptions {
  const { model, doorbellMs = DOORBELL_MS, attachTimeoutMs = ATTACH_TIMEOUT_MS, ...options } = definition;
  for (const registers of [model.registers, model.masterRegisters]) checkRegisters(model.name, registers ?? {});
  const problemState = options.problemState ?? areaFor(definition);
  return { ...options, problemState, backend: new ModelBackend(model, doorbellMs, attachTimeoutMs) };
}

function areaFor({
  model,
  modes = ['afu_directed'],
  numProcs = DEFAULT_PROCESSES,
}: AfuDefinition): ProblemState | undefined {
  const window = windowSize(model.registers ?? {});
  const own = wholeArea(Math.max(windowSize(model.masterRegisters ?? {}), window));
  if (own === 0) return undefined;
  if (window === 0 || !modes.includes('afu_directed')) return { size: own };
  return { size: own + wholeArea(window * numProcs), perProcess: { offset: own, size: window } };
}

function wholeArea(bytes: number): number {
  return Math.ceil(bytes / AREA_UNIT) * AREA_UNIT;
}

/** Looks at the windows of started contexts, and at nothing while there are none. */
class DoorbellWatch {
  readonly #watched = new Set<ProcessElement>();
  readonly #look: (element: ProcessElement) => void;
  readonly #periodMs: number;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(periodMs: number, look: (element: ProcessElement) => void) {
    this.#periodMs = periodMs;
    this.#look = look;
  }

  add(element: ProcessElement): void {
    if (!element.registers.watched) return;
    this.#watched.add(element);
    this.#timer ??= setInterval(() => {
      for (const each of this.#watched) this.#look(each);
    }, this.#periodMs);
  }

  delete(element: ProcessElement): void {
    if (!this.#watched.delete(element) || this.#watched.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

class ModelBackend implements AfuBackend {
  readonly name: string;
  readonly usesMemory: boolean;
  readonly #model: AfuModel;
  readonly #attachTimeoutMs: number;
  readonly #elements = new Map<Context, ProcessElement>();
  readonly #doorbells: DoorbellWatch;

  constructor(model: AfuModel, doorbellMs: number, attachTimeoutMs: number) {
    this.name = model.name;
    this.usesMemory = model.usesMemory ?? true;
    this.#model = model;
    this.#attachTimeoutMs = attachTimeoutMs;
    this.#doorbells = new DoorbellWatch(doorbellMs, element => this.#scan(element));
  }

  attachProcess(context: Context): void {
    const { master, afu } = context;
    const model = this.#model;
    const own: Registers = (master && afu.problemState?.perProcess && model.masterRegisters) || (model.registers ?? {});
    const element = new ProcessElement(context, this.name, own);
    this.#elements.set(context, element);
    element.registers.reset();
    try {
      this.#attach(context, element);
    } catch (error) {
      this.#elements.delete(context);
      element.detached();
      throw error;
    }
    this.#doorbells.add(element);
  }

  detachProcess(context: Context): void {
    const element = this.#elements.get(context);
    if (!element) return;
    this.#elements.delete(context);
    this.#doorbells.delete(element);
    element.detached();
    this.#perform(element, 'detach', () => this.#model.detach?.(element));
  }

  stored(context: Context): void {
    const element = this.#elements.get(context);
    if (element) this.#scan(element);
  }

  reset(): void | Promise<void> {
    return this.#model.reset?.();
  }

  #attach(context: Context, element: ProcessElement): void {
    let attaching: unknown;
    try {
      attaching = element.guarded('attach', () => this.#model.attach(element));
    } catch (error) {
      // A bad address does not refuse the work: the program gets its data storage event.
      if (!(error instanceof AddressError)) throw error;
    }
    if (isThenable(attaching)) this.#waitFor(context, element, attaching);
    else this.#run(element);
  }

  #scan(element: ProcessElement): void {
    element.registers.scan((register, value) => {
      this.#perform(element, 'doorbell', () => this.#model.doorbell?.(element, register, value));
    });
  }

  /** An attach that takes its time; the kernel gives a card five seconds for it. */
  #waitFor(context: Context, element: ProcessElement, attaching: PromiseLike<unknown>): void {
    const timer = setTimeout(() => {
      element.report('attach', `has not finished after ${this.#attachTimeoutMs} ms; the process element is detached`);
      context.detach();
    }, this.#attachTimeoutMs);
    void Promise.resolve(attaching)
      .then(
        () => this.#run(element),
        (error: unknown) => element.failed('attach', 'rejected', error),
      )
      .finally(() => clearTimeout(timer));
    element.signal.addEventListener('abort', () => clearTimeout(timer));
  }

  #run(element: ProcessElement): void {
    if (!this.#model.run) return;
    // START_WORK is answered first.
    queueMicrotask(() => {
      if (element.attached) this.#perform(element, 'run', () => this.#model.run?.(element));
    });
  }

  /** A callback that nobody waits for: what it throws, or rejects with, ends its own work only. */
  #perform(element: ProcessElement, callback: string, call: () => unknown): void {
    try {
      const returned = element.guarded(callback, call);
      watchPromise(returned, error => element.failed(callback, 'rejected', error));
    } catch (error) {
      element.failed(callback, 'threw', error);
    }
  }
}
