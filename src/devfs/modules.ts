import {
  CxlError,
  type Adapter,
  type Afu,
  type AfuDriver,
  type ControlFile,
  type DriverModule,
  messageOf,
} from '../core/index.ts';
import { ModuleTable } from '../driver/index.ts';
import { columns } from './columns.ts';
import { logLine } from './log-line.ts';

/** Loads a driver's code anew from its file. */
export type DriverLoader = (file: string) => Promise<AfuDriver>;

/** The driver modules of a server and the files they came from: what `debug/cxl/modules` shows and does. */
export class Modules {
  readonly table: ModuleTable;
  readonly #afus: readonly Afu[];
  readonly #files: Map<DriverModule, string>;
  readonly #load: DriverLoader;
  readonly #log: (line: string) => void;

  /**
   * @param files where a module's code came from, for those that came from a file of their own
   * @param log told what was done through the control file, and why something was refused
   */
  constructor(
    adapters: readonly Adapter[],
    files: ReadonlyMap<DriverModule, string>,
    load: DriverLoader,
    log: (line: string) => void = () => {},
  ) {
    this.#log = log;
    this.#afus = adapters.flatMap(adapter => adapter.afus);
    this.table = new ModuleTable(this.#afus);
    this.#files = new Map(files);
    this.#load = load;
  }

  /** The control file: reading it lists, writing a command acts. */
  get controlFile(): ControlFile {
    return {
      read: () => this.text(),
      write: async bytes => {
        const text = new TextDecoder().decode(bytes).trim();
        try {
          await this.command(text);
          this.#log(logLine(`modules: ${text}: done`));
        } catch (error) {
          // The writer sees an errno only.
          this.#log(logLine(`modules: ${text}: ${messageOf(error)}`));
          throw error instanceof CxlError ? error : new CxlError('EINVAL', 'write', text, { cause: error });
        }
      },
    };
  }

  /** One line for each module, in the manner of lsmod(8). */
  text(): string {
    const rows = this.table.modules.map(module => [
      module.name,
      String(module.generation),
      module.state,
      String(module.references),
      this.table
        .boundTo(module)
        .map(({ name }) => name)
        .join(',') || '-',
      module.holders.map(({ name }) => name.replaceAll(' ', '')).join(',') || '-',
      this.#files.get(module) ?? '-',
    ]);
    return columns([['Module', 'Gen', 'State', 'Refs', 'Bound to', 'Used by', 'File'], ...rows]);
  }

  /** @throws CxlError EINVAL for anything but the three commands; ENOENT; EBUSY; EEXIST */
  async command(text: string): Promise<void> {
    const [verb = '', name, ...rest] = text.trim().split(/\s+/);
    const run = Object.hasOwn(commands, verb) ? commands[verb] : undefined;
    if (!run || name === undefined) throw new CxlError('EINVAL', 'write', USAGE);
    await run(this, name, rest);
  }

  /**
   * Loads a driver from a file and binds it to the AFUs named.
   * @throws CxlError ENOENT for an AFU that is not there; EINVAL for none; EEXIST when a driver of that name is loaded; and
   * what loading throws
   */
  async load(file: string, names: readonly string[]): Promise<DriverModule> {
    if (names.length === 0) throw new CxlError('EINVAL', 'load', USAGE);
    const afus = names.map(name => {
      const afu = this.#afus.find(each => each.name === name);
      if (!afu) throw new CxlError('ENOENT', 'load', `there is no ${name}`);
      return afu;
    });
    const module = this.table.load(await this.#load(file), afus);
    this.#files.set(module, file);
    return module;
  }

  /**
   * Loads a module's file again: new contexts use the new code, open ones keep the old one until they are closed.
   * @throws CxlError ENOENT when there is no such module; EINVAL when it has no file of its own; and what loading throws,
   * and the old code stays then
   */
  async reload(name: string): Promise<DriverModule> {
    const former = this.table.live(name, 'reload');
    const file = this.#files.get(former);
    if (file === undefined)
      throw new CxlError('EINVAL', 'reload', `driver ${name} did not come from a file of its own`);
    const driver = await this.#load(file);
    const module = this.table.replace(name, driver);
    this.#files.set(module, file);
    return module;
  }
}

const USAGE = '"load FILE afuC.S ...", "unload NAME" or "reload NAME"';

const commands: Readonly<Record<string, (modules: Modules, name: string, rest: readonly string[]) => unknown>> = {
  load: (modules, file, afus) => modules.load(file, afus),
  unload: (modules, name) => modules.table.unload(name),
  reload: (modules, name) => modules.reload(name),
};
