export {
  Adapter,
  MAX_ADAPTERS,
  MAX_SLICES,
  type AdapterOptions,
  type CardDescription,
  type CardImage,
  type Guard,
  type LinkState,
  type SectionDebug,
} from './adapter.ts';
export { Afu, MAX_PROCESS_ELEMENTS } from './afu.ts';
export type { AfuBackend, AfuMode, AfuOptions, ConfigurationRecord, CopyFault, PrefaultMode } from './afu-options.ts';
export { withCardNumbers } from './card-numbers.ts';
export { Context } from './context.ts';
export type { ContextStatus, OpenOptions, Work } from './work.ts';
export { ContextWindow } from './context-window.ts';
export type { ProblemState, Window, WindowMemory } from './problem-state.ts';
export type { ContextCounters, PendingKinds } from './pending-events.ts';
export { diagnose, diagnosticLog, diagnosticText, type Diagnostic, type DiagnosticSink } from './diagnostics.ts';
export type { AccessFailure, MemoryPiece, ProgramMemory } from './program-memory.ts';
export { isThenable, watchPromise } from './promises.ts';
export { isAsync } from './driver-ops.ts';
export type {
  AfuDriver,
  ControlFile,
  DriverNode,
  Opener,
  DriverEvent,
  DriverOps,
  DriverOpsForm,
  FetchDriverOps,
  PollDriverOps,
} from './driver-ops.ts';
export { DriverModule, type ModuleState } from './driver-module.ts';
export { CxlError, messageOf } from './errors.ts';
export {
  connectTracepoints,
  tracepoints,
  type AdapterMessage,
  type ContextMessage,
  type EventKind,
  type EventMessage,
  type ModuleMessage,
  type TraceChannel,
  type Tracepoint,
} from './tracepoints.ts';
export { WaitQueue, Waiter } from './wait-queue.ts';
