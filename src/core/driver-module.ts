import type { Context } from './context.ts';
import { diagnose, diagnosticLog } from './diagnostics.ts';
import type { AfuDriver } from './driver-ops.ts';
import { CxlError } from './errors.ts';
import { watchPromise } from './promises.ts';
import { tracepoints } from './tracepoints.ts';

/**
 * - `live`: contexts may take references.
 * - `going`: retired; those that hold a reference keep it, nobody gets a new one.
 * - `gone`: nothing of it is called any more.
 */
export type ModuleState = 'live' | 'going' | 'gone';

/** One driver object that serves several AFUs is one module. */
const loaded = new WeakMap<AfuDriver, DriverModule>();

/**
 * An AFU driver as something that can be loaded and unloaded. A context that the driver opened, or that holds its ops,
 * holds a reference: while there is one the module stays (C6).
 *
 * C original: `struct module` with `try_module_get` and `module_put` (include/linux/module.h), as the review of the
 * driver-event patch asked for.
 */
export class DriverModule {
  readonly driver: AfuDriver;
  /** Counts the loads of drivers of this name, 1 upwards. */
  readonly generation: number;
  readonly #references = new Map<Context, number>();
  readonly #said = new Set<string>();
  #state: ModuleState = 'live';

  /** The module of a driver that is loaded already, or a new one. */
  static of(driver: AfuDriver | DriverModule): DriverModule {
    if (driver instanceof DriverModule) return driver;
    let module = loaded.get(driver);
    if (module?.state !== 'live') loaded.set(driver, (module = new DriverModule(driver)));
    return module;
  }

  /** Loads a driver. */
  constructor(driver: AfuDriver, generation: number = 1) {
    this.driver = driver;
    this.generation = generation;
  }

  get name(): string {
    return this.driver.name;
  }

  get state(): ModuleState {
    return this.#state;
  }

  /** The contexts that hold references. */
  get holders(): Context[] {
    return [...this.#references.keys()];
  }

  /** How many references are held: a context may hold one for having been opened and one for its ops. */
  get references(): number {
    let sum = 0;
    for (const count of this.#references.values()) sum += count;
    return sum;
  }

  /** Takes a reference for `context`; false once unloading has begun. C original: `try_module_get`. */
  tryGet(context: Context): boolean {
    if (this.#state !== 'live') return false;
    this.#references.set(context, (this.#references.get(context) ?? 0) + 1);
    if (tracepoints.moduleGet.active) tracepoints.moduleGet.publish({ context, module: this });
    return true;
  }

  /** Puts one of `context`'s references back; the last one of a retired module ends it. C original: `module_put`. */
  put(context: Context): void {
    const count = this.#references.get(context) ?? 0;
    if (count === 0) throw new CxlError('EINVAL', 'put', `${context.name} holds no reference to ${this.name}`);
    if (count > 1) this.#references.set(context, count - 1);
    else this.#references.delete(context);
    if (tracepoints.modulePut.active) tracepoints.modulePut.publish({ context, module: this });
    if (this.#state === 'going' && this.#references.size === 0) this.#end(context);
  }

  /**
   * Unloads. Idempotent.
   * @throws CxlError EBUSY, naming the holders, while a context holds a reference: nothing has changed then
   */
  unload(): void {
    if (this.#references.size > 0) {
      const names = this.holders.map(context => context.name).join(', ');
      throw new CxlError('EBUSY', 'unload', `driver ${this.name} is held by ${names}`);
    }
    this.#end();
  }

  /** Lets nobody new in, and unloads as soon as the last reference is put. */
  retire(): void {
    if (this.#state !== 'live') return;
    this.#state = 'going';
    if (this.#references.size === 0) this.#end();
  }

  /** @internal True the first time that it is asked about `topic`. */
  once(topic: string): boolean {
    if (this.#said.has(topic)) return false;
    this.#said.add(topic);
    return true;
  }

  #end(context?: Context): void {
    if (this.#state === 'gone') return;
    this.#state = 'gone';
    const failed = (problem: string, error: unknown): void => {
      const diagnostic = diagnose({ source: `driver ${this.name}`, callback: 'exit', context, problem, error });
      if (context) context.report(diagnostic);
      else console.warn(diagnosticLog(diagnostic));
    };
    try {
      watchPromise(this.driver.exit?.(), error => failed('rejected', error));
    } catch (error) {
      failed('threw', error);
    }
  }
}
