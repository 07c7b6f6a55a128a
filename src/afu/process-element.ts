import { CxlError, diagnose, type Context } from '../core/index.ts';
import { AddressError, EffectiveMemory } from './memory.ts';
import { RegisterFile, type Registers } from './registers.ts';

/** Of one process element; a model that is wrong for ever does not fill the log. */
const MOST_MISUSES = 16;

/** Errors that were reported when they were made. */
const told = new WeakSet<Error>();

/** What a model does for one context from START_WORK until detach: it works on a process element's behalf. */
export class ProcessElement<R extends Registers = Registers> {
  /** The memory of the program that started the work, by its own addresses. */
  readonly memory: EffectiveMemory;
  /** The registers of its window. */
  readonly registers: RegisterFile<keyof R & string>;
  readonly #context: Context;
  readonly #model: string;
  /** What was said of it. */
  #misuses: Set<string> | undefined;
  #abort: AbortController | undefined;
  #attached = true;

  /** @internal @param peer as of {@link RegisterFile} */
  constructor(context: Context, model: string, registers: Registers, peer?: RegisterFile) {
    this.#context = context;
    this.#model = model;
    this.memory = new EffectiveMemory(this, context.work?.memory);
    this.registers = new RegisterFile(this, context.window, registers, peer);
  }

  /** Process element id, 0 upwards. */
  get id(): number {
    return this.#context.pe;
  }

  /** The work element descriptor that the program started with: 64 bits, whatever they mean to this AFU. */
  get workElementDescriptor(): bigint {
    return this.#context.work?.wed ?? 0n;
  }

  /** Authority mask register; 0n unless the program asked for another. */
  get authorityMask(): bigint {
    return this.#context.work?.amr ?? 0n;
  }

  /** Whether the context is a master, whose window is the whole problem state area. */
  get master(): boolean {
    return this.#context.master;
  }

  /** How many interrupts it may raise; their numbers are 1 to this. */
  get interrupts(): number {
    return this.#context.interrupts;
  }

  /** False from detach on: nothing that is raised counts any more. */
  get attached(): boolean {
    return this.#attached;
  }

  /** Aborted at detach: give it to timers, fetch and whatever else takes one. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (!this.#attached) this.#abort.abort();
    return this.#abort.signal;
  }

  /**
   * Raises an AFU interrupt; one that is still unread is not raised twice. A number that the process element was not given
   * is dropped, and reported once.
   * @param number 1 to {@link interrupts}
   */
  interrupt(number: number): void {
    if (!this.#attached) return;
    try {
      this.#context.raiseInterrupt(number);
    } catch (error) {
      if (!(error instanceof CxlError)) throw error;
      this.misused(`raised interrupt ${number}, and has 1 to ${this.interrupts}`);
    }
  }

  /**
   * Reports an access to an effective address that could not be translated; a newer fault replaces an unread one. What
   * {@link memory} cannot access it reports itself.
   * @param dsisr the raw register: why; see `CxlPslDsisr` of `afukit/abi`
   */
  fault(address: bigint, dsisr: bigint): void {
    if (this.#attached) this.#context.raiseFault(address, dsisr);
  }

  /** Reports an AFU error; while one is unread later ones are only counted. */
  error(code: bigint): void {
    if (this.#attached) this.#context.raiseAfuError(code);
  }

  /** An error after which the process element cannot go on: it is reported, and the context detached. */
  fail(code: bigint): void {
    this.error(code);
    if (this.#attached) this.#context.detach();
  }

  /** @internal The model did what it must not; each thing is said once. */
  misused(what: string): void {
    const misuses = (this.#misuses ??= new Set());
    if (misuses.has(what) || misuses.size === MOST_MISUSES) return;
    misuses.add(what);
    const last = misuses.size === MOST_MISUSES ? '; from here on nothing is said of this process element' : '';
    this.report('element', what + last);
  }

  /** @internal The error for an access after detach, which is said once. */
  notAttached(what: string): CxlError {
    this.misused(what);
    const error = new CxlError('EIO', 'element', 'the process element is not attached');
    told.add(error);
    return error;
  }

  /** @internal */
  report(callback: string, problem: string, error?: unknown): void {
    const facts = { source: `AFU model ${this.#model}`, callback, context: this.#context, problem };
    this.#context.report(diagnose(error === undefined ? facts : { ...facts, error }));
  }

  /** @internal What a callback threw, or left to be thrown: the program learns that its work is over. */
  failed(callback: string, problem: string, error: unknown): void {
    if (this.#expected(error)) return;
    this.report(callback, problem, error);
    if (this.#attached) this.#context.detach();
  }

  #expected(error: unknown): boolean {
    // The program has been told of the address already, and the accelerator goes on or not.
    if (error instanceof AddressError) return true;
    if (!(error instanceof Error) || this.#attached) return false;
    // What waited with the signal has been told to stop, by an error.
    return told.has(error) || error.name === 'AbortError';
  }

  /** @internal Runs a callback so that also what its timers throw later is known to be its own. */
  guarded<T>(callback: string, call: () => T): T {
    const { guard } = this.#context.afu.adapter;
    return guard ? guard(call, error => this.failed(callback, 'threw afterwards', error)) : call();
  }

  /** @internal */
  detached(): void {
    this.#attached = false;
    const abort = this.#abort;
    // Its listeners are the model's.
    if (abort) this.guarded('detach', () => abort.abort());
  }
}
