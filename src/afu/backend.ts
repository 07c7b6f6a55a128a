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
import { PAGE, checkRegisters, windowSize, type Registers } from './registers.ts';

const ATTACH_TIMEOUT_MS = 5000;
const DOORBELL_MS = 1;
const AREA_UNIT = 65_536;
const DEFAULT_PROCESSES = 512;
const NO_REGISTERS: Registers = {};

/** The longest that a timer waits; with more it would not wait at all. */
const LONGEST_MS = 0x7fff_ffff;

/**
 * Puts a model behind an AFU. A model with registers whose definition says nothing of a problem state area gets one: the
 * first 64 KiB for a master's registers, then a window for each process element.
 * @throws RangeError for registers that cannot be or do not fit the area's windows, and for times that no timer takes
 */
export function afuOptions(definition: AfuDefinition): AfuOptions {
  const { model, doorbellMs = DOORBELL_MS, attachTimeoutMs = ATTACH_TIMEOUT_MS, ...options } = definition;
  const { name, registers = {}, masterRegisters = {} } = model;
  for (const [what, time] of Object.entries({ doorbellMs, attachTimeoutMs })) {
    if (!(time >= 1 && time <= LONGEST_MS)) {
      throw new RangeError(`${what} of AFU model ${name} must be 1 to ${LONGEST_MS} milliseconds, not ${String(time)}`);
    }
  }
  // As they are by themselves first: the area is made for them.
  for (const each of [registers, masterRegisters]) checkRegisters(name, each);
  const problemState = options.problemState ?? areaFor(definition);
  checkRegisters(name, registers, problemState?.perProcess?.size ?? problemState?.size);
  checkRegisters(name, masterRegisters, problemState?.size);
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
  if (!modes.includes('afu_directed')) return { size: own };
  // Also where only a master has registers: those are not for slaves to see.
  const size = Math.max(window, PAGE);
  return { size: own + wholeArea(size * numProcs), perProcess: { offset: own, size } };
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

  has(element: ProcessElement): boolean {
    return this.#watched.has(element);
  }

  add(element: ProcessElement): void {
    if (!element.registers.watched) return;
    this.#watched.add(element);
    this.#timer ??= this.#start();
  }

  #start(): ReturnType<typeof setInterval> {
    const timer = setInterval(() => {
      for (const each of this.#watched) this.#look(each);
    }, this.#periodMs);
    // Who could store something keeps the process going by itself. In a browser a timer is a number.
    (timer as { unref?(): void }).unref?.();
    return timer;
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
    const { registers = NO_REGISTERS, masterRegisters = registers } = this.#model;
    const own: Registers = master && afu.mode === 'afu_directed' ? masterRegisters : registers;
    const peer = this.#peer(context, own);
    const element = new ProcessElement(context, this.name, own, peer?.registers);
    this.#elements.set(context, element);
    if (!peer) element.registers.reset();
    try {
      this.#attach(context, element);
    } catch (error) {
      this.#elements.delete(context);
      element.detached();
      throw error;
    }
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
    if (element && this.#doorbells.has(element)) this.#scan(element);
  }

  reset(): void | Promise<void> {
    const resetting = this.#model.reset?.();
    return isThenable(resetting) ? within(resetting, this.#attachTimeoutMs) : undefined;
  }

  /** Somebody else who sees the whole area: what is there is theirs too, and is not reset. */
  #peer({ window, afu }: Context, own: Registers): ProcessElement | undefined {
    if (window.place.size !== afu.problemState?.size) return undefined;
    for (const element of this.#elements.values()) if (element.registers.declared === own) return element;
    return undefined;
  }

  #attach(context: Context, element: ProcessElement): void {
    let attaching: unknown;
    try {
      attaching = element.guarded('attach', () => this.#model.attach(element));
    } catch (error) {
      // A bad address does not refuse the work: the program gets its data storage event.
      if (!(error instanceof AddressError)) throw error;
      this.#ready(element);
      return;
    }
    if (isThenable(attaching)) {
      this.#waitFor(context, element, attaching);
    } else {
      this.#ready(element);
      this.#run(element);
    }
  }

  /** From here on doorbells are heard. */
  #ready(element: ProcessElement): void {
    if (element.attached) this.#doorbells.add(element);
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
      .then(() => this.#ready(element))
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

/** The promise, as long as it does not take too long: what never ends would keep the AFU from everybody. */
async function within(promise: PromiseLike<void>, milliseconds: number): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`has not finished after ${milliseconds} ms`)), milliseconds);
  });
  try {
    await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
