/** How an architecture packs an ioctl number. From bit 0 up: number, type, size, direction. */
export interface IoctlEncoding {
  /** Bits of the command number; at bit 0. */
  readonly nrBits: number;
  /** Bits of the type (the driver's magic byte). */
  readonly typeBits: number;
  /** Bits of the argument's size in bytes. */
  readonly sizeBits: number;
  /** Value of the direction field when there is no argument. */
  readonly dirNone: number;
  /** Value when the caller reads (the driver writes to the caller's memory). */
  readonly dirRead: number;
  /** Value when the caller writes (the driver reads the caller's memory). */
  readonly dirWrite: number;
}

/** x86, arm64 and most others: include/uapi/asm-generic/ioctl.h. 14 size bits, the direction at bit 30. */
export const genericEncoding: IoctlEncoding = {
  nrBits: 8,
  typeBits: 8,
  sizeBits: 14,
  dirNone: 0,
  dirRead: 2,
  dirWrite: 1,
};

/** powerpc: arch/powerpc/include/uapi/asm/ioctl.h. 13 size bits, the direction at bit 29. */
export const powerpcEncoding: IoctlEncoding = {
  nrBits: 8,
  typeBits: 8,
  sizeBits: 13,
  dirNone: 1,
  dirRead: 2,
  dirWrite: 4,
};

/**
 * Which way the argument goes, seen from the caller: `'write'` is `_IOW` (the driver takes it), `'read'` is `_IOR` (the
 * driver fills it), `'read-write'` is `_IOWR`, `'none'` is `_IO`.
 */
export type IoctlDirection = 'none' | 'read' | 'write' | 'read-write';

/** An ioctl number taken apart. */
export interface DecodedIoctl {
  readonly direction: IoctlDirection;
  /** The driver's magic byte, 0 to 255. */
  readonly type: number;
  /** The command number, 0 to 255. */
  readonly nr: number;
  /** Size of the argument in bytes. */
  readonly size: number;
}

const directions: readonly IoctlDirection[] = ['none', 'read', 'write', 'read-write'];

function directionBits(encoding: IoctlEncoding, direction: IoctlDirection): number {
  if (direction === 'none') return encoding.dirNone;
  const read = direction === 'write' ? 0 : encoding.dirRead;
  const write = direction === 'read' ? 0 : encoding.dirWrite;
  return read | write;
}

function checkField(name: string, value: number, bits: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new RangeError(`ioctl ${name} ${value} does not fit in ${bits} bits`);
  }
}

/**
 * The number of an ioctl, unsigned 32 bits, as the macro `_IOC` makes it.
 *
 * @param size bytes of the argument: at most 16383 in the generic encoding, 8191 in powerpc's.
 * @throws RangeError if a part does not fit in its bits.
 */
export function ioctlNumber(
  encoding: IoctlEncoding,
  direction: IoctlDirection,
  type: number,
  nr: number,
  size: number,
): number {
  const { nrBits, typeBits, sizeBits } = encoding;
  checkField('nr', nr, nrBits);
  checkField('type', type, typeBits);
  checkField('size', size, sizeBits);
  const sizeShift = nrBits + typeBits;
  const bits = directionBits(encoding, direction) << (sizeShift + sizeBits);
  return (bits | (size << sizeShift) | (type << nrBits) | nr) >>> 0;
}

/**
 * Takes an ioctl number apart, or returns undefined if its direction bits mean nothing in this encoding.
 *
 * @param cmd the command as programs pass it; taken modulo 2^32, so a sign-extended one is fine.
 */
export function decodeIoctl(encoding: IoctlEncoding, cmd: number): DecodedIoctl | undefined {
  const { nrBits, typeBits, sizeBits } = encoding;
  const sizeShift = nrBits + typeBits;
  const bits = (cmd >>> 0) >>> (sizeShift + sizeBits);
  const direction = directions.find(d => directionBits(encoding, d) === bits);
  if (direction === undefined) return undefined;
  return {
    direction,
    type: (cmd >>> nrBits) & ((1 << typeBits) - 1),
    nr: cmd & ((1 << nrBits) - 1),
    size: (cmd >>> sizeShift) & ((1 << sizeBits) - 1),
  };
}
