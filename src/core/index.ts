export { Adapter, MAX_ADAPTERS, MAX_SLICES, type AdapterOptions, type SectionDebug } from './adapter.ts';
export { Afu, MAX_PROCESS_ELEMENTS, type AfuBackend, type AfuMode, type AfuOptions, type CopyFault } from './afu.ts';
export { Context, type ContextStatus, type Work } from './context.ts';
export type { ContextCounters } from './pending-events.ts';
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
export { CxlError } from './errors.ts';
export {
  connectTracepoints,
  tracepoints,
  type ContextMessage,
  type EventKind,
  type EventMessage,
  type ModuleMessage,
  type TraceChannel,
  type Tracepoint,
} from './tracepoints.ts';
export { WaitQueue, Waiter } from './wait-queue.ts';
