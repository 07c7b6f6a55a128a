/**
 * Device files inside a test: `afukit/testing`. Serves them, runs programs against them, raises events and faults, waits
 * for what is delivered, and takes everything down. Needs no particular test runner.
 */
export { MountError, type MountErrorCode } from '../fuse/index.ts';
export { NamespaceError } from '../launch/index.ts';
export type { DevicePermissions } from '../devfs/index.ts';
export type { MayComplain } from './complaints.ts';
export type { DeliveredEvent, EventPattern } from './delivered.ts';
export { Host, serveDevices, type At } from './host.ts';
export { Inject } from './inject.ts';
export type { AdapterSetup, HostOptions } from './options.ts';
export { Program, type Ending } from './program.ts';
export type { SpawnOptions } from './programs.ts';
export { until, WaitError, type WaitLimit } from './until.ts';
export { whyNot, type WhyNotOptions } from './why-not.ts';
