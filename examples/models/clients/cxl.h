/*
 * What a program needs of the cxl driver's user ABI. Linux removed the driver, and its header <misc/cxl.h> with it, in
 * 6.15; where the header is still installed it is used. All numbers are in the host's byte order.
 */
#ifndef AFUKIT_CXL_H
#define AFUKIT_CXL_H

#if !defined(AFUKIT_OWN_CXL_ABI) && defined(__has_include)
#if __has_include(<misc/cxl.h>)
#include <misc/cxl.h>
#define AFUKIT_HAVE_CXL_ABI
#endif
#endif

#ifndef AFUKIT_HAVE_CXL_ABI
#include <stdint.h>
#include <sys/ioctl.h>

/* START_WORK: what the AFU is to begin. Whatever is not named by `flags` must be 0. */
struct cxl_ioctl_start_work {
    uint64_t flags;
    uint64_t work_element_descriptor; /* means something to the AFU alone */
    uint64_t amr;                     /* with CXL_START_WORK_AMR */
    int16_t num_interrupts;           /* with CXL_START_WORK_NUM_IRQS */
    uint16_t tid;                     /* comes back with CXL_START_WORK_TID */
    int32_t reserved1;
    uint64_t reserved2, reserved3, reserved4, reserved5;
};

#define CXL_START_WORK_AMR 0x1ULL
#define CXL_START_WORK_NUM_IRQS 0x2ULL
#define CXL_START_WORK_ERR_FF 0x4ULL /* after the end registers read as all-ones, and do not raise SIGBUS */

#define CXL_IOCTL_START_WORK _IOW(0xCA, 0x00, struct cxl_ioctl_start_work)
#define CXL_IOCTL_GET_PROCESS_ELEMENT _IOR(0xCA, 0x01, uint32_t)

#define CXL_READ_MIN_SIZE 0x1000 /* read() with less room is EINVAL */

enum cxl_event_type {
    CXL_EVENT_RESERVED = 0, /* never delivered */
    CXL_EVENT_AFU_INTERRUPT = 1,
    CXL_EVENT_DATA_STORAGE = 2,
    CXL_EVENT_AFU_ERROR = 3,
    CXL_EVENT_AFU_DRIVER = 4
};

struct cxl_event_header {
    uint16_t type;
    uint16_t size; /* of the whole event, this header included */
    uint16_t process_element;
    uint16_t reserved1;
};

struct cxl_event_afu_interrupt {
    uint16_t flags;
    uint16_t irq; /* 1 upwards */
    uint32_t reserved1;
};

struct cxl_event_data_storage {
    uint16_t flags, reserved1;
    uint32_t reserved2;
    uint64_t addr;  /* that the AFU could not access */
    uint64_t dsisr; /* why */
    uint64_t reserved3;
};

struct cxl_event_afu_error {
    uint16_t flags, reserved1;
    uint32_t reserved2;
    uint64_t error; /* means something to the AFU alone */
};

/* An AFU driver's own event is not in the union: its payload follows the header. */
struct cxl_event {
    struct cxl_event_header header;
    union {
        struct cxl_event_afu_interrupt irq;
        struct cxl_event_data_storage fault;
        struct cxl_event_afu_error afu_error;
    };
};
#endif

#endif
