/*
 * The measuring reader of benchmarks P2 to P4: opens a cxl device file, starts it and times what a program sees of it.
 * It does not know who serves the file. Prints one line of JSON.
 *
 *     cc -O2 -o client client.c
 *     ./client FILE MODE [--count N] [--warmup N] [--ms M] [--cpu C] [--server PID]
 *
 * read        N blocking reads: nanoseconds per read, events per second
 * poll-read   the same with a poll() before each read
 * wake        N sleeps in epoll_wait (level-triggered), each followed by a read: nanoseconds from the timestamp in the
 *             last event of that read to its return. Wakes whose event was older than the sleep are counted apart
 *             (already_pending), since nothing was woken by them.
 * throughput  reads for M milliseconds as fast as they come: events and reads per second
 *
 * With --server the latency modes look now and then, between two samples, whether the server's main thread ran last on
 * the CPU where we are: `same_cpu` is the share of looks at which it did.
 */
#define _GNU_SOURCE
#include "reader.h"

#include <getopt.h>
#include <poll.h>

struct options {
    const char *file;
    size_t count;
    size_t warmup;
    uint64_t milliseconds;
    int cpu;
    int server;
};

/* ---- where the server is --------------------------------------------------------------------------------------- */

enum { READS_PER_LOOK = 50 };

struct looks {
    int stat_fd; /* -1: nobody asked */
    unsigned all;
    unsigned same_cpu;
};

static struct looks looks_at(int server)
{
    return (struct looks){.stat_fd = server ? open_proc(server, server, "stat") : -1};
}

static void look(struct looks *looks)
{
    if (looks->stat_fd < 0)
        return;
    looks->all++;
    looks->same_cpu += cpu_of(looks->stat_fd) == sched_getcpu();
}

static void print_looks(const struct looks *looks)
{
    if (looks->all)
        printf(",\"same_cpu\":%.3f", (double)looks->same_cpu / looks->all);
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

static void time_reads(const struct options *options, const char *mode, bool poll_first)
{
    struct samples samples = samples_for(options->count);
    struct looks looks = looks_at(options->server);
    int fd = open_started(options->file, ACTIVE);
    uint64_t raised_at, before;

    for (size_t i = 0; i < options->warmup; i++)
        read_events(fd, &raised_at);
    before = monotonic_ns();
    while (samples.count < options->count) {
        uint64_t now;

        if (poll_first)
            wait_readable(fd);
        samples.events += read_events(fd, &raised_at);
        now = monotonic_ns();
        samples.ns[samples.count++] = now - before;
        samples.elapsed_ns += now - before;
        before = now;
        if (samples.count % READS_PER_LOOK == 0) {
            look(&looks);
            before = monotonic_ns();
        }
    }
    print_latencies(mode, &samples);
    print_looks(&looks);
    puts("}");
}

static void run_read(const struct options *options)
{
    time_reads(options, "read", false);
}

static void run_poll_read(const struct options *options)
{
    time_reads(options, "poll-read", true);
}

static void run_wake(const struct options *options)
{
    struct samples samples = samples_for(options->count);
    struct looks looks = looks_at(options->server);
    int fd = open_started(options->file, ACTIVE);
    int epoll = epoll_on(fd);
    size_t already_pending = 0;
    uint64_t began = monotonic_ns();

    for (size_t i = 0; i < options->warmup + options->count; i++) {
        unsigned events;
        uint64_t ns = time_wake(epoll, fd, &events);

        if (i < options->warmup) {
            began = monotonic_ns();
            continue;
        }
        samples.events += events;
        if (ns == 0)
            already_pending++;
        else
            samples.ns[samples.count++] = ns;
        look(&looks);
    }
    samples.elapsed_ns = monotonic_ns() - began;
    print_latencies("wake", &samples);
    print_looks(&looks);
    printf(",\"already_pending\":%zu}\n", already_pending);
}

static void run_throughput(const struct options *options)
{
    int fd = open_started(options->file, ACTIVE);
    uint64_t reads = 0, events = 0, raised_at, began, now;

    for (size_t i = 0; i < options->warmup; i++)
        read_events(fd, &raised_at);
    began = monotonic_ns();
    do {
        events += read_events(fd, &raised_at);
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
    {"read", run_read},
    {"poll-read", run_poll_read},
    {"wake", run_wake},
    {"throughput", run_throughput},
};

/* ---- command line ---------------------------------------------------------------------------------------------- */

static int usage(void)
{
    fputs("usage: client FILE read|poll-read|wake|throughput\n"
          "              [--count N] [--warmup N] [--ms M] [--cpu C] [--server PID]\n",
          stderr);
    return 2;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"count", required_argument, NULL, 'n'}, {"warmup", required_argument, NULL, 'w'},
        {"ms", required_argument, NULL, 'm'},    {"cpu", required_argument, NULL, 'c'},
        {"server", required_argument, NULL, 's'}, {0},
    };

    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (name) {
        case 'n': options->count = strtoul(optarg, NULL, 10); break;
        case 'w': options->warmup = strtoul(optarg, NULL, 10); break;
        case 'm': options->milliseconds = strtoul(optarg, NULL, 10); break;
        case 'c': options->cpu = atoi(optarg); break;
        case 's': options->server = atoi(optarg); break;
        default: return false;
        }
    }
    return argc - optind == 2;
}

int main(int argc, char **argv)
{
    struct options options = {.count = 20000, .warmup = 1000, .milliseconds = 1000, .cpu = -1};

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
