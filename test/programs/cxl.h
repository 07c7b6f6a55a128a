/*
 * The cxl user ABI as a program sees it, for test/programs only: Linux dropped <misc/cxl.h> with the driver (6.15), and
 * a test must not read its layouts from the code under test. Host byte order throughout.
 */
#ifndef AFUKIT_TEST_CXL_H
#define AFUKIT_TEST_CXL_H

#include <assert.h>
#include <stdint.h>
#include <sys/ioctl.h>

#define CXL_READ_MIN_SIZE 4096

struct cxl_start_work {
    uint64_t flags;
    uint64_t work_element_descriptor;
    uint64_t amr;
    int16_t num_interrupts;
    uint16_t tid;
    int32_t reserved1;
    uint64_t reserved2, reserved3, reserved4, reserved5;
};

#define CXL_START_WORK_NUM_IRQS 0x2

struct cxl_afu_id {
    uint64_t flags;
    uint32_t card_id, afu_offset, afu_mode, reserved1;
    uint64_t reserved2, reserved3, reserved4, reserved5, reserved6;
};

#define CXL_START_WORK _IOW(0xCA, 0x00, struct cxl_start_work)
#define CXL_GET_PROCESS_ELEMENT _IOR(0xCA, 0x01, uint32_t)
#define CXL_GET_AFU_ID _IOR(0xCA, 0x02, struct cxl_afu_id)
#define CXL_UNKNOWN_COMMAND 0xCA7F

enum { CXL_AFU_INTERRUPT = 1, CXL_DATA_STORAGE = 2, CXL_AFU_ERROR = 3, CXL_AFU_DRIVER = 4 };

struct cxl_event_header {
    uint16_t type, size, process_element, reserved;
};

struct cxl_afu_interrupt {
    uint16_t flags, irq;
    uint32_t reserved;
};

struct cxl_data_storage {
    uint16_t flags, reserved1;
    uint32_t reserved2;
    uint64_t addr, dsisr, reserved3;
};

struct cxl_afu_error {
    uint16_t flags, reserved1;
    uint32_t reserved2;
    uint64_t error;
};

static_assert(sizeof(struct cxl_start_work) == 64, "START_WORK is 64 bytes");
static_assert(sizeof(struct cxl_afu_id) == 64, "GET_AFU_ID is 64 bytes");
static_assert(sizeof(struct cxl_event_header) == 8, "an event's header is 8 bytes");
static_assert(sizeof(struct cxl_afu_interrupt) == 8, "AFU_INTERRUPT is 16 bytes in all");
static_assert(sizeof(struct cxl_data_storage) == 32, "DATA_STORAGE is 40 bytes in all");
static_assert(sizeof(struct cxl_afu_error) == 16, "AFU_ERROR is 24 bytes in all");

#endif
