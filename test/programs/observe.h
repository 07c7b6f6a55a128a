/*
 * The client's eyes, for test/programs/client.c only: each observe_*() makes one system call on the device and prints
 * what came of it, one line per observation, written by one write(2) so that threads and children never mix theirs.
 *
 *     event afu_interrupt pe=0 irq=1 size=16          poll POLLIN|POLLRDNORM
 *     event data_storage pe=0 addr=0x10 dsisr=0x20    read -1 EAGAIN
 *     event afu_error pe=0 error=0x30                 ioctl START_WORK -1 EINVAL
 *     event afu_driver pe=0 data=00ff                 ioctl START_WORK 0
 */
#ifndef AFUKIT_TEST_OBSERVE_H
#define AFUKIT_TEST_OBSERVE_H

#include "cxl.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

/* Who observes, when that is not plain: "thread 1 ", "child ", "case reserved1 ". Put before the line. */
static _Thread_local const char *observer = "";

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[3 * CXL_READ_MIN_SIZE];
    int error = errno; /* the caller's, for it to look at afterwards */
    int length = snprintf(line, sizeof(line), "%s", observer);
    va_list arguments;

    va_start(arguments, format);
    length += vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(1);
    errno = error;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

struct name {
    unsigned value;
    const char *text;
};

#define NAME(symbol) {(unsigned)(symbol), #symbol}
#define END_OF_NAMES {0, NULL}

static const struct name errno_names[] = {
    NAME(EACCES), NAME(EAGAIN), NAME(EBADF),  NAME(EBUSY),    NAME(ECONNABORTED), NAME(EFAULT), NAME(EINTR),
    NAME(EINVAL), NAME(EIO),    NAME(EISDIR), NAME(EMFILE),   NAME(ENFILE),       NAME(ENODEV), NAME(ENOENT),
    NAME(ENOMEM), NAME(ENOSPC), NAME(ENOSYS), NAME(ENOTCONN), NAME(ENOTTY),       NAME(ENXIO),  NAME(EPERM),
    END_OF_NAMES,
};

static const struct name poll_names[] = {
    NAME(POLLIN),  NAME(POLLPRI), NAME(POLLOUT),  NAME(POLLRDNORM), NAME(POLLWRNORM),
    NAME(POLLERR), NAME(POLLHUP), NAME(POLLNVAL), END_OF_NAMES,
};

static const char *errno_name(int number)
{
    static _Thread_local char unnamed[24];

    for (const struct name *name = errno_names; name->text; name++)
        if (name->value == (unsigned)number)
            return name->text;
    snprintf(unnamed, sizeof(unnamed), "errno=%d", number);
    return unnamed;
}

/* "POLLIN|POLLRDNORM", or "0"; bits without a name are left in hexadecimal at the end. */
static const char *mask_names(const struct name *names, unsigned mask)
{
    static _Thread_local char text[160];
    size_t length = 0;

    text[0] = '\0';
    for (; names->text; names++) {
        if (mask & names->value)
            length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", length ? "|" : "", names->text);
        mask &= ~names->value;
    }
    if (mask || !length)
        snprintf(text + length, sizeof(text) - length, length ? "|0x%x" : mask ? "0x%x" : "0", mask);
    return text;
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void say_driver_event(unsigned pe, const unsigned char *data, size_t size)
{
    char hex[2 * CXL_READ_MIN_SIZE + 1] = "";

    for (size_t i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", data[i]);
    say("event afu_driver pe=%u data=%s", pe, hex);
}

static void say_event(const struct cxl_event_header *header, const unsigned char *body)
{
    union {
        struct cxl_afu_interrupt interrupt;
        struct cxl_data_storage fault;
        struct cxl_afu_error error;
    } event = {0};
    size_t size = header->size - sizeof(*header);
    unsigned pe = header->process_element;

    memcpy(&event, body, size < sizeof(event) ? size : sizeof(event));
    if (header->type == CXL_AFU_INTERRUPT && size == sizeof(event.interrupt))
        say("event afu_interrupt pe=%u irq=%u size=%u", pe, event.interrupt.irq, header->size);
    else if (header->type == CXL_DATA_STORAGE && size == sizeof(event.fault))
        say("event data_storage pe=%u addr=0x%" PRIx64 " dsisr=0x%" PRIx64, pe, event.fault.addr, event.fault.dsisr);
    else if (header->type == CXL_AFU_ERROR && size == sizeof(event.error))
        say("event afu_error pe=%u error=0x%" PRIx64, pe, event.error.error);
    else if (header->type == CXL_AFU_DRIVER)
        say_driver_event(pe, body, size);
    else
        say("event malformed type=%u size=%u", header->type, header->size);
}

/* A read may bring several events, each whole. Returns how many came (errno 0), or -1 with errno as read() left it. */
static int observe_read_of(int fd, size_t size)
{
    unsigned char buffer[CXL_READ_MIN_SIZE];
    ssize_t length;
    int events = 0;

    errno = 0;
    length = read(fd, buffer, size);
    if (length < 0) {
        say("read -1 %s", errno_name(errno));
        return -1;
    }
    for (ssize_t at = 0; at < length; events++) {
        struct cxl_event_header header = {0};

        if (length - at >= (ssize_t)sizeof(header))
            memcpy(&header, buffer + at, sizeof(header));
        if (header.size < sizeof(header) || header.size > length - at) {
            say("event cut type=%u size=%u of=%zd", header.type, header.size, length - at);
            return events;
        }
        say_event(&header, buffer + at + sizeof(header));
        at += header.size;
    }
    if (length == 0)
        say("read 0");
    return events;
}

static int observe_read(int fd)
{
    return observe_read_of(fd, CXL_READ_MIN_SIZE);
}

/* ---- readiness: everything is asked for, so that what must never be set would show ------------------------------- */

static int observe_poll_for(int fd, int timeout_ms)
{
    struct pollfd ask = {.fd = fd, .events = POLLIN | POLLPRI | POLLOUT | POLLRDNORM | POLLWRNORM};
    int ready = poll(&ask, 1, timeout_ms);

    if (ready < 0)
        say("poll -1 %s", errno_name(errno));
    else
        say("poll %s", mask_names(poll_names, (unsigned short)ask.revents));
    return ready;
}

static int observe_poll(int fd)
{
    return observe_poll_for(fd, -1);
}

static int observe_select(int fd)
{
    static const struct name set_names[] = {{1, "read"}, {2, "write"}, {4, "except"}, END_OF_NAMES};
    fd_set sets[3];
    unsigned mask = 0;
    int ready;

    for (int i = 0; i < 3; i++) {
        FD_ZERO(&sets[i]);
        FD_SET(fd, &sets[i]);
    }
    ready = select(fd + 1, &sets[0], &sets[1], &sets[2], NULL);
    for (int i = 0; i < 3; i++)
        mask |= FD_ISSET(fd, &sets[i]) ? 1u << i : 0;
    if (ready < 0)
        say("select -1 %s", errno_name(errno));
    else
        say("select %s", mask_names(set_names, mask));
    return ready;
}

/* On Linux the bits of epoll are those of poll; so are the names printed. */
static int observe_epoll(int epoll)
{
    struct epoll_event event;
    int ready = epoll_wait(epoll, &event, 1, -1);

    if (ready < 0)
        say("epoll -1 %s", errno_name(errno));
    else
        say("epoll %s", mask_names(poll_names, event.events));
    return ready;
}

/* ---- ioctl ----------------------------------------------------------------------------------------------------- */

static bool observe_ioctl(int fd, const char *name, unsigned long command, const void *argument)
{
    if (ioctl(fd, command, argument) == 0)
        return true;
    say("ioctl %s -1 %s", name, errno_name(errno));
    return false;
}

static void observe_start(int fd, const struct cxl_start_work *work)
{
    if (observe_ioctl(fd, "START_WORK", CXL_START_WORK, work))
        say("ioctl START_WORK 0");
}

static void observe_process_element(int fd)
{
    uint32_t pe = 0;

    if (observe_ioctl(fd, "GET_PROCESS_ELEMENT", CXL_GET_PROCESS_ELEMENT, &pe))
        say("ioctl GET_PROCESS_ELEMENT 0 pe=%u", pe);
}

static void observe_afu_id(int fd, struct cxl_afu_id *id)
{
    if (observe_ioctl(fd, "GET_AFU_ID", CXL_GET_AFU_ID, id))
        say("ioctl GET_AFU_ID 0 flags=0x%" PRIx64 " card=%u offset=%u mode=%u", id->flags, id->card_id,
            id->afu_offset, id->afu_mode);
}

static void observe_unknown_ioctl(int fd)
{
    if (observe_ioctl(fd, "0xCA7F", CXL_UNKNOWN_COMMAND, NULL))
        say("ioctl 0xCA7F 0");
}

#endif
