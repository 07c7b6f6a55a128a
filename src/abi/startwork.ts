import { type StructCodec, type StructOf, structCodec } from './layout.ts';

/** Take `amr` into account; without it the context runs with an AMR of 0. CXL_START_WORK_* are in include/uapi/misc/cxl.h */
export const CXL_START_WORK_AMR = 0x1n;
/** Allocate `numInterrupts` AFU interrupts; without it the AFU's minimum is allocated. */
export const CXL_START_WORK_NUM_IRQS = 0x2n;
/** After the context is closed, its mapping reads as all ones instead of raising SIGBUS. */
export const CXL_START_WORK_ERR_FF = 0x4n;
/** Assign a thread id for the POWER9 `wait` instruction and write it back to `tid`. */
export const CXL_START_WORK_TID = 0x8n;
/** Every flag there is: any other bit makes START_WORK fail with EINVAL. */
export const CXL_START_WORK_ALL = 0xfn;

/** The flags of START_WORK by name. */
export const StartWorkFlags = {
  CXL_START_WORK_AMR: 0x1n,
  CXL_START_WORK_NUM_IRQS: 0x2n,
  CXL_START_WORK_ERR_FF: 0x4n,
  CXL_START_WORK_TID: 0x8n,
} as const;

/** Bytes of struct cxl_ioctl_start_work. */
export const START_WORK_SIZE = 64;

/** Where each field of struct cxl_ioctl_start_work is. include/uapi/misc/cxl.h */
export const startWorkLayout = {
  /** An or of CXL_START_WORK_*. */
  flags: { offset: 0, type: 'u64' },
  /** Handed to the AFU as it is; the driver does not look at it. */
  workElementDescriptor: { offset: 8, type: 'u64' },
  /** Authority mask register; used only with CXL_START_WORK_AMR. */
  amr: { offset: 16, type: 'u64' },
  /** AFU interrupts to allocate; used only with CXL_START_WORK_NUM_IRQS. */
  numInterrupts: { offset: 24, type: 's16' },
  /** Output: the thread id, with CXL_START_WORK_TID. Before that flag existed these two bytes had to be 0. */
  tid: { offset: 26, type: 'u16' },
  /** Must be 0, as must all that follow. */
  reserved1: { offset: 28, type: 's32' },
  reserved2: { offset: 32, type: 'u64' },
  reserved3: { offset: 40, type: 'u64' },
  reserved4: { offset: 48, type: 'u64' },
  reserved5: { offset: 56, type: 'u64' },
} as const;

/** The argument of CXL_IOCTL_START_WORK, struct cxl_ioctl_start_work. */
export type StartWork = StructOf<typeof startWorkLayout>;

/** Reads and writes struct cxl_ioctl_start_work, 64 bytes. */
export const StartWork: StructCodec<typeof startWorkLayout> = structCodec(
  'struct cxl_ioctl_start_work',
  START_WORK_SIZE,
  startWorkLayout,
);
