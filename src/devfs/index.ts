export { columns } from './columns.ts';
export {
  commands,
  LONGEST_WRITE,
  parseCommand,
  usageOf,
  type AdapterState,
  type AfuState,
  type Command,
  type ContextState,
  type Report,
  type ReportedEvent,
  type State,
} from './debug/index.ts';
export { nodesOf } from './device-node.ts';
export { Modules, type DriverLoader } from './modules.ts';
export { sectionDebug } from './section-debug.ts';
export { CXL_MAJOR, minorOf, viewsOf, type View } from './numbers.ts';
export { atProcessExit } from './process-exit.ts';
export { serveDevices, type ServeOptions } from './serve.ts';
export { startServing, type Serving } from './serving.ts';
export type { DevicePermissions } from './device-files.ts';
