export { CXL_MAJOR, minorOf, viewsOf, type View } from './numbers.ts';
export { serveDevices, type ServeOptions } from './serve.ts';
export { deviceTree, type DevicePermissions } from './tree.ts';
