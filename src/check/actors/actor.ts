import type { Fingerprint } from '../fingerprint.ts';

/** Whoever does something: a thread, the hardware, an administrator. Its verbs are what it can do, one at a time. */
export abstract class Actor {
  abstract readonly name: string;
  readonly verbs: readonly string[];
  /** Bits of what its verbs touch: see Action. */
  readonly footprint: number;
  protected said = '';

  constructor(verbs: readonly string[], footprint: number) {
    this.verbs = verbs;
    this.footprint = footprint;
  }

  /** What its last step came to. */
  get outcome(): string {
    return this.said;
  }

  abstract can(verb: number): boolean;
  abstract act(verb: number): void;
  abstract fingerprint(into: Fingerprint): void;
  /** Undefined when it believes nothing that matters. */
  abstract belief(): string | undefined;
  /** Looks whether it is treated right in the present state. */
  check(): void {}
}

/** How often each verb can be used. */
export type Budget = Readonly<Record<string, number>>;

/** An actor whose verbs are spent. */
export abstract class Spender extends Actor {
  readonly #left: number[];

  constructor(budget: Budget, footprint: number) {
    const verbs = Object.keys(budget).filter(verb => budget[verb]! > 0);
    super(verbs, footprint);
    this.#left = verbs.map(verb => budget[verb]!);
  }

  override can(verb: number): boolean {
    return this.#left[verb]! > 0 && this.possible(this.verbs[verb]!);
  }

  override act(verb: number): void {
    this.#left[verb]!--;
    this.said = this.perform(this.verbs[verb]!, this.#left[verb]!);
  }

  protected abstract possible(verb: string): boolean;
  /** @param left how often it can be done again */
  protected abstract perform(verb: string, left: number): string;

  override fingerprint(into: Fingerprint): void {
    let bits = 0;
    for (const left of this.#left) bits = (bits << 4) | left;
    into.add(bits);
  }

  override belief(): string | undefined {
    return undefined;
  }
}
