import { CxlError, DriverModule, type Afu, type AfuDriver } from '../core/index.ts';

/**
 * The driver modules of one server, and the AFUs that they are bound to: load, unload and replace while it runs.
 * C original: what insmod(8), rmmod(8) and lsmod(8) work on.
 */
export class ModuleTable {
  readonly #afus: readonly Afu[];
  readonly #modules = new Set<DriverModule>();

  /** Takes in the modules that are bound to `afus` now. */
  constructor(afus: readonly Afu[]) {
    this.#afus = afus;
    for (const { driver } of afus) if (driver) this.#modules.add(driver);
  }

  /** Every module that is not gone, those that are going among them. */
  get modules(): DriverModule[] {
    for (const module of this.#modules) if (module.state === 'gone') this.#modules.delete(module);
    return [...this.#modules];
  }

  /** The AFUs whose new contexts a module serves. */
  boundTo(module: DriverModule): Afu[] {
    return this.#afus.filter(afu => afu.driver === module);
  }

  /**
   * Unloads a module; its AFUs have no driver then.
   * @throws CxlError ENOENT when there is none of that name; EBUSY, naming the holders, while contexts hold it
   */
  unload(name: string): void {
    const module = this.live(name, 'unload');
    const afus = this.boundTo(module);
    module.unload();
    for (const afu of afus) afu.bindDriver(undefined);
  }

  /**
   * Takes in a new module and binds it to `afus`.
   * @throws CxlError EEXIST when another one of that name is loaded, as insmod(8) says
   */
  load(driver: AfuDriver, afus: readonly Afu[]): DriverModule {
    const module = DriverModule.of(driver);
    const { name } = module;
    if (this.modules.some(each => each !== module && each.name === name && each.state === 'live')) {
      throw new CxlError('EEXIST', 'load', `driver ${name} is loaded: reload it, or unload it first`);
    }
    this.#modules.add(module);
    for (const afu of afus) afu.bindDriver(module);
    return module;
  }

  /**
   * Puts new code in a module's place: contexts that are opened from now on use it, those that are open keep the old
   * code until they are closed.
   * @throws CxlError ENOENT when there is none of that name
   */
  replace(name: string, driver: AfuDriver): DriverModule {
    const former = this.live(name, 'replace');
    const module = new DriverModule(driver, former.generation + 1);
    this.#modules.add(module);
    for (const afu of this.boundTo(former)) afu.bindDriver(module);
    former.retire();
    return module;
  }

  /** The live module of a name. @throws CxlError ENOENT */
  live(name: string, syscall: string): DriverModule {
    const module = this.modules.find(each => each.name === name && each.state === 'live');
    if (module) return module;
    throw new CxlError('ENOENT', syscall, `no driver "${name}" is loaded`);
  }
}
