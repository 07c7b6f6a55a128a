import { diagnose, watchPromise, type AfuBackend, type AfuOptions, type Context } from '../core/index.ts';

/** What a model does for one context from START_WORK until detach: it works on a process element's behalf. */
export class ProcessElement {
  readonly #context: Context;
  #attached = true;

  /** @internal */
  constructor(context: Context) {
    this.#context = context;
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

  /** How many interrupts it may raise; their numbers are 1 to this. */
  get interrupts(): number {
    return this.#context.interrupts;
  }

  /** False from detach on: nothing that is raised counts any more. */
  get attached(): boolean {
    return this.#attached;
  }

  /**
   * Raises an AFU interrupt; one that is still unread is not raised twice.
   * @param number 1 to {@link interrupts}
   * @throws CxlError EINVAL for any other number
   */
  interrupt(number: number): void {
    if (this.#attached) this.#context.raiseInterrupt(number);
  }

  /**
   * Reports an access to an effective address that could not be translated; a newer fault replaces an unread one.
   * @param dsisr the raw register: why; see `Dsisr` of `afukit/abi`
   */
  fault(address: bigint, dsisr: bigint): void {
    if (this.#attached) this.#context.raiseFault(address, dsisr);
  }

  /** Reports an AFU error; while one is unread later ones are only counted. */
  error(code: bigint): void {
    if (this.#attached) this.#context.raiseAfuError(code);
  }

  /** @internal */
  detached(): void {
    this.#attached = false;
  }
}

/** An accelerator. One model object is one AFU. */
export interface AfuModel {
  readonly name: string;
  /**
   * START_WORK: begin; throw a CxlError to refuse with its errno. A promise is not waited for: when it rejects, that is
   * reported and the process element detached.
   */
  attach(element: ProcessElement): void | Promise<void>;
  /** The work is over: stop timers, let go of everything that belongs to `element`. */
  detach?(element: ProcessElement): void | Promise<void>;
}

/** An AFU as a configuration names it: a model, the driver that goes with it, and what its descriptor says. */
export interface AfuDefinition extends Omit<AfuOptions, 'backend'> {
  readonly model: AfuModel;
}

/** Returns the definition, typed. */
export function defineAfu(definition: AfuDefinition): AfuDefinition {
  return definition;
}

/** Puts a model behind an AFU. */
export function afuOptions({ model, ...options }: AfuDefinition): AfuOptions {
  return { ...options, backend: new ModelBackend(model) };
}

class ModelBackend implements AfuBackend {
  readonly name: string;
  readonly #model: AfuModel;
  readonly #elements = new Map<Context, ProcessElement>();

  constructor(model: AfuModel) {
    this.name = model.name;
    this.#model = model;
  }

  attachProcess(context: Context): void {
    const element = new ProcessElement(context);
    this.#elements.set(context, element);
    try {
      this.#watch('attach', context, this.#model.attach(element), () => context.detach());
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
    element.detached();
    this.#watch('detach', context, this.#model.detach?.(element), () => {});
  }

  /** A model may work on asynchronously; what fails there must not end the process. */
  #watch(callback: string, context: Context, returned: unknown, failed: () => void): void {
    watchPromise(returned, error => {
      const source = `AFU model ${this.name}`;
      context.report(diagnose({ source, callback, context, problem: 'rejected', error }));
      failed();
    });
  }
}
