// Small systems whose states can be counted by hand.
import type { Action, Fingerprint, System, Violation } from '../../src/check/index.ts';

/** Counters from 0 to `limit`, each counted up by an actor of its own: (limit + 1) ** count states. */
export class Counters implements System {
  readonly actions: readonly Action[];
  readonly #values: number[];
  readonly #limit: number;
  readonly #wrong: (values: readonly number[]) => boolean;
  readonly #wrongAtEnd: (values: readonly number[]) => boolean;
  violation: Violation | undefined;
  readonly outcome = '';

  /** @param wrong the states that are a violation */
  constructor(
    count: number,
    limit: number,
    wrong: (values: readonly number[]) => boolean = () => false,
    wrongAtEnd: (values: readonly number[]) => boolean = () => false,
  ) {
    this.actions = Array.from({ length: count }, (_, index) => ({
      who: `counter ${index}`,
      what: 'counts',
      footprint: 1 << index,
    }));
    this.#values = this.actions.map(() => 0);
    this.#limit = limit;
    this.#wrong = wrong;
    this.#wrongAtEnd = wrongAtEnd;
  }

  enabled(): number {
    return this.#values.reduce((mask, value, index) => (value < this.#limit ? mask | (1 << index) : mask), 0);
  }

  perform(action: number): void {
    this.#values[action]!++;
    if (this.#wrong(this.#values)) this.violation = { invariant: 'C3', text: this.#values.join() };
  }

  fingerprint(into: Fingerprint): void {
    for (const value of this.#values) into.add(value);
  }

  end(): void {
    if (this.#wrongAtEnd(this.#values)) this.violation ??= { invariant: 'C4', text: this.#values.join() };
  }

  beliefs(): string[] {
    return [this.#values.join()];
  }
}

/** A word is written letter by letter, of which the order matters: every action conflicts with every other. */
export class Word implements System {
  readonly actions: readonly Action[] = ['a', 'b', 'c'].map(who => ({ who, what: 'is written', footprint: 1 }));
  #word = '';
  readonly #forbidden: string;
  violation: Violation | undefined;
  readonly outcome = '';

  constructor(forbidden = '-') {
    this.#forbidden = forbidden;
  }

  enabled(): number {
    return this.#word.length < 4 ? 7 : 0;
  }

  perform(action: number): void {
    this.#word += this.actions[action]!.who;
    if (this.#word.includes(this.#forbidden)) this.violation = { invariant: 'C1', text: this.#word };
  }

  fingerprint(into: Fingerprint): void {
    into.addText(this.#word);
  }

  end(): void {}

  beliefs(): string[] {
    return [this.#word];
  }
}
