/** What an AFU driver's author imports: `afukit/driver`. */
export { CxlError, DriverModule } from '../core/index.ts';
export type {
  Afu,
  AfuDriver,
  Context,
  ControlFile,
  DriverEvent,
  DriverNode,
  DriverOps,
  DriverOpsForm,
  FetchDriverOps,
  ModuleState,
  Opener,
  PollDriverOps,
} from '../core/index.ts';
export {
  EventCodec,
  defineEvents,
  type DecodedOf,
  type EventFields,
  type FieldType,
  type Fields,
  type TypedQueue,
  type ValuesOf,
} from './codec.ts';
export { defineDriver } from './define-driver.ts';
export { EventQueue, type EventQueueOptions } from './event-queue.ts';
export {
  contextEventsPending,
  devContextInit,
  getPriv,
  processElement,
  releaseContext,
  setDriverOps,
  setMaster,
  setPriv,
  startWork,
  stopContext,
  type KernelWork,
} from './kernel-api.ts';
export { ModuleTable } from './module-table.ts';
