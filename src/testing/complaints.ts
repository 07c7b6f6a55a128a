import { AssertionError } from 'node:assert';

import { diagnose, diagnosticText, type Diagnostic } from '../core/index.ts';

/** What may be complained about without failing the test: tested against the diagnostic's one-line text, or asked. */
export type MayComplain = RegExp | ((diagnostic: Diagnostic) => boolean);

/** Collects the diagnostics of the core and the warnings of the FUSE session. */
export class Complaints {
  /** Those that nobody expected, oldest first. */
  readonly unexpected: Diagnostic[] = [];
  readonly #mayComplain: MayComplain | undefined;

  constructor(mayComplain: MayComplain | undefined) {
    this.#mayComplain = mayComplain;
  }

  readonly add = (diagnostic: Diagnostic): void => {
    if (!this.#mayComplain || !fits(diagnostic, this.#mayComplain)) this.unexpected.push(diagnostic);
  };

  /** A warning of the FUSE session. */
  readonly warn = (warning: string): void => {
    const problem = warning.replace(/^afukit\/fuse: /, '');
    this.add(diagnose({ source: 'afukit/fuse', callback: 'session', context: undefined, problem }));
  };

  /** The first that fits, which is then no longer unexpected. */
  take(what: MayComplain): Diagnostic | undefined {
    const at = this.unexpected.findIndex(diagnostic => fits(diagnostic, what));
    return at < 0 ? undefined : this.unexpected.splice(at, 1)[0];
  }

  /** An error for what was not expected; undefined when there is nothing. */
  failure(): AssertionError | undefined {
    if (this.unexpected.length === 0) return undefined;
    const texts = this.unexpected.map(diagnosticText);
    const error = new AssertionError({
      message: `the driver, the model or the session complained:\n${texts.map(text => `  ${text}`).join('\n')}`,
      actual: texts,
      expected: [],
      operator: 'deepStrictEqual',
    });
    const thrown = this.unexpected.find(diagnostic => diagnostic.error !== undefined);
    if (thrown) error.cause = thrown.error;
    return error;
  }
}

function fits(diagnostic: Diagnostic, what: MayComplain): boolean {
  if (typeof what === 'function') return what(diagnostic);
  // A global expression would remember where it was.
  what.lastIndex = 0;
  return what.test(diagnosticText(diagnostic));
}
