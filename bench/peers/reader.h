/*
 * What the measuring readers (client.c, scale.c) share: opening and reading a device file, times and their medians, and
 * looking at other processes through /proc. Errors end the program with one line.
 */
#ifndef AFUKIT_BENCH_READER_H
#define AFUKIT_BENCH_READER_H

#include "cxl.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static inline void die(const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
    exit(1);
}

static inline void pin_to(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        die("--cpu");
}

/* ---- the device ------------------------------------------------------------------------------------------------ */

/* Work element descriptors of bench/device.ts: a quiet context never has an event. */
enum { ACTIVE = 0, QUIET = 1 };

static inline int open_started(const char *file, uint64_t descriptor)
{
    struct start_work work = {.work_element_descriptor = descriptor};
    int fd = open(file, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        die(file);
    if (ioctl(fd, CXL_START_WORK, &work) != 0)
        die("START_WORK");
    return fd;
}

/* One read; returns how many whole events it brought, and when the last of them was raised. */
static inline unsigned read_events(int fd, uint64_t *raised_at)
{
    static char buffer[CXL_READ_MIN_SIZE];
    ssize_t length = read(fd, buffer, sizeof(buffer));
    unsigned events = 0;
    struct event_header header;

    if (length < 0)
        die("read");
    for (ssize_t at = 0; at < length; at += header.size, events++) {
        if (length - at < (ssize_t)sizeof(struct timed_event))
            break;
        memcpy(&header, buffer + at, sizeof(header));
        if (header.size < sizeof(struct timed_event) || header.size > length - at)
            break;
        memcpy(raised_at, buffer + at + sizeof(header), sizeof(*raised_at));
    }
    if (events == 0) {
        fprintf(stderr, "%s: read returned %zd bytes without a whole event\n", program_invocation_short_name, length);
        exit(1);
    }
    return events;
}

static inline int epoll_on(int fd)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest) != 0)
        die("epoll");
    return epoll;
}

/* ---- times ----------------------------------------------------------------------------------------------------- */

/* Latencies of one run, and the events that came with them. */
struct samples {
    uint64_t *ns;
    size_t count;
    uint64_t events;
    uint64_t elapsed_ns;
};

static inline struct samples samples_for(size_t count)
{
    struct samples samples = {.ns = malloc((count ? count : 1) * sizeof(uint64_t))};

    if (!samples.ns)
        die("malloc");
    memset(samples.ns, 0, count * sizeof(uint64_t)); /* no page faults while measuring */
    return samples;
}

static inline int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static inline uint64_t quantile(const struct samples *samples, unsigned percent)
{
    return samples->count ? samples->ns[(samples->count - 1) * percent / 100] : 0;
}

static inline double per_second(uint64_t n, uint64_t ns)
{
    return ns ? (double)n * 1e9 / (double)ns : 0;
}

/* Sorts the samples and prints what every latency mode reports; the caller closes the object. */
static inline void print_latencies(const char *mode, struct samples *samples)
{
    qsort(samples->ns, samples->count, sizeof(uint64_t), by_value);
    printf("{\"mode\":\"%s\",\"count\":%zu,\"events\":%" PRIu64 ",\"median_ns\":%" PRIu64 ",\"p10_ns\":%" PRIu64
           ",\"p90_ns\":%" PRIu64 ",\"events_per_s\":%.0f",
           mode, samples->count, samples->events, quantile(samples, 50), quantile(samples, 10), quantile(samples, 90),
           per_second(samples->events, samples->elapsed_ns));
}

/*
 * One sleep in epoll_wait and the read after it. Returns nanoseconds from the time in the event to the end of the read, or
 * 0 when the event was older than the sleep: then nothing was woken.
 */
static inline uint64_t time_wake(int epoll, int fd, unsigned *events)
{
    struct epoll_event ready;
    uint64_t slept_at = monotonic_ns(), raised_at = 0, now;

    if (epoll_wait(epoll, &ready, 1, -1) != 1)
        die("epoll_wait");
    *events = read_events(fd, &raised_at);
    now = monotonic_ns();
    return raised_at < slept_at ? 0 : now - raised_at;
}

/* ---- other processes ------------------------------------------------------------------------------------------- */

/* Opens /proc/PID/task/TID/NAME, to be read again and again. */
static inline int open_proc(int pid, int tid, const char *name)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/%s", pid, tid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        die(path);
    return fd;
}

/* The thread's line in `stat` from its state on: what stands before may hold any character. */
static inline const char *read_stat(int fd, char *text, size_t size)
{
    ssize_t length = pread(fd, text, size - 1, 0);
    const char *end;

    if (length <= 0)
        die("stat");
    text[length] = '\0';
    end = strrchr(text, ')');
    return end && end[1] ? end + 2 : "?";
}

static inline char state_of(int stat_fd)
{
    char text[1024];

    return *read_stat(stat_fd, text, sizeof(text));
}

/* The CPU on which the thread ran last: the 37th field from its state on. */
static inline int cpu_of(int stat_fd)
{
    char text[1024];
    const char *at = read_stat(stat_fd, text, sizeof(text));

    for (int field = 1; field < 37 && at; field++)
        at = (at = strchr(at, ' ')) ? at + 1 : NULL;
    return at ? atoi(at) : -1;
}

#endif
