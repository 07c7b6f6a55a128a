import type { Adapter } from '../../core/index.ts';
import type { Attributes, Node } from '../../fuse/index.ts';
import { controlNode } from '../control-node.ts';
import { EventsNode } from './events.ts';
import { injectFile } from './inject.ts';
import { stateOf } from './state.ts';

export { commands, type Command } from './commands.ts';
export { parseCommand, usageOf } from './grammar.ts';
export { LONGEST_WRITE } from './inject.ts';
export type { Report, ReportedEvent } from './reports.ts';
export type { AdapterState, AfuState, ContextState, State } from './state.ts';

/** `inject`, `state` and `events`: files of `debug/cxl` that are there whatever the cards are. */
export function debugFiles(
  adapters: readonly Adapter[],
  owner: Pick<Attributes, 'uid' | 'gid'>,
  log: (line: string) => void,
): Record<string, Node> {
  const inject = injectFile(adapters, log);
  const state = { read: () => `${JSON.stringify(stateOf(adapters))}\n` };
  return {
    inject: controlNode(() => inject, owner),
    state: controlNode(() => state, owner),
    events: new EventsNode(adapters, owner),
  };
}
