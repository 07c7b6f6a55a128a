// Where events come from: the AFU's hardware, and its driver.
import { CxlError } from '../../core/index.ts';
import { LARGE } from '../labels.ts';
import { mischiefs, type Mischief } from '../feeds.ts';
import type { Slot } from '../slot.ts';
import type { World } from '../world.ts';
import { Spender, type Budget } from './actor.ts';

/** What an AFU raises on a context, each as often as the budget says. */
export class Hardware extends Spender {
  readonly name: string;
  readonly #slot: Slot;

  constructor(name: string, slot: Slot, budget: Budget, footprint: number) {
    super(budget, footprint);
    this.name = name;
    this.#slot = slot;
  }

  protected override possible(): boolean {
    return this.#slot.opens > 0;
  }

  protected override perform(verb: string, left: number): string {
    const { context } = this.#slot;
    const { judge } = this.#slot;
    if (verb === 'raises a fault') {
      const address = 0x1000 + left;
      judge.fault(address);
      context.raiseFault(BigInt(address), 1n);
    } else if (verb === 'raises an AFU error') {
      const code = 0x10 + left;
      judge.error(code);
      context.raiseAfuError(BigInt(code));
    } else if (verb === 'injects a driver event') {
      const value = 0x100 + left;
      judge.inject(value);
      context.raiseDriverEvent(new Uint8Array(Uint32Array.of(value).buffer));
    } else this.#interrupt(Number(verb.split(' ').at(-1)));
    // As a file may that knows of no wait queue: one that is not armed, or closed, must not reach the kernel.
    this.#slot.poller?.notify();
    return '';
  }

  #interrupt(number: number): void {
    const { context } = this.#slot;
    const given = number <= this.#slot.context.interrupts;
    if (given || context.status === 'CLOSED') this.#slot.judge.interrupt(number);
    try {
      context.raiseInterrupt(number);
    } catch (error) {
      if (!(error instanceof CxlError) || given) throw error;
    }
  }
}

/** A verb: the name of a control file follows. */
export const WRITES = 'is written to through ';

/** What a driver does of itself. */
export class Driver extends Spender {
  readonly name: string;
  readonly #slot: Slot;
  readonly #world: World;

  constructor(name: string, world: World, slot: Slot, budget: Budget, footprint: number) {
    super(budget, footprint);
    this.name = name;
    this.#world = world;
    this.#slot = slot;
  }

  protected override possible(verb: string): boolean {
    const { open, opens, feed } = this.#slot;
    if (opens === 0 || !feed) return false;
    // What a user's file exports for this may well rely on the context's being there.
    if (feed.control && !open && !verb.startsWith(WRITES)) return false;
    return !verb.startsWith('goes wrong') || mischiefs[feed.form].includes(mischiefOf(verb));
  }

  protected override perform(verb: string, left: number): string {
    const slot = this.#slot;
    if (verb.startsWith(WRITES)) {
      const said = slot.feed!.control!(verb.slice(WRITES.length), left);
      return said === '' ? '' : `"${said}"`;
    }
    if (verb.startsWith('goes wrong')) {
      slot.feed!.misbehave!(mischiefOf(verb));
      return 'at its next call';
    }
    if (verb === 'asks to be asked again') {
      slot.judge.nudge();
      slot.context.driverEventsPending(0);
      return '';
    }
    return this.#post(verb === 'posts a large event' ? LARGE : 0);
  }

  #post(size: number): string {
    const slot = this.#slot;
    const value = ++slot.posted | size;
    const counts = slot.open && slot.judge.post(value);
    if (!slot.open && !slot.saidLate) {
      slot.saidLate = true;
      this.#world.lateComplaints++;
    }
    const queued = slot.feed!.post(value);
    if (queued !== counts && queued !== undefined) {
      slot.blame('C3', `post(${value}) returned ${queued}, not ${counts}`);
    }
    return counts ? `number ${value & ~LARGE}` : `number ${value & ~LARGE}, which nobody will read`;
  }
}

function mischiefOf(verb: string): Mischief {
  return verb.slice('goes wrong: '.length) as Mischief;
}
