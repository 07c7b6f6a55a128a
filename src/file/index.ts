export { CxlFile, openAfu, type StartWorkOptions, type WaitOptions } from './cxl-file.ts';
export { IoctlTable, type Caller } from './ioctl.ts';
export { takeForRead } from './read.ts';
