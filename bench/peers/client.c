/*
 * The measuring reader of benchmarks P2 to P5: opens a cxl device file, starts it and times what a program sees of it.
 * It does not know who serves the file. Prints one line of JSON.
 *
 *     cc -O2 -o client client.c
 *     ./client FILE MODE [--count N] [--warmup N] [--ms M] [--open M] [--cpu C]
 *
 * read        N blocking reads: nanoseconds per read, events per second
 * poll-read   the same with a poll() before each read
 * wake        N sleeps in epoll_wait (level-triggered), each followed by a read: nanoseconds from the timestamp in the
 *             last event of that read to its return. Wakes whose event was older than the sleep are counted apart
 *             (already_pending), since nothing was woken by them.
 * throughput  reads for M milliseconds as fast as they come: events and reads per second
 * idle        `read`, with M files open and started in all, of which one is read
 */
#define _GNU_SOURCE
#include "cxl.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

struct options {
    const char *file;
    size_t count;
    size_t warmup;
    uint64_t milliseconds;
    size_t open;
    int cpu;
};

/* Latencies of one run, and the events that came with them. */
struct samples {
    uint64_t *ns;
    size_t count;
    uint64_t events;
    uint64_t elapsed_ns;
};

static char buffer[CXL_READ_MIN_SIZE];

static void die(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- the device ------------------------------------------------------------------------------------------------ */

static int open_started(const char *file)
{
    struct start_work work = {0};
    int fd = open(file, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        die(file);
    if (ioctl(fd, CXL_START_WORK, &work) != 0)
        die("START_WORK");
    return fd;
}

/* One read; returns how many whole events it brought, and the last of them. */
static unsigned read_events(int fd, const char **last)
{
    ssize_t length = read(fd, buffer, sizeof(buffer));
    unsigned events = 0;
    struct event_header header;

    if (length < 0)
        die("read");
    for (ssize_t at = 0; at < length; at += header.size, events++) {
        if (length - at < (ssize_t)sizeof(header))
            break;
        memcpy(&header, buffer + at, sizeof(header));
        if (header.size < sizeof(header) || header.size > length - at)
            break;
        *last = buffer + at;
    }
    if (events == 0) {
        fprintf(stderr, "client: read returned %zd bytes without a whole event\n", length);
        exit(1);
    }
    return events;
}

static uint64_t raised_at(const char *event)
{
    struct timed_event timed;

    memcpy(&timed, event, sizeof(timed));
    return timed.raised_at;
}

/* ---- statistics ------------------------------------------------------------------------------------------------ */

static struct samples samples_for(size_t count)
{
    struct samples samples = {.ns = malloc((count ? count : 1) * sizeof(uint64_t))};

    if (!samples.ns)
        die("malloc");
    memset(samples.ns, 0, count * sizeof(uint64_t)); /* no page faults while measuring */
    return samples;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static uint64_t quantile(const struct samples *samples, unsigned percent)
{
    return samples->count ? samples->ns[(samples->count - 1) * percent / 100] : 0;
}

static double per_second(uint64_t n, uint64_t ns)
{
    return ns ? (double)n * 1e9 / (double)ns : 0;
}

/* Sorts the samples and prints what every latency mode reports; the caller closes the object. */
static void print_latencies(const char *mode, struct samples *samples)
{
    double sum = 0;

    qsort(samples->ns, samples->count, sizeof(uint64_t), by_value);
    for (size_t i = 0; i < samples->count; i++)
        sum += (double)samples->ns[i];
    printf("{\"mode\":\"%s\",\"count\":%zu,\"events\":%" PRIu64 ",\"median_ns\":%" PRIu64 ",\"p10_ns\":%" PRIu64
           ",\"p90_ns\":%" PRIu64 ",\"mean_ns\":%.0f,\"events_per_s\":%.0f",
           mode, samples->count, samples->events, quantile(samples, 50), quantile(samples, 10), quantile(samples, 90),
           samples->count ? sum / (double)samples->count : 0, per_second(samples->events, samples->elapsed_ns));
}

/* ---- modes ----------------------------------------------------------------------------------------------------- */

static void wait_readable(int fd)
{
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

    if (poll(&poll_fd, 1, -1) != 1 || !(poll_fd.revents & POLLIN)) {
        fprintf(stderr, "client: poll revents 0x%x\n", (unsigned)poll_fd.revents);
        exit(1);
    }
}

static struct samples time_reads(const struct options *options, int fd, bool poll_first)
{
    struct samples samples = samples_for(options->count);
    const char *last;
    uint64_t began, before;

    for (size_t i = 0; i < options->warmup; i++)
        read_events(fd, &last);
    began = before = monotonic_ns();
    while (samples.count < options->count) {
        uint64_t now;

        if (poll_first)
            wait_readable(fd);
        samples.events += read_events(fd, &last);
        now = monotonic_ns();
        samples.ns[samples.count++] = now - before;
        before = now;
    }
    samples.elapsed_ns = before - began;
    return samples;
}

static void run_read(const struct options *options)
{
    struct samples samples = time_reads(options, open_started(options->file), false);

    print_latencies("read", &samples);
    puts("}");
}

static void run_poll_read(const struct options *options)
{
    struct samples samples = time_reads(options, open_started(options->file), true);

    print_latencies("poll-read", &samples);
    puts("}");
}

static void run_idle(const struct options *options)
{
    struct rlimit limit;
    struct samples samples;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < options->open + 64) {
        limit.rlim_cur = options->open + 64;
        if (limit.rlim_max < limit.rlim_cur)
            limit.rlim_max = limit.rlim_cur;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
            die("RLIMIT_NOFILE");
    }
    for (size_t i = 1; i < options->open; i++)
        open_started(options->file);
    samples = time_reads(options, open_started(options->file), false);
    print_latencies("idle", &samples);
    printf(",\"open\":%zu}\n", options->open);
}

static void run_wake(const struct options *options)
{
    struct samples samples = samples_for(options->count);
    int fd = open_started(options->file);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event interest = {.events = EPOLLIN, .data.fd = fd};
    size_t already_pending = 0;
    uint64_t began = monotonic_ns();

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &interest) != 0)
        die("epoll");
    for (size_t i = 0; i < options->warmup + options->count; i++) {
        struct epoll_event ready;
        uint64_t slept_at = monotonic_ns();
        const char *last;
        unsigned events;
        uint64_t now, raised;

        if (epoll_wait(epoll, &ready, 1, -1) != 1)
            die("epoll_wait");
        events = read_events(fd, &last);
        now = monotonic_ns();
        if (i < options->warmup) {
            began = now;
            continue;
        }
        raised = raised_at(last);
        samples.events += events;
        if (raised < slept_at)
            already_pending++;
        else
            samples.ns[samples.count++] = now - raised;
    }
    samples.elapsed_ns = monotonic_ns() - began;
    print_latencies("wake", &samples);
    printf(",\"already_pending\":%zu}\n", already_pending);
}

static void run_throughput(const struct options *options)
{
    int fd = open_started(options->file);
    uint64_t reads = 0, events = 0, began, now;
    const char *last;

    for (size_t i = 0; i < options->warmup; i++)
        read_events(fd, &last);
    began = monotonic_ns();
    do {
        events += read_events(fd, &last);
        reads++;
        now = monotonic_ns();
    } while (now - began < options->milliseconds * 1000000u);
    printf("{\"mode\":\"throughput\",\"events\":%" PRIu64 ",\"reads\":%" PRIu64
           ",\"events_per_s\":%.0f,\"reads_per_s\":%.0f,\"ns_per_event\":%.1f}\n",
           events, reads, per_second(events, now - began), per_second(reads, now - began),
           (double)(now - began) / (double)events);
}

static const struct mode {
    const char *name;
    void (*run)(const struct options *options);
} modes[] = {
    {"read", run_read},   {"poll-read", run_poll_read}, {"wake", run_wake}, {"throughput", run_throughput},
    {"idle", run_idle},
};

/* ---- command line ---------------------------------------------------------------------------------------------- */

static int usage(void)
{
    fputs("usage: client FILE read|poll-read|wake|throughput|idle\n"
          "              [--count N] [--warmup N] [--ms M] [--open M] [--cpu C]\n",
          stderr);
    return 2;
}

static void pin_to(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) != 0)
        die("--cpu");
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"count", required_argument, NULL, 'n'}, {"warmup", required_argument, NULL, 'w'},
        {"ms", required_argument, NULL, 'm'},    {"open", required_argument, NULL, 'o'},
        {"cpu", required_argument, NULL, 'c'},   {0},
    };

    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (name) {
        case 'n': options->count = strtoul(optarg, NULL, 10); break;
        case 'w': options->warmup = strtoul(optarg, NULL, 10); break;
        case 'm': options->milliseconds = strtoul(optarg, NULL, 10); break;
        case 'o': options->open = strtoul(optarg, NULL, 10); break;
        case 'c': options->cpu = atoi(optarg); break;
        default: return false;
        }
    }
    return argc - optind == 2;
}

int main(int argc, char **argv)
{
    struct options options = {.count = 20000, .warmup = 1000, .milliseconds = 1000, .open = 1, .cpu = -1};

    if (!parse_options(argc, argv, &options))
        return usage();
    options.file = argv[optind];
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(argv[optind + 1], modes[i].name) != 0)
            continue;
        if (options.cpu >= 0)
            pin_to(options.cpu);
        modes[i].run(&options);
        return 0;
    }
    return usage();
}
