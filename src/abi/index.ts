/**
 * What crosses the boundary between a program and the cxl driver: event layouts, ioctl numbers and structs, errors, flags.
 * Numbers and shapes only, named as the kernel names them; nothing here keeps state, and it runs in a browser.
 *
 * @module
 */
export * from './adapterimage.ts';
export * from './afuid.ts';
export * from './byteorder.ts';
export * from './commands.ts';
export * from './dsisr.ts';
export * from './errno.ts';
export * from './events.ts';
export * from './ioctl.ts';
export * from './layout.ts';
export * from './mmio.ts';
export * from './open.ts';
export * from './poll.ts';
export * from './processelement.ts';
export * from './startwork.ts';
