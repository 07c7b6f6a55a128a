// Every interleaving of a system, depth first: going on in place into the first branch, and repeating the way from the
// start for each of the others, since what is explored is the real code and cannot be copied.
import { Fingerprint, NEW, StateSet } from './fingerprint.ts';
import { Random } from './random.ts';
import { MAX_ACTIONS, type Action, type System, type SystemMaker, type Violation } from './system.ts';

export interface Bounds {
  /** Most actions in a row; default: until nothing can be done any more. */
  readonly depth?: number | undefined;
  /** Milliseconds; default: as long as it takes. */
  readonly timeMs?: number | undefined;
  /** Most states; default: all. */
  readonly states?: number | undefined;
  /** 0: actions are tried in the order of the table. Another number: in an order that it decides. Default 0. */
  readonly seed?: number | undefined;
  /** So many random walks come first, which remember no states: where there is a mistake they mostly find it at once. */
  readonly walks?: number | undefined;
  /** False: no sleep sets, every interleaving of independent actions is gone. Default true. */
  readonly reduce?: boolean | undefined;
  /** False: no path is ended, so that only what is wrong on the way is found. Default true. */
  readonly ends?: boolean | undefined;
  /** True: every state is also ended, not only those at which a path stops. Default false. */
  readonly endAll?: boolean | undefined;
}

export interface Progress {
  readonly states: number;
  readonly transitions: number;
  readonly walks: number;
  /** Actions done now, and the most so far. */
  readonly depth: number;
  readonly deepest: number;
}

export interface Found {
  readonly violation: Violation;
  /** The actions that lead to it. */
  readonly trace: readonly number[];
  /** It shows only when the system is ended after them. */
  readonly atEnd: boolean;
}

export interface Exploration extends Progress {
  /** Every state within the bounds was seen, and no bound but the scenario's own cut anything off. */
  readonly complete: boolean;
  readonly found: Found | undefined;
}

/** So many transitions between two looks at the clock. */
const LOOK = 512;

/** Steps of a random walk: at the most, and of one that ends early. */
const LONGEST_WALK = 500;
const SHORT_WALK = 16;

interface Branch {
  /** Actions that are still to be tried here. */
  todo: number;
  /** Actions that need not be tried: their order with what was done does not matter, and the other order was explored. */
  sleep: number;
  /** The system is still to be ended from here. */
  end: boolean;
}

/** Which actions do not commute with each, as bits. */
function conflicts(actions: readonly Action[]): readonly number[] {
  return actions.map(({ footprint }) =>
    actions.reduce((mask, other, index) => ((other.footprint & footprint) !== 0 ? mask | (1 << index) : mask), 0),
  );
}

class Explorer {
  readonly #make: SystemMaker;
  readonly #bounds: Bounds;
  readonly #tell: ((progress: Progress) => void) | undefined;
  readonly #random: Random;
  readonly #print = new Fingerprint();
  readonly #seen = new StateSet();
  readonly #deadline: number;
  #conflicts: readonly number[] = [];
  #system: System;
  /** What was done to the present system. */
  #path: number[] = [];
  #ended = false;
  #transitions = 0;
  #walks = 0;
  #deepest = 0;
  #cut = false;
  #found: Found | undefined;

  constructor(make: SystemMaker, bounds: Bounds, tell: ((progress: Progress) => void) | undefined) {
    this.#make = make;
    this.#bounds = bounds;
    this.#tell = tell;
    this.#random = new Random(bounds.seed ?? 0);
    this.#deadline = bounds.timeMs === undefined ? Infinity : performance.now() + bounds.timeMs;
    this.#system = make();
    const { actions } = this.#system;
    if (actions.length > MAX_ACTIONS) throw new RangeError(`${actions.length} actions, more than ${MAX_ACTIONS}`);
    this.#conflicts = conflicts(actions);
  }

  async run(): Promise<Exploration> {
    await this.#walkAbout();
    if (!this.#found && !this.#late()) await this.#search();
    else this.#cut = true;
    const progress = this.#progress();
    this.#tell?.(progress);
    return { ...progress, complete: !this.#cut && !this.#found, found: this.#found };
  }

  async #walkAbout(): Promise<void> {
    const { walks = 0, depth = Infinity } = this.#bounds;
    while (this.#walks < walks && !this.#found && !this.#late()) {
      this.#walks++;
      await this.#restart([]);
      // Every other one ends somewhere on the way: what sleeps there is often woken later.
      const most = Math.min(depth, this.#walks % 2 === 0 ? LONGEST_WALK : 1 + this.#random.below(SHORT_WALK));
      for (let can = this.#system.enabled(); can !== 0 && this.#path.length < most; can = this.#system.enabled()) {
        if (!(await this.#step(this.#random.bitOf(can)))) return;
      }
      await this.#end();
    }
  }

  async #search(): Promise<void> {
    const { depth = Infinity, states = Infinity } = this.#bounds;
    const branches: Branch[] = [];
    await this.#restart([]);
    if (await this.#arrive(branches, 0)) return;
    while (branches.length > 0) {
      const branch = branches.at(-1)!;
      if (branch.todo === 0 && !branch.end) {
        branches.pop();
        continue;
      }
      if (this.#seen.size >= states || this.#late()) {
        this.#cut = true;
        return;
      }
      const at = branches.length - 1;
      if (this.#ended || this.#path.length !== at) await this.#restart(this.#trail.slice(0, at));
      if (branch.todo === 0) {
        branch.end = false;
        if (await this.#end()) return;
        continue;
      }
      const action = this.#bounds.seed ? this.#random.bitOf(branch.todo) : lowest(branch.todo);
      branch.todo &= ~(1 << action);
      const asleep = branch.sleep & ~this.#conflicts[action]!;
      branch.sleep |= 1 << action;
      this.#trail[at] = action;
      if (!(await this.#step(action))) return;
      if (this.#path.length >= depth) {
        if (this.#system.enabled() !== 0) this.#cut = true;
        this.#visit(asleep);
        if (await this.#end()) return;
      } else if (await this.#arrive(branches, this.#bounds.reduce === false ? 0 : asleep)) return;
    }
  }

  /** The way to the present branch, also when the system is already elsewhere. */
  readonly #trail: number[] = [];

  #visit(sleep: number): number {
    this.#print.reset();
    this.#system.fingerprint(this.#print);
    return this.#seen.visit(this.#print, sleep, this.#path.length, this.#bounds.depth !== undefined);
  }

  /** In a state: what is to be tried from it becomes a branch. True when a violation was found. */
  async #arrive(branches: Branch[], sleep: number): Promise<boolean> {
    const news = this.#visit(sleep);
    const todo = this.#system.enabled() & (news === NEW ? ~sleep : news);
    if (todo === 0) return this.#end();
    branches.push({ todo, sleep, end: news === NEW && this.#bounds.endAll === true });
    return false;
  }

  /** False when it led to a violation. */
  async #step(action: number): Promise<boolean> {
    const system = this.#system;
    this.#path.push(action);
    this.#transitions++;
    system.perform(action);
    if (system.settle) await system.settle();
    if (this.#path.length > this.#deepest) this.#deepest = this.#path.length;
    if (this.#tell && this.#transitions % LOOK === 0) this.#tell(this.#progress());
    return !this.#violated(false);
  }

  async #end(): Promise<boolean> {
    this.#ended = true;
    if (this.#bounds.ends === false) return false;
    this.#system.end();
    if (this.#system.settle) await this.#system.settle();
    return this.#violated(true);
  }

  #violated(atEnd: boolean): boolean {
    const { violation } = this.#system;
    if (!violation) return false;
    this.#found = { violation, trace: [...this.#path], atEnd };
    return true;
  }

  async #restart(trace: readonly number[]): Promise<void> {
    this.#system = this.#make();
    this.#path = [];
    this.#ended = false;
    for (const action of trace) {
      this.#path.push(action);
      this.#system.perform(action, true);
      if (this.#system.settle) await this.#system.settle();
    }
  }

  #late(): boolean {
    return this.#deadline !== Infinity && performance.now() > this.#deadline;
  }

  #progress(): Progress {
    const { size: states } = this.#seen;
    const [walks, transitions, deepest] = [this.#walks, this.#transitions, this.#deepest];
    return { states, transitions, walks, depth: this.#path.length, deepest };
  }
}

function lowest(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

/**
 * Explores until a violation is found or a bound is reached.
 * @param tell is told now and then how far it is
 */
export function explore(
  make: SystemMaker,
  bounds: Bounds = {},
  tell?: (progress: Progress) => void,
): Promise<Exploration> {
  return new Explorer(make, bounds, tell).run();
}
