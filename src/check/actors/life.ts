// What happens to a context, its card and its driver's module.
import { Errno } from '../../abi/index.ts';
import { CxlError, type DriverModule } from '../../core/index.ts';
import { errnoOf } from '../doors/core.ts';
import { driverOf, feedOf } from '../drivers.ts';
import { errnoText } from '../oracle.ts';
import type { Slot } from '../slot.ts';
import type { World } from '../world.ts';
import { Spender, type Budget } from './actor.ts';

/** Interrupts that a context is started with. */
export const INTERRUPTS = 40;

type Step = (world: World, slot: Slot) => string;

/** Whether a step can be done; default: while the file is open. */
const conditions: Readonly<Record<string, (world: World, slot: Slot) => boolean>> = {
  'gets its link back': (_, slot) => !slot.judge.link,
  'loses its link': (_, slot) => slot.judge.link,
  'has its last close': (world, slot) => slot.open && (slot.idle || world.setup.door === 'file') && !world.aborted,
  'is opened again': (world, slot) => !slot.open && !world.aborted && world.linkUp,
  'is aborted': world => !world.aborted,
};

const steps: Readonly<Record<string, Step>> = {
  START_WORK(_, slot) {
    const right = slot.context.status === 'OPENED' && slot.judge.link ? 0 : Errno.EIO;
    const errno = slot.port.start(INTERRUPTS);
    if (errno !== right) slot.blame('C5', `START_WORK is ${resultText(errno)}, not ${resultText(right)}`);
    return errno === 0 ? 'STARTED' : resultText(errno);
  },
  GET_PROCESS_ELEMENT(_, slot) {
    const right = slot.context.status !== 'CLOSED' && slot.judge.link ? 0 : Errno.EIO;
    const errno = slot.port.processElement();
    if (errno !== right) slot.blame('C5', `GET_PROCESS_ELEMENT is ${resultText(errno)}, not ${resultText(right)}`);
    return errno === 0 ? `${slot.context.pe}` : resultText(errno);
  },
  'is detached': (_, slot) => {
    slot.judge.detached();
    slot.judge.disturbances++;
    slot.context.detach();
    return slot.context.status;
  },
  'loses its link': world => {
    for (const { opens, judge } of world.slots) {
      if (opens === 0) continue;
      judge.detached();
      judge.link = false;
      judge.disturbances++;
    }
    world.adapter.loseLink();
    return '';
  },
  'gets its link back': world => {
    for (const { opens, judge } of world.slots) {
      if (opens === 0) continue;
      judge.link = true;
      judge.disturbances++;
    }
    world.adapter.restoreLink();
    return '';
  },
  'has its last close': (world, slot) => {
    world.close(slot);
    return '';
  },
  'is opened again': (world, slot) => {
    world.open(slot);
    return '';
  },
  'gets new driver ops': (world, slot) => newOps(world, slot, false),
  'gets driver ops of the other form': (world, slot) => newOps(world, slot, true),
  'is aborted': world => {
    world.abort();
    return '';
  },
};

/** What a call came to: 0, or an errno. */
function resultText(errno: number): string {
  return errno === 0 ? '0' : errnoText(errno);
}

function newOps(world: World, slot: Slot, other: boolean): string {
  const { feed } = slot;
  const owner = slot.module;
  if (!feed || !owner) return 'there is no driver';
  const form = other === (feed.form === 'fetch') ? 'poll' : 'fetch';
  const right = owner.state === 'live' ? 0 : Errno.ENODEV;
  if (right === 0) slot.oracle!.replaceDriver(form === 'poll');
  let errno = 0;
  try {
    slot.feed = feedOf(world, slot, owner, form);
  } catch (error) {
    errno = errnoOf(error);
  }
  if (errno !== right) slot.blame('C6', `setDriverOps is ${resultText(errno)}, not ${resultText(right)}`);
  else if (errno === 0) feed.end();
  return errno === 0 ? `of the ${form} form` : resultText(errno);
}

/** The life of one context and its card. */
export class Life extends Spender {
  readonly name: string;
  readonly #world: World;
  readonly #slot: Slot;

  constructor(name: string, world: World, slot: Slot, budget: Budget, footprint: number) {
    super(budget, footprint);
    this.name = name;
    this.#world = world;
    this.#slot = slot;
  }

  protected override possible(verb: string): boolean {
    const condition = conditions[verb];
    return condition ? condition(this.#world, this.#slot) : this.#slot.open && !this.#world.aborted;
  }

  protected override perform(verb: string): string {
    return steps[verb]!(this.#world, this.#slot);
  }
}

/** rmmod(8) and its like: unloads and reloads the driver's module. */
export class Administrator extends Spender {
  readonly name = 'administrator';
  readonly #world: World;

  constructor(world: World, budget: Budget, footprint: number) {
    super(budget, footprint);
    this.#world = world;
  }

  protected override possible(): boolean {
    return this.#live !== undefined;
  }

  get #live(): DriverModule | undefined {
    return this.#world.afu.driver?.state === 'live' ? this.#world.afu.driver : undefined;
  }

  protected override perform(verb: string): string {
    const world = this.#world;
    if (verb === 'reloads the driver') {
      const module = world.table.replace(this.#live!.name, driverOf(world));
      return `generation ${module.generation}`;
    }
    const held = world.references(this.#live!) > 0;
    try {
      world.table.unload(this.#live!.name);
      if (held) world.blame('C6', 'the driver was unloaded while a context holds it');
      return 'unloaded';
    } catch (error) {
      if (!(error instanceof CxlError) || error.code !== 'EBUSY') throw error;
      if (!held) world.blame('C6', 'the driver cannot be unloaded though nobody holds it');
      return 'EBUSY';
    }
  }
}
