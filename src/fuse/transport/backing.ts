// Files for mmap(2) are registered by ioctl(2) on /dev/fuse, which Node lacks; koffi makes the call. Loaded at the first one.
import { errnoName } from '../errors.ts';
import { LITTLE } from '../packet.ts';
import { fuse_backing_map } from '../wire.ts';
import { koffi } from './koffi.ts';

/** _IOW(229, number, size), include/uapi/asm-generic/ioctl.h; some machines have the bit for writing elsewhere. */
function iow(number: number, size: number): number {
  const write = /^(?:ppc|mips)/.test(process.arch) ? 0x8000_0000 : 0x4000_0000;
  return write + size * 0x1_0000 + 229 * 0x100 + number;
}

const FUSE_DEV_IOC_BACKING_OPEN = iow(1, fuse_backing_map.SIZE);
const FUSE_DEV_IOC_BACKING_CLOSE = iow(2, 4);

/** What the usual refusals mean. fs/fuse/backing.c, fuse_backing_open(). */
const reasons: Readonly<Record<string, string>> = {
  EPERM: 'the server has no CAP_SYS_ADMIN',
  EBADF: 'the descriptor is not open',
  ELOOP: 'the file lies on a stacked file system',
  EOPNOTSUPP: 'the kernel has no CONFIG_FUSE_PASSTHROUGH, or the file is not a regular one',
};

/** 0 or more, or a negative errno. */
type Ioctl = (fd: number, request: number, argument: Uint8Array) => number;

let ioctl: Ioctl | undefined;

/** @throws as {@link koffi} */
function load(): Ioctl {
  const library = koffi();
  const call = library.load(null).func('int ioctl(int fd, unsigned long request, ...)');
  return (fd, request, argument) => {
    const result = call(fd, request, 'void *', argument) as number;
    return result < 0 ? -library.errno() : result;
  };
}

/**
 * Registers `file` with the connection of `fuse`; its id.
 * @throws Error with the reason, on one line
 */
export function openBacking(fuse: number, file: number): number {
  const map = new DataView(new ArrayBuffer(fuse_backing_map.SIZE));
  map.setInt32(fuse_backing_map.fd, file, LITTLE);
  ioctl ??= load();
  const id = ioctl(fuse, FUSE_DEV_IOC_BACKING_OPEN, new Uint8Array(map.buffer));
  if (id > 0) return id;
  const name = errnoName(-id);
  throw new Error(`FUSE_DEV_IOC_BACKING_OPEN: ${name}${reasons[name] ? `, ${reasons[name]}` : ''}`);
}

/** Gives an id back. One that is not known any more needs nothing. */
export function closeBacking(fuse: number, id: number): void {
  ioctl?.(fuse, FUSE_DEV_IOC_BACKING_CLOSE, new Uint8Array(Uint32Array.of(id).buffer));
}
