/**
 * Where a device file's problem state area begins for pread(2) and pwrite(2), for programs that cannot map it; ours, the
 * kernel has only mmap(2). A load or store is 4 or 8 bytes at this plus the register's offset in the context's window. So
 * far away that the position of a descriptor, which read(2) moves on, never gets there.
 */
export const AFUKIT_MMIO_OFFSET: number = 2 ** 40;
