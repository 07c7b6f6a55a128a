import type { Context } from './context.ts';

/** What a driver's or an AFU model's code did wrong; nothing else is harmed by it (C7). */
export interface Diagnostic {
  /** The driver's or the model's name. */
  readonly source: string;
  /** The callback it happened in, for example `eventPending`. */
  readonly callback: string;
  readonly context: Context | undefined;
  /** One line: what happened and what was done about it. */
  readonly problem: string;
  /** What was thrown, where something was. */
  readonly error?: unknown;
  /** Where it happened: of what was thrown, else of the core's call. */
  readonly stack: string;
}

export type DiagnosticSink = (diagnostic: Diagnostic) => void;

/** Makes a diagnostic, with a stack. */
export function diagnose(facts: Omit<Diagnostic, 'stack'>): Diagnostic {
  const { error } = facts;
  return { ...facts, stack: (error instanceof Error ? error : new Error(facts.problem)).stack ?? '' };
}

/** One line: `driver echo, fetchEvent, afu0.1 pe 3: threw TypeError: ... ` */
export function diagnosticText(diagnostic: Diagnostic): string {
  const { source, callback, context, problem, error } = diagnostic;
  const where = context ? `, ${context.name}` : '';
  const thrown = error instanceof Error ? ` (${error.name}: ${error.message})` : '';
  return `${source}: ${callback}${where}: ${problem}${thrown}`;
}

/** For a log: the line, and where something was thrown the stack, which leads into the driver's code. */
export function diagnosticLog(diagnostic: Diagnostic): string {
  const stack = diagnostic.error === undefined ? '' : `\n${diagnostic.stack}`;
  return `afukit: ${diagnosticText(diagnostic)}${stack}`;
}
