import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { diagnosticText, type Diagnostic, type EventMessage } from 'afukit';

/** Says what readers get and what drivers do wrong, anywhere in this process; returns how to end that. */
export function watch(say: (line: string) => void): () => void {
  const delivered = (message: unknown): void => {
    const { context, kind, irq } = message as EventMessage;
    say(`${context.name}: ${kind}${irq === undefined ? '' : ` ${irq}`}`);
  };
  const diagnosed = (message: unknown): void => say(diagnosticText(message as Diagnostic));
  subscribe('afukit:event:delivered', delivered);
  subscribe('afukit:diagnostic', diagnosed);
  return () => {
    unsubscribe('afukit:event:delivered', delivered);
    unsubscribe('afukit:diagnostic', diagnosed);
  };
}
