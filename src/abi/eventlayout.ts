/** read(2) with a buffer smaller than this is EINVAL, and no event is larger. include/uapi/misc/cxl.h */
export const CXL_READ_MIN_SIZE = 0x1000;

/** Bytes of struct cxl_event_header, which every event starts with. */
export const EVENT_HEADER_SIZE = 8;
/** Bytes of a whole AFU interrupt event. */
export const AFU_INTERRUPT_EVENT_SIZE = 16;
/** Bytes of a whole data storage event, and of struct cxl_event: the largest but for driver events. */
export const DATA_STORAGE_EVENT_SIZE = 40;
/** Bytes of a whole AFU error event. */
export const AFU_ERROR_EVENT_SIZE = 24;
/** Most payload bytes of one AFU driver event: header and payload together fill CXL_READ_MIN_SIZE. */
export const MAX_DRIVER_EVENT_DATA = 4088;
/** Most payload bytes of a driver event whose driver asked for more than that: what the header's 16-bit size can say. */
export const MAX_LARGE_EVENT_DATA = 65527;
/**
 * Bytes before `data` in struct cxl_event_afu_driver_reserved `{ __u32 data_size; __u8 data[]; }`, in which an AFU driver
 * hands its event to cxl. Inside the kernel only: the buffer of read() holds the payload straight after the header.
 */
export const AFU_DRIVER_RESERVED_HEADER_SIZE = 4;

/** Never delivered; a buffer of zeros is no event. enum cxl_event_type, include/uapi/misc/cxl.h */
export const CXL_EVENT_RESERVED = 0;
/** The AFU raised one of the context's interrupts. */
export const CXL_EVENT_AFU_INTERRUPT = 1;
/** The AFU touched an address that could not be translated. */
export const CXL_EVENT_DATA_STORAGE = 2;
/** The AFU reported an error of its own. */
export const CXL_EVENT_AFU_ERROR = 3;
/** The AFU's driver sent this; what it means is between the driver and the program. Since Linux 4.8. */
export const CXL_EVENT_AFU_DRIVER = 4;

/** enum cxl_event_type by name. */
export const CxlEventType = {
  CXL_EVENT_RESERVED: 0,
  CXL_EVENT_AFU_INTERRUPT: 1,
  CXL_EVENT_DATA_STORAGE: 2,
  CXL_EVENT_AFU_ERROR: 3,
  CXL_EVENT_AFU_DRIVER: 4,
} as const;
/** The number of an event type, 0 to 4. */
export type CxlEventType = (typeof CxlEventType)[keyof typeof CxlEventType];

/**
 * Where each field of struct cxl_event_header is, from the start of the event. In host byte order, as are all events.
 */
export const eventHeaderLayout = {
  /** enum cxl_event_type. */
  type: { offset: 0, type: 'u16' },
  /** Bytes of the whole event, header included. */
  size: { offset: 2, type: 'u16' },
  /** The context's internal process element. */
  processElement: { offset: 4, type: 'u16' },
  reserved1: { offset: 6, type: 'u16' },
} as const;

/** Where the fields of struct cxl_event_afu_interrupt are, from the start of the event. */
export const afuInterruptLayout = {
  /** No flag is defined: 0. */
  flags: { offset: 8, type: 'u16' },
  /** The AFU interrupt's number, from 1. */
  irq: { offset: 10, type: 'u16' },
  reserved1: { offset: 12, type: 'u32' },
} as const;

/** Where the fields of struct cxl_event_data_storage are, from the start of the event. */
export const dataStorageLayout = {
  /** No flag is defined: 0. */
  flags: { offset: 8, type: 'u16' },
  reserved1: { offset: 10, type: 'u16' },
  reserved2: { offset: 12, type: 'u32' },
  /** The effective address, exact (the DAR register). */
  addr: { offset: 16, type: 'u64' },
  /** The raw DSISR register. */
  dsisr: { offset: 24, type: 'u64' },
  reserved3: { offset: 32, type: 'u64' },
} as const;

/** Where the fields of struct cxl_event_afu_error are, from the start of the event. */
export const afuErrorLayout = {
  /** No flag is defined: 0. */
  flags: { offset: 8, type: 'u16' },
  reserved1: { offset: 10, type: 'u16' },
  reserved2: { offset: 12, type: 'u32' },
  /** The AFU's error register. */
  error: { offset: 16, type: 'u64' },
} as const;
