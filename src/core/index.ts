export { Adapter, MAX_ADAPTERS, MAX_SLICES, type AdapterOptions } from './adapter.ts';
export { Afu, MAX_PROCESS_ELEMENTS, type AfuBackend, type AfuMode, type AfuOptions } from './afu.ts';
export { Context, type ContextStatus, type Work } from './context.ts';
export { diagnosticText, type Diagnostic, type DiagnosticSink } from './diagnostics.ts';
export type {
  AfuDriver,
  ControlFile,
  DriverEvent,
  DriverOps,
  DriverOpsForm,
  FetchDriverOps,
  PollDriverOps,
} from './driver-ops.ts';
export { CxlError } from './errors.ts';
export { WaitQueue, Waiter } from './wait-queue.ts';
