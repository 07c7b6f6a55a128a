/*
 * The hot path: events written straight into the reader's buffer, in host byte order, every reserved field 0.
 *
 * Plain byte stores, because a DataView call per field and a bigint per value cost more than the event. The caller sees
 * to the room: a store past the end of a Uint8Array is silently dropped. A reader's buffer has at least CXL_READ_MIN_SIZE.
 */
import { hostOrder } from './byteorder.ts';
import {
  AFU_ERROR_EVENT_SIZE,
  AFU_INTERRUPT_EVENT_SIZE,
  CXL_EVENT_AFU_DRIVER,
  CXL_EVENT_AFU_ERROR,
  CXL_EVENT_AFU_INTERRUPT,
  CXL_EVENT_DATA_STORAGE,
  DATA_STORAGE_EVENT_SIZE,
  EVENT_HEADER_SIZE,
  MAX_LARGE_EVENT_DATA,
} from './eventlayout.ts';

const little: boolean = hostOrder === 'little';

/* A bigint stored here is there as bytes, in host order: no shifting, no new bigint. */
const word = new BigUint64Array(1);
const wordBytes = new Uint8Array(word.buffer);

function put16(bytes: Uint8Array, offset: number, value: number): void {
  if (little) {
    bytes[offset] = value;
    bytes[offset + 1] = value >>> 8;
  } else {
    bytes[offset] = value >>> 8;
    bytes[offset + 1] = value;
  }
}

function put64(bytes: Uint8Array, offset: number, value: bigint): void {
  word[0] = value;
  bytes[offset] = wordBytes[0]!;
  bytes[offset + 1] = wordBytes[1]!;
  bytes[offset + 2] = wordBytes[2]!;
  bytes[offset + 3] = wordBytes[3]!;
  bytes[offset + 4] = wordBytes[4]!;
  bytes[offset + 5] = wordBytes[5]!;
  bytes[offset + 6] = wordBytes[6]!;
  bytes[offset + 7] = wordBytes[7]!;
}

function putZeros(bytes: Uint8Array, offset: number, end: number): void {
  for (let i = offset; i < end; i++) bytes[i] = 0;
}

/**
 * Writes struct cxl_event_header, 8 bytes: type u16, size u16, process_element u16, 0 u16.
 *
 * @param type enum cxl_event_type.
 * @param size bytes of the whole event, header included, 8 to 4096.
 * @param pe the context's internal process element, 0 to 65535; higher bits are cut off, as in C.
 * @returns `size`.
 */
export function putHeader(bytes: Uint8Array, offset: number, type: number, size: number, pe: number): number {
  put16(bytes, offset, type);
  put16(bytes, offset + 2, size);
  put16(bytes, offset + 4, pe);
  bytes[offset + 6] = 0;
  bytes[offset + 7] = 0;
  return size;
}

/**
 * Writes a whole CXL_EVENT_AFU_INTERRUPT, 16 bytes: header, flags u16 = 0, irq u16, 0 u32.
 *
 * @param irq the AFU interrupt's number, from 1.
 * @returns 16.
 */
export function putAfuInterrupt(bytes: Uint8Array, offset: number, pe: number, irq: number): number {
  putHeader(bytes, offset, CXL_EVENT_AFU_INTERRUPT, AFU_INTERRUPT_EVENT_SIZE, pe);
  bytes[offset + 8] = 0;
  bytes[offset + 9] = 0;
  put16(bytes, offset + 10, irq);
  bytes[offset + 12] = 0;
  bytes[offset + 13] = 0;
  bytes[offset + 14] = 0;
  bytes[offset + 15] = 0;
  return AFU_INTERRUPT_EVENT_SIZE;
}

/**
 * Writes a whole CXL_EVENT_DATA_STORAGE, 40 bytes: header, flags u16 = 0, 0 u16, 0 u32, addr u64, dsisr u64, 0 u64.
 *
 * @param addr the effective address that faulted; modulo 2^64.
 * @param dsisr the raw DSISR register; modulo 2^64.
 * @returns 40.
 */
export function putDataStorage(bytes: Uint8Array, offset: number, pe: number, addr: bigint, dsisr: bigint): number {
  putHeader(bytes, offset, CXL_EVENT_DATA_STORAGE, DATA_STORAGE_EVENT_SIZE, pe);
  putZeros(bytes, offset + 8, offset + 16);
  put64(bytes, offset + 16, addr);
  put64(bytes, offset + 24, dsisr);
  putZeros(bytes, offset + 32, offset + 40);
  return DATA_STORAGE_EVENT_SIZE;
}

/**
 * Writes a whole CXL_EVENT_AFU_ERROR, 24 bytes: header, flags u16 = 0, 0 u16, 0 u32, error u64.
 *
 * @param error the AFU's error register; modulo 2^64.
 * @returns 24.
 */
export function putAfuError(bytes: Uint8Array, offset: number, pe: number, error: bigint): number {
  putHeader(bytes, offset, CXL_EVENT_AFU_ERROR, AFU_ERROR_EVENT_SIZE, pe);
  putZeros(bytes, offset + 8, offset + 16);
  put64(bytes, offset + 16, error);
  return AFU_ERROR_EVENT_SIZE;
}

/**
 * Writes the header of a CXL_EVENT_AFU_DRIVER; the caller puts the payload straight after it, at `offset + 8`. Its size
 * field is not in the buffer: `data_size` of struct cxl_event_afu_driver_reserved stays inside the kernel.
 *
 * @param dataSize bytes of the payload, 0 to 65527; more than 4088 only where the driver asked for it.
 * @returns the size of the whole event, 8 + dataSize.
 * @throws RangeError if `dataSize` is out of range. NOTE: the kernel computes the 16-bit size first, so that 65528 and
 *   more wrap past its check (drivers/misc/cxl/file.c, afu_read).
 */
export function putDriverHeader(bytes: Uint8Array, offset: number, pe: number, dataSize: number): number {
  if (!(dataSize >= 0 && dataSize <= MAX_LARGE_EVENT_DATA)) {
    throw new RangeError(`driver event of ${dataSize} bytes: 0 to ${MAX_LARGE_EVENT_DATA} are possible`);
  }
  return putHeader(bytes, offset, CXL_EVENT_AFU_DRIVER, EVENT_HEADER_SIZE + dataSize, pe);
}
