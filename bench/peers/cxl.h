/*
 * The few pieces of the cxl user ABI that the benchmark programs share: one ioctl, the smallest buffer that read()
 * takes, and the driver event that carries the time at which it was raised. All of it in host byte order.
 */
#ifndef AFUKIT_BENCH_CXL_H
#define AFUKIT_BENCH_CXL_H

#include <stdint.h>
#include <sys/ioctl.h>
#include <time.h>

#define CXL_READ_MIN_SIZE 4096
#define CXL_EVENT_AFU_INTERRUPT 1
#define CXL_EVENT_AFU_DRIVER 4

struct start_work {
    uint64_t flags;
    uint64_t work_element_descriptor;
    uint64_t unused[6];
};

#define CXL_START_WORK _IOW(0xCA, 0x00, struct start_work)

struct event_header {
    uint16_t type;
    uint16_t size; /* of the whole event, this header included */
    uint16_t process_element;
    uint16_t reserved;
};

struct timed_event {
    struct event_header header;
    uint64_t raised_at; /* CLOCK_MONOTONIC, nanoseconds */
};

static inline uint64_t monotonic_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#endif
