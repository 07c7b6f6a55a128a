import type { Adapter, Afu, Context, PendingKinds } from '../../core/index.ts';
import type { NextReply } from '../context-handle.ts';
import { handleOf } from '../device-node.ts';
import { commandOf } from '../process.ts';

/** What `debug/cxl/state` says: everything that is there, as JSON. */
export interface State {
  readonly adapters: readonly AdapterState[];
}

export interface AdapterState {
  readonly name: string;
  readonly card: number;
  readonly link: Adapter['link'];
  /** True while the card is being reset. */
  readonly contextsLocked: boolean;
  readonly freeInterrupts: number;
  readonly afus: readonly AfuState[];
}

export interface AfuState {
  readonly name: string;
  readonly slice: number;
  readonly mode: Afu['mode'];
  readonly modesSupported: Afu['modesSupported'];
  readonly model: string;
  /** The driver module that serves contexts opened from now on. */
  readonly driver: string | null;
  readonly numProcs: number;
  readonly contexts: readonly ContextState[];
}

export interface ContextState {
  readonly pe: number;
  readonly name: string;
  readonly status: Context['status'];
  readonly master: boolean;
  /** The process that opened it; null where none did or it is not visible to the server. */
  readonly pid: number | null;
  /** As ps(1) shows it; null when the process is gone. */
  readonly command: string | null;
  /** The process that started its work. */
  readonly startedBy: number | null;
  /** How many interrupts it has. */
  readonly interrupts: number;
  /** Work element descriptor, as `0x` and 16 digits. */
  readonly wed: string | null;
  readonly pending: PendingKinds;
  /** What was injected for its next read or ioctl. */
  readonly nextReply: NextReply | null;
  readonly driver: string | null;
  readonly counters: Context['counters'];
}

/** Everything that is there now. */
export function stateOf(adapters: readonly Adapter[]): State {
  // A process with thousands of contexts is looked at once.
  const commands = new Map<number, string | null>();
  const command = (pid: number): string | null => {
    if (!commands.has(pid)) commands.set(pid, commandOf(pid));
    return commands.get(pid) ?? null;
  };
  return {
    adapters: adapters.map(adapter => ({
      name: adapter.name,
      card: adapter.card,
      link: adapter.link,
      contextsLocked: adapter.contextsLocked,
      freeInterrupts: adapter.freeIrqs,
      afus: adapter.afus.map(afu => afuState(afu, command)),
    })),
  };
}

function afuState(afu: Afu, command: (pid: number) => string | null): AfuState {
  return {
    name: afu.name,
    slice: afu.slice,
    mode: afu.mode,
    modesSupported: afu.modesSupported,
    model: afu.backend.name,
    driver: afu.driver?.name ?? null,
    numProcs: afu.numProcs,
    contexts: [...afu.contexts.values()]
      .toSorted((a, b) => a.pe - b.pe)
      .map(context => contextState(context, command(context.openedBy))),
  };
}

function contextState(context: Context, command: string | null): ContextState {
  const { pe, name, status, master, openedBy, interrupts, work, pending, module, counters } = context;
  return {
    pe,
    name,
    status,
    master,
    pid: openedBy || null,
    command,
    startedBy: work?.pid || null,
    interrupts,
    wed: work ? `0x${work.wed.toString(16).padStart(16, '0')}` : null,
    pending,
    nextReply: handleOf(context)?.nextReply ?? null,
    driver: module?.name ?? null,
    counters,
  };
}
