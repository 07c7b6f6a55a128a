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
}

export type DiagnosticSink = (diagnostic: Diagnostic) => void;

/** One line, for logs: `driver echo, fetchEvent, afu0.1 pe 3: threw TypeError: ... ` */
export function diagnosticText(diagnostic: Diagnostic): string {
  const { source, callback, context, problem, error } = diagnostic;
  const where = context ? `, ${context.name}` : '';
  const thrown = error instanceof Error ? ` (${error.name}: ${error.message})` : '';
  return `${source}: ${callback}${where}: ${problem}${thrown}`;
}
