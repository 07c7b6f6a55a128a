import { type ByteOrder, hostOrder } from './byteorder.ts';
import { type Codec, structCodec } from './layout.ts';

/** Bytes of the `__u32` that CXL_IOCTL_GET_PROCESS_ELEMENT gives. */
export const PROCESS_ELEMENT_SIZE = 4;

const codec = structCodec('process element', PROCESS_ELEMENT_SIZE, {
  processElement: { offset: 0, type: 'u32' },
} as const);

/**
 * Reads and writes what CXL_IOCTL_GET_PROCESS_ELEMENT gives: the external process element, one u32. It is the internal one
 * on bare metal; a PowerVM guest sees 0xFFFFFFFF before START_WORK. drivers/misc/cxl/file.c
 */
export const ProcessElement: Codec<number> = {
  size: PROCESS_ELEMENT_SIZE,
  decode(bytes: Uint8Array, offset: number = 0, order: ByteOrder = hostOrder): number {
    return codec.decode(bytes, offset, order).processElement;
  },
  encode(value: number, bytes: Uint8Array, offset: number = 0, order: ByteOrder = hostOrder): number {
    return codec.encode({ processElement: value }, bytes, offset, order);
  },
};
