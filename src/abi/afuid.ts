import { type StructCodec, type StructOf, structCodec } from './layout.ts';

/** In `flags`: the context is a slave of an AFU in directed mode. include/uapi/misc/cxl.h */
export const CXL_AFUID_FLAG_SLAVE = 0x1n;
/** In `afuMode`: one process owns the whole AFU. */
export const CXL_MODE_DEDICATED = 0x1;
/** In `afuMode`: the AFU serves many contexts. */
export const CXL_MODE_DIRECTED = 0x2;

/** The AFU's programming modes by name. */
export const CxlMode = { CXL_MODE_DEDICATED: 0x1, CXL_MODE_DIRECTED: 0x2 } as const;
/** One programming mode: 1 dedicated process, 2 AFU directed. */
export type CxlMode = (typeof CxlMode)[keyof typeof CxlMode];

/** Bytes of struct cxl_afu_id. */
export const AFU_ID_SIZE = 64;

/** Where each field of struct cxl_afu_id is. include/uapi/misc/cxl.h */
export const afuIdLayout = {
  /** CXL_AFUID_FLAG_SLAVE or 0. */
  flags: { offset: 0, type: 'u64' },
  /** The N of cardN. */
  cardId: { offset: 8, type: 'u32' },
  /** The AFU's slice on its card, the S of afuN.S. */
  afuOffset: { offset: 12, type: 'u32' },
  /** CXL_MODE_DEDICATED or CXL_MODE_DIRECTED. */
  afuMode: { offset: 16, type: 'u32' },
  /** Written as 0, as are all that follow. */
  reserved1: { offset: 20, type: 'u32' },
  reserved2: { offset: 24, type: 'u64' },
  reserved3: { offset: 32, type: 'u64' },
  reserved4: { offset: 40, type: 'u64' },
  reserved5: { offset: 48, type: 'u64' },
  reserved6: { offset: 56, type: 'u64' },
} as const;

/** What CXL_IOCTL_GET_AFU_ID gives, struct cxl_afu_id. */
export type AfuId = StructOf<typeof afuIdLayout>;

/** Reads and writes struct cxl_afu_id, 64 bytes. */
export const AfuId: StructCodec<typeof afuIdLayout> = structCodec('struct cxl_afu_id', AFU_ID_SIZE, afuIdLayout);
