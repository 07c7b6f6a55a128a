// One open file, the context behind it, the driver's part in it, and what is known of all that.
import type { Context, DriverModule } from '../core/index.ts';
import type { Poller } from '../fuse/index.ts';
import type { Reader } from './actors/reader.ts';
import type { Port } from './doors/port.ts';
import type { Feed } from './feeds.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { Judge } from './judge.ts';
import type { Oracle } from './oracle.ts';
import type { Invariant } from './system.ts';
import type { World } from './world.ts';

export class Slot {
  readonly index: number;
  readonly readers: Reader[] = [];
  readonly #world: World;
  open = false;
  /** Whose read was done in the last step. */
  readonly finished: Reader[] = [];
  context!: Context;
  port!: Port;
  judge!: Judge;
  /** The judge, where all that happens is known; undefined for a user's driver. */
  oracle: Oracle | undefined;
  /** The session's way to wake pollers of this file; only through FUSE. */
  poller: Poller | undefined;
  /** Absent without a driver. */
  feed: Feed | undefined;
  /** The module that the context was opened with. */
  module: DriverModule | undefined;
  /** Serial number of the last event posted. */
  posted = 0;
  /** A post after the last close was reported. */
  saidLate = false;
  /** How often it was opened. */
  opens = 0;

  constructor(world: World, index: number) {
    this.#world = world;
    this.index = index;
  }

  readonly blame = (invariant: Invariant, text: string): void => this.#world.blame(invariant, text);

  /** References that this context must hold on `module` now. */
  references(module: DriverModule): number {
    if (!this.open) return 0;
    return Number(this.module === module) + Number(this.feed?.owner === module);
  }

  /** No thread is in a system call on it. */
  get idle(): boolean {
    return this.readers.every(reader => !reader.inside);
  }

  fingerprint(into: Fingerprint): void {
    into.add(Number(this.open) | (Number(this.saidLate) << 1) | (this.opens << 2) | (this.posted << 8));
    if (this.opens === 0) return;
    into.addText(this.context.status);
    into.add(Number(this.context.waiters.empty) | (Number(this.context.drained) << 1) | (this.context.interrupts << 2));
    this.judge.fingerprint(into);
    this.feed?.fingerprint(into);
    this.port.fingerprint(into);
  }
}
