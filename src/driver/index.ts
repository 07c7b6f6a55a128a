/** What an AFU driver's author imports: `afukit/driver`. */
export { CxlError } from '../core/index.ts';
export type {
  Afu,
  AfuDriver,
  Context,
  ControlFile,
  DriverEvent,
  DriverOps,
  FetchDriverOps,
  PollDriverOps,
} from '../core/index.ts';
export { defineDriver } from './define-driver.ts';
export { EventQueue, type EventQueueOptions } from './event-queue.ts';
export { contextEventsPending, getPriv, processElement, setDriverOps, setPriv } from './kernel-api.ts';
