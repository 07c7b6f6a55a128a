/*
 * Reads a flash card's events and prints one line for each: POSIX, and the header that the driver's declaration makes.
 *
 *     cc -O1 -Wall -Wextra -Werror -o reader reader.c
 *     ./reader FILE|fd:N [COUNT]
 *
 * Ends after COUNT events, or with `end poll POLLERR read EIO` when the card was taken away.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "flash_events.h"

/* As in <misc/cxl.h>, which Linux dropped with the driver (6.15). */
enum { CXL_EVENT_AFU_INTERRUPT = 1, CXL_EVENT_AFU_DRIVER = 4, CXL_READ_MIN_SIZE = 4096 };

struct cxl_event {
    uint16_t type, size, process_element, reserved;
    union {
        struct {
            uint16_t flags, irq;
            uint32_t reserved;
        } irq;
        union {
            uint16_t tag;
            struct flash_dropped dropped;
            struct flash_lun_resized lun_resized;
            struct flash_link_reset link_reset;
            struct flash_command_timeout command_timeout;
        } flash;
        unsigned char bytes[CXL_READ_MIN_SIZE - 8];
    };
};

static void fail(const char *what)
{
    fprintf(stderr, "reader: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void print_driver_event(const struct cxl_event *event)
{
    switch (event->flash.tag) {
    case FLASH_DROPPED:
        printf("dropped %" PRIu32 "\n", event->flash.dropped.count);
        break;
    case FLASH_LUN_RESIZED:
        printf("lun_resized lun %" PRIu32 " blocks %" PRIu64 "\n", event->flash.lun_resized.lun,
               event->flash.lun_resized.blocks);
        break;
    case FLASH_LINK_RESET:
        printf("link_reset port %u resets %" PRIu32 "\n", event->flash.link_reset.port,
               event->flash.link_reset.resets);
        break;
    case FLASH_COMMAND_TIMEOUT:
        printf("command_timeout tag %" PRIu32 " after_ms %" PRIu32 "\n", event->flash.command_timeout.command_tag,
               event->flash.command_timeout.after_ms);
        break;
    default:
        printf("driver event with tag %u\n", event->flash.tag);
    }
}

static void print_event(const struct cxl_event *event)
{
    printf("pe %u ", event->process_element);
    if (event->type == CXL_EVENT_AFU_INTERRUPT)
        printf("interrupt %u\n", event->irq.irq);
    else if (event->type == CXL_EVENT_AFU_DRIVER)
        print_driver_event(event);
    else
        printf("event of type %u\n", event->type);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    long left = argc > 2 ? atol(argv[2]) : -1;
    struct pollfd waiting = {.events = POLLIN};
    static struct cxl_event event;

    if (argc < 2) {
        fprintf(stderr, "usage: reader FILE|fd:N [COUNT]\n");
        return 2;
    }
    if (sscanf(argv[1], "fd:%d", &waiting.fd) != 1)
        waiting.fd = open(argv[1], O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (waiting.fd < 0)
        fail(argv[1]);
    while (left != 0) {
        if (poll(&waiting, 1, -1) < 0)
            fail("poll");
        if (read(waiting.fd, &event, sizeof(event)) > 0) {
            print_event(&event);
            left--;
            continue;
        }
        /* Another reader of the same descriptor was faster. */
        if (errno == EAGAIN && waiting.revents == POLLIN)
            continue;
        if (errno != EIO || waiting.revents != POLLERR)
            fail("read");
        printf("end poll POLLERR read EIO\n");
        return 0;
    }
    return 0;
}
