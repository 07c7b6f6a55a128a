import type { ParseArgsConfig } from 'node:util';

/** What the command line gave a verb. */
export interface Arguments {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  /** What is no option: for `run`, the program and its arguments; for `check`, a file. */
  readonly rest: readonly string[];
}

/** One verb of `afukit VERB`. */
export interface Verb {
  readonly summary: string;
  /** What stands behind the verb's name in the usage line. */
  readonly usage: string;
  /** Printed below the usage, one entry for each option. */
  readonly options: NonNullable<ParseArgsConfig['options']>;
  readonly help: string | (() => Promise<string>);
  /** Whether a program with its own options may follow. */
  readonly takesRest?: boolean;
  /** Whether a file may stand among the options. */
  readonly takesFile?: boolean;
  /** The verb's code is loaded when it is called, so that help stays quick. Returns the exit status. */
  readonly load: () => Promise<(args: Arguments) => Promise<number>>;
}

/** A user's mistake: one line on stderr and exit status 2, never a stack trace. */
export class UserError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message.replaceAll(/\p{Cc}/gu, escaped), options);
  }
}

/** A control character that came from a file or an argument, as JavaScript writes it. */
function escaped(character: string): string {
  return character === '\n' ? '\\n' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Exit status after a {@link UserError}. */
export const USER_ERROR_STATUS = 2;
