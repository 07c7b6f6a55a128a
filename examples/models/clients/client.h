/* The steps that every client takes: open, START_WORK, and waiting for an event. Each ends the program when it fails. */
#ifndef AFUKIT_CLIENT_H
#define AFUKIT_CLIENT_H

#include "cxl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* As large as read() wants it. */
union event_buffer {
    struct cxl_event event;
    char bytes[CXL_READ_MIN_SIZE];
};

static inline void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* The device file of the first argument. */
static inline int open_afu(int argc, char **argv, const char *more)
{
    int fd;

    if (argc < 2) {
        fprintf(stderr, "usage: %s /dev/cxl/afu0.0d%s\n", argv[0], more);
        exit(2);
    }
    fd = open(argv[1], O_RDWR | O_CLOEXEC);
    if (fd < 0)
        die(argv[1]);
    return fd;
}

static inline void start_work(int fd, uint64_t work_element_descriptor)
{
    struct cxl_ioctl_start_work work;

    memset(&work, 0, sizeof(work));
    work.work_element_descriptor = work_element_descriptor;
    if (ioctl(fd, CXL_IOCTL_START_WORK, &work) != 0)
        die("START_WORK");
}

/* Sleeps until there is an event, or for so many milliseconds (-1: for ever); returns whether there is one. */
static inline int wait_event(int fd, union event_buffer *buffer, int timeout_ms)
{
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    int ready = poll(&waiting, 1, timeout_ms);

    if (ready < 0)
        die("poll");
    if (ready == 0)
        return 0;
    if (read(fd, buffer, sizeof(*buffer)) < 0)
        die("read");
    return 1;
}

/* Whatever it is, in words. */
static inline void print_event(const struct cxl_event *event)
{
    switch (event->header.type) {
    case CXL_EVENT_AFU_INTERRUPT:
        printf("interrupt %u\n", event->irq.irq);
        break;
    case CXL_EVENT_DATA_STORAGE:
        printf("the AFU cannot access 0x%" PRIx64 ", dsisr 0x%" PRIx64 "\n", (uint64_t)event->fault.addr,
               (uint64_t)event->fault.dsisr);
        break;
    case CXL_EVENT_AFU_ERROR:
        printf("AFU error %" PRIu64 "\n", (uint64_t)event->afu_error.error);
        break;
    default:
        printf("event of type %u\n", event->header.type);
    }
    fflush(stdout);
}

/* Sleeps until interrupt `irq` comes; anything else is shown, and the end. */
static inline void wait_interrupt(int fd, unsigned irq)
{
    union event_buffer buffer;

    wait_event(fd, &buffer, -1);
    if (buffer.event.header.type == CXL_EVENT_AFU_INTERRUPT && buffer.event.irq.irq == irq)
        return;
    print_event(&buffer.event);
    exit(1);
}

#endif
