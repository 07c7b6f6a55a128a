// A card, its driver, the open files and everybody who uses them: the system that is explored.
import { Adapter, type Afu, type Context, type DriverModule, type Work } from '../core/index.ts';
import { diagnosticText } from '../core/index.ts';
import { DeviceNode } from '../devfs/device-node.ts';
import { DeviceFiles } from '../devfs/device-files.ts';
import { ModuleTable } from '../driver/index.ts';
import { directory, type FileNode } from '../fuse/index.ts';
import type { Actor } from './actors/actor.ts';
import { INTERRUPTS } from './actors/life.ts';
import { cast } from './cast.ts';
import { driverOf } from './drivers.ts';
import { CorePort } from './doors/core.ts';
import { FilePort } from './doors/file.ts';
import { FusePort } from './doors/fuse.ts';
import { Kernel } from './doors/kernel.ts';
import { finish } from './epilogue.ts';
import type { Fingerprint } from './fingerprint.ts';
import { Oracle } from './oracle.ts';
import type { Setup } from './setup.ts';
import { Slot } from './slot.ts';
import { Witness, type SerialOf } from './witness.ts';
import type { Action, Invariant, System, Violation } from './system.ts';

/** Shared: it keeps nothing of an AFU without a problem state area. */
const files = new DeviceFiles();
const backend = { name: 'hardware', usesMemory: false, attachProcess() {}, detachProcess() {} };

const WORK: Work = { wed: 0n, amr: 0n, interrupts: INTERRUPTS, mmioErrorsAllOnes: false, pid: 0 };

/** Turns of the queue of promises after which everything that a step settled has been noticed. */
const SETTLED = 6;

export class World implements System {
  readonly setup: Setup;
  readonly adapter: Adapter;
  readonly afu: Afu;
  readonly table: ModuleTable;
  readonly slots: readonly Slot[];
  readonly #actors: readonly Actor[];
  /** Action by action: whose, and which of its verbs. */
  readonly #who: Actor[] = [];
  readonly #verb: number[] = [];
  readonly #footprints: number[] = [];
  #actions: readonly Action[] | undefined;
  #kernel: Kernel | undefined;
  #nodeId = 0;
  /** The file that is being opened. */
  opening: Slot | undefined;
  /** Modules that contexts hold or held. */
  readonly modules: Set<DriverModule> = new Set();
  readonly #complaints: string[] = [];
  /** Complaints that posts after the last close must have caused. */
  lateComplaints = 0;
  /** What oracles of contexts that are gone expected. */
  #pastComplaints = 0;
  violation: Violation | undefined;
  #actor: Actor | undefined;
  settle?: () => Promise<void>;

  constructor(setup: Setup) {
    this.setup = setup;
    this.adapter = new Adapter({
      afus: [
        {
          backend,
          eventsPerRead: setup.eventsPerRead,
          copyFault: setup.copyFault,
          ...(setup.driver || setup.user ? { driver: driverOf(this) } : {}),
        },
      ],
      callbackBudgetMs: Infinity,
      onDiagnostic: diagnostic => {
        // Said once, whoever it was: large events are no mistake.
        if (!diagnostic.problem.includes('libcxl')) this.#complaints.push(diagnosticText(diagnostic));
      },
    });
    this.afu = this.adapter.afus[0]!;
    this.table = new ModuleTable([this.afu]);
    if (setup.door === 'fuse') this.#mount();
    if (setup.door === 'file') this.settle = () => this.#settle();
    this.slots = Array.from({ length: setup.contexts ?? 1 }, (_, index) => new Slot(this, index));
    for (const slot of this.slots) {
      this.open(slot);
      if (setup.started !== false) slot.context.start(WORK);
    }
    this.#actors = cast(this, this.#kernel);
    for (const actor of this.#actors) {
      for (const [verb] of actor.verbs.entries()) {
        this.#who.push(actor);
        this.#verb.push(verb);
        this.#footprints.push(actor.footprint);
      }
    }
    this.#check();
  }

  #mount(): void {
    const device = new DeviceNode(files, [this.afu], ({ pid }) => this.afu.openContext({ pid }));
    const node: FileNode = {
      kind: 'file',
      attributes: () => device.attributes(),
      open: request => {
        this.opening!.poller = request.poller;
        return device.open(request);
      },
    };
    this.#kernel = new Kernel(directory({ afu: node }), (invariant, text) => this.blame(invariant, text));
    this.#nodeId = this.#kernel.lookup('afu');
  }

  // ---- what the actors use -----------------------------------------------------------------------------------------

  blame(invariant: Invariant, text: string): void {
    this.violation ??= { invariant, text };
  }

  get linkUp(): boolean {
    return this.adapter.linkUp;
  }

  get aborted(): boolean {
    return this.#kernel?.aborted ?? false;
  }

  /** A context was made for a file that is being opened. */
  begin(slot: Slot, context: Context, serialOf?: SerialOf): void {
    const { eventsPerRead: most = 1, copyFault, driver } = this.setup;
    if (slot.oracle) this.#pastComplaints += slot.oracle.complaints;
    slot.context = context;
    slot.saidLate = false;
    slot.feed = undefined;
    if (this.setup.user) {
      slot.judge = new Witness(slot.blame, serialOf);
      return;
    }
    const options = { pe: context.pe, most, keep: copyFault !== 'drop', survives: driver?.form === 'poll' };
    slot.judge = slot.oracle = new Oracle(slot.blame, options);
  }

  open(slot: Slot): void {
    slot.opens++;
    slot.module = undefined;
    this.opening = slot;
    const before = new Set(this.afu.contexts.values());
    const free = this.#lowestFree();
    const kernel = this.#kernel;
    const fh = kernel ? kernel.open(this.#nodeId) : 0;
    const context = kernel ? [...this.afu.contexts.values()].find(each => !before.has(each)) : this.afu.openContext();
    if (!context) throw new Error('the file could not be opened');
    if (slot.context !== context) this.begin(slot, context);
    if (context.pe !== free) slot.blame('C6', `process element ${context.pe} was given, ${free} is free`);
    const { judge, blame } = slot;
    if (kernel) slot.port = new FusePort(kernel, judge, blame, this.#nodeId, fh);
    else slot.port = this.setup.door === 'file' ? new FilePort(context, judge, blame) : new CorePort(context);
    slot.open = true;
  }

  #lowestFree(): number {
    let pe = 0;
    while (this.slots?.some(slot => slot.open && slot.context.pe === pe)) pe++;
    return pe;
  }

  close(slot: Slot): void {
    slot.open = false;
    for (const reader of slot.readers) reader.forget();
    slot.judge.detached();
    slot.port.close();
    if (!slot.context.released) slot.blame('C6', 'the context was not released at its last close');
  }

  abort(): void {
    const open = this.slots.filter(slot => slot.open);
    for (const { judge } of open) judge.off = true;
    for (const slot of open) slot.open = false;
    this.#kernel!.abort();
    for (const slot of open) {
      if (!slot.context.released) slot.blame('C6', 'the connection is gone, and the context was not released');
    }
  }

  /** Lets the server read all that waits. */
  serveAll(): void {
    while (this.#kernel?.waiting && !this.violation) this.#kernel.serve();
  }

  /** References to a module that there must be. */
  references(module: DriverModule): number {
    return this.slots.reduce((sum, slot) => sum + slot.references(module), 0);
  }

  // ---- what the explorer uses --------------------------------------------------------------------------------------

  get actions(): readonly Action[] {
    this.#actions ??= this.#who.map((actor, index) => ({
      who: actor.name,
      what: actor.verbs[this.#verb[index]!]!,
      footprint: this.#footprints[index]!,
    }));
    return this.#actions;
  }

  enabled(): number {
    let mask = 0;
    for (let i = 0; i < this.#who.length; i++) if (this.#who[i]!.can(this.#verb[i]!)) mask |= 1 << i;
    return mask;
  }

  perform(action: number, known = false): void {
    const actor = (this.#actor = this.#who[action]!);
    for (const { finished } of this.slots) finished.length = 0;
    try {
      actor.act(this.#verb[action]!);
    } catch (error) {
      this.blame('C7', `${actor.name} ${actor.verbs[this.#verb[action]!]}: threw ${String(error)}`);
    }
    if (!this.settle) this.#look(known);
  }

  get outcome(): string {
    const finished = this.slots.flatMap(slot => slot.finished).filter(reader => reader !== this.#actor);
    const others = finished.map(reader => `${reader.name} ${reader.outcome}`);
    return [this.#actor?.outcome ?? '', ...others].filter(text => text !== '').join('; ');
  }

  #look(known = false): void {
    for (const slot of this.slots) for (const reader of slot.readers) reader.look();
    if (!known) this.#check();
  }

  async #settle(): Promise<void> {
    for (let tick = 0; tick < SETTLED; tick++) await Promise.resolve();
    this.#look();
  }

  #check(): void {
    if (this.violation) return;
    for (const slot of this.slots) {
      if (!slot.open) continue;
      slot.port.check();
      slot.feed?.check();
      for (const reader of slot.readers) reader.check();
    }
    for (const module of this.modules) {
      const right = this.references(module);
      if (module.references !== right) this.blame('C6', `${module.references} references are held, not ${right}`);
    }
    const expected = this.slots.reduce((sum, { oracle }) => sum + (oracle?.complaints ?? 0), this.#pastComplaints);
    if (this.setup.user) {
      const [complaint] = this.#complaints;
      if (complaint !== undefined) this.blame('C7', complaint);
    } else if (this.#complaints.length !== expected + this.lateComplaints) {
      const last = this.#complaints.at(-1) ?? 'nothing';
      this.blame(
        'C7',
        `${this.#complaints.length} diagnostics, not ${expected + this.lateComplaints}; the last: ${last}`,
      );
    }
  }

  end(): void {
    if (this.violation) return;
    try {
      finish(this);
    } catch (error) {
      this.blame('C7', `at the end: threw ${String(error)}`);
    }
  }

  /** Looks at everything once more, for the epilogue. */
  look(): void {
    if (!this.settle) this.#look();
  }

  fingerprint(into: Fingerprint): void {
    for (const slot of this.slots) slot.fingerprint(into);
    into.add(Number(this.linkUp) | (this.lateComplaints << 1));
    for (const module of this.modules) into.add(module.references | (module.generation << 4));
    into.addText(this.afu.driver?.state ?? '');
    for (const actor of this.#actors) actor.fingerprint(into);
    this.#kernel?.fingerprint(into);
  }

  beliefs(): string[] {
    const several = this.slots.length > 1;
    const contexts = this.slots.map(slot => {
      const name = several ? `context ${slot.index} ` : '';
      return slot.open ? `${name}${slot.judge.belief()}` : `${name}closed`;
    });
    const actors = this.#actors.map(actor => actor.belief()).filter(belief => belief !== undefined);
    return [...contexts, ...actors];
  }
}
