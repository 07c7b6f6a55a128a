import { type StructCodec, type StructOf, structCodec } from './layout.ts';

/** In `flags`: the driver puts a header before the image. CXL_AI_* are in include/uapi/misc/cxl.h */
export const CXL_AI_NEED_HEADER = 0x1n;
/** Every flag there is. */
export const CXL_AI_ALL = 0x1n;
/** Bytes of the header that CXL_AI_NEED_HEADER asks for. */
export const CXL_AI_HEADER_SIZE = 128;
/** Bytes of one buffer of the list that goes to the hypervisor. */
export const CXL_AI_BUFFER_SIZE = 4096;
/** Buffers in one such list. */
export const CXL_AI_MAX_ENTRIES = 256;
/** Bytes of one such list's buffers together: 1 MiB. */
export const CXL_AI_MAX_CHUNK_SIZE = 1048576;

/** Bytes of struct cxl_adapter_image. */
export const ADAPTER_IMAGE_SIZE = 64;

/** Where each field of struct cxl_adapter_image is. include/uapi/misc/cxl.h */
export const adapterImageLayout = {
  /** CXL_AI_NEED_HEADER or 0. */
  flags: { offset: 0, type: 'u64' },
  /** Address of the bytes in the caller's memory. */
  data: { offset: 8, type: 'u64' },
  /** Bytes at `data`. */
  lenData: { offset: 16, type: 'u64' },
  /** Bytes of the whole image. */
  lenImage: { offset: 24, type: 'u64' },
  /** Must be 0, as must all that follow. */
  reserved1: { offset: 32, type: 'u64' },
  reserved2: { offset: 40, type: 'u64' },
  reserved3: { offset: 48, type: 'u64' },
  reserved4: { offset: 56, type: 'u64' },
} as const;

/** The argument of CXL_IOCTL_DOWNLOAD_IMAGE and CXL_IOCTL_VALIDATE_IMAGE, struct cxl_adapter_image. */
export type AdapterImage = StructOf<typeof adapterImageLayout>;

/** Reads and writes struct cxl_adapter_image, 64 bytes. */
export const AdapterImage: StructCodec<typeof adapterImageLayout> = structCodec(
  'struct cxl_adapter_image',
  ADAPTER_IMAGE_SIZE,
  adapterImageLayout,
);
