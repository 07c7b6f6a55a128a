/*
 * The measuring reader of benchmark P5: many open files of one device. Prints one line of JSON.
 *
 *     cc -O2 -o scale scale.c -lpthread
 *     ./scale FILE reads --open N --active A [--count N] [--warmup N] [--cpu C]
 *     ./scale FILE wait --waiters W [--processes] [--count N] [--warmup N] [--cpu C]
 *     ./scale FILE files --open N --server PID [--cpu C]
 *
 * reads  N files open and started, of which A have events; these are read by turns: nanoseconds per read
 * wait   W threads (or processes), each asleep in epoll_wait on a file of its own; one of them, ours, has events:
 *        nanoseconds from an event's timestamp to the end of our read. Of the others, who have none: how often epoll_wait
 *        returned (idle_returns), and how often they were switched away from, that is, had run (idle_switches).
 * files  opens and starts N files, then closes them, newest first: nanoseconds per file. close(2) only tells the kernel,
 *        which tells the server later, so closing ends when the server's main thread sleeps.
 */
#define _GNU_SOURCE
#include "reader.h"

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct options {
    const char *file;
    size_t count;
    size_t warmup;
    size_t open;
    size_t active;
    size_t waiters;
    bool processes;
    int server;
    int cpu;
};

static const struct timespec millisecond = {.tv_nsec = 1000000};

static void allow_files(size_t count)
{
    struct rlimit limit;

    count += 64;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= count)
        return;
    limit.rlim_cur = count;
    if (limit.rlim_max < count)
        limit.rlim_max = count;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        die("RLIMIT_NOFILE");
}

static int *descriptors_for(size_t count)
{
    int *fds = calloc(count, sizeof(*fds));

    if (!fds)
        die("calloc");
    return fds;
}

/* ---- reads ----------------------------------------------------------------------------------------------------- */

static void run_reads(const struct options *options)
{
    struct samples samples = samples_for(options->count);
    size_t active = options->active;
    int *fds = descriptors_for(active);
    uint64_t raised_at, before;

    allow_files(options->open);
    for (size_t i = active; i < options->open; i++)
        open_started(options->file, QUIET);
    for (size_t i = 0; i < active; i++)
        fds[i] = open_started(options->file, ACTIVE);
    for (size_t i = 0; i < options->warmup; i++)
        read_events(fds[i % active], &raised_at);
    before = monotonic_ns();
    while (samples.count < options->count) {
        uint64_t now;

        samples.events += read_events(fds[samples.count % active], &raised_at);
        now = monotonic_ns();
        samples.ns[samples.count++] = now - before;
        samples.elapsed_ns += now - before;
        before = now;
    }
    print_latencies("reads", &samples);
    printf(",\"open\":%zu,\"active\":%zu}\n", options->open, active);
}

/* ---- wait ------------------------------------------------------------------------------------------------------ */

/* One that waits on a quiet file; shared between processes. */
struct idle {
    int pid;
    _Atomic int tid; /* 0 until it is about to sleep */
    atomic_ulong returns;
    const char *file;
};

static void *wait_idle(void *argument)
{
    struct idle *self = argument;
    int epoll = epoll_on(open_started(self->file, QUIET));
    struct epoll_event ready;

    self->pid = getpid();
    atomic_store(&self->tid, gettid());
    for (;;) {
        epoll_wait(epoll, &ready, 1, -1);
        atomic_fetch_add(&self->returns, 1);
    }
    return NULL;
}

static void start_idle(struct idle *idle, bool process)
{
    pthread_t thread;
    pthread_attr_t small;
    int pid;

    if (!process) {
        pthread_attr_init(&small);
        pthread_attr_setstacksize(&small, 256 * 1024);
        errno = pthread_create(&thread, &small, wait_idle, idle);
        if (errno)
            die("pthread_create");
        return;
    }
    pid = fork();
    if (pid < 0)
        die("fork");
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        wait_idle(idle);
    }
}

static void until_asleep(const struct idle *idle)
{
    int stat_fd;

    while (atomic_load(&idle->tid) == 0)
        nanosleep(&millisecond, NULL);
    stat_fd = open_proc(idle->pid, idle->tid, "stat");
    while (state_of(stat_fd) != 'S')
        nanosleep(&millisecond, NULL);
    close(stat_fd);
}

/* How often the thread was switched away from, of itself or not. */
static unsigned long switches(const struct idle *idle)
{
    char text[4096];
    int fd = open_proc(idle->pid, idle->tid, "status");
    ssize_t length = read(fd, text, sizeof(text) - 1);
    unsigned long sum = 0;

    if (length <= 0)
        die("status");
    text[length] = '\0';
    for (const char *at = text; (at = strstr(at, "voluntary_ctxt_switches:")); at++)
        sum += strtoul(at + strlen("voluntary_ctxt_switches:"), NULL, 10);
    close(fd);
    return sum;
}

static unsigned long all_switches(const struct idle *idles, size_t count)
{
    unsigned long sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += switches(&idles[i]);
    return sum;
}

static void run_wait(const struct options *options)
{
    struct samples samples = samples_for(options->count);
    size_t others = options->waiters - 1;
    size_t size = options->waiters * sizeof(struct idle);
    struct idle *idles = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned long returns = 0, before;
    int fd, epoll;

    if (idles == MAP_FAILED)
        die("mmap");
    for (size_t i = 0; i < others; i++) {
        idles[i].file = options->file;
        start_idle(&idles[i], options->processes);
    }
    for (size_t i = 0; i < others; i++)
        until_asleep(&idles[i]);
    fd = open_started(options->file, ACTIVE);
    epoll = epoll_on(fd);
    before = all_switches(idles, others);
    for (size_t i = 0; i < options->warmup + options->count; i++) {
        unsigned events;
        uint64_t ns = time_wake(epoll, fd, &events);

        if (i >= options->warmup && ns > 0)
            samples.ns[samples.count++] = ns;
    }
    before = all_switches(idles, others) - before;
    for (size_t i = 0; i < others; i++)
        returns += atomic_load(&idles[i].returns);
    print_latencies("wait", &samples);
    printf(",\"waiters\":%zu,\"idle_returns\":%lu,\"idle_switches\":%lu}\n", options->waiters, returns, before);
    fflush(stdout);
    for (size_t i = 0; options->processes && i < others; i++)
        kill(idles[i].pid, SIGKILL);
    while (options->processes && wait(NULL) > 0)
        ;
    _exit(0);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

/* On the server's CPU it sleeps only when nothing is left to do: while we run, a wake-up makes it runnable at once. */
static void until_server_sleeps(int stat_fd)
{
    const struct timespec little = {.tv_nsec = 100000};

    while (state_of(stat_fd) != 'S')
        nanosleep(&little, NULL);
}

static void run_files(const struct options *options)
{
    size_t count = options->open;
    int *fds = descriptors_for(count);
    int stat_fd = open_proc(options->server, options->server, "stat");
    uint64_t began, opened, closed;

    allow_files(count);
    until_server_sleeps(stat_fd);
    began = monotonic_ns();
    for (size_t i = 0; i < count; i++)
        fds[i] = open_started(options->file, QUIET);
    opened = monotonic_ns();
    for (size_t i = count; i-- > 0;)
        close(fds[i]);
    until_server_sleeps(stat_fd);
    closed = monotonic_ns();
    printf("{\"mode\":\"files\",\"open\":%zu,\"open_ns\":%.1f,\"close_ns\":%.1f}\n", count,
           (double)(opened - began) / (double)count, (double)(closed - opened) / (double)count);
}

/* ---- command line ---------------------------------------------------------------------------------------------- */

static const struct mode {
    const char *name;
    void (*run)(const struct options *options);
} modes[] = {{"reads", run_reads}, {"wait", run_wait}, {"files", run_files}};

static int usage(void)
{
    fputs("usage: scale FILE reads --open N --active A [--count N] [--warmup N] [--cpu C]\n"
          "       scale FILE wait --waiters W [--processes] [--count N] [--warmup N] [--cpu C]\n"
          "       scale FILE files --open N --server PID [--cpu C]\n",
          stderr);
    return 2;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"count", required_argument, NULL, 'n'},   {"warmup", required_argument, NULL, 'w'},
        {"open", required_argument, NULL, 'o'},    {"active", required_argument, NULL, 'a'},
        {"waiters", required_argument, NULL, 'm'}, {"processes", no_argument, NULL, 'p'},
        {"server", required_argument, NULL, 's'},  {"cpu", required_argument, NULL, 'c'},
        {0},
    };

    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (name) {
        case 'n': options->count = strtoul(optarg, NULL, 10); break;
        case 'w': options->warmup = strtoul(optarg, NULL, 10); break;
        case 'o': options->open = strtoul(optarg, NULL, 10); break;
        case 'a': options->active = strtoul(optarg, NULL, 10); break;
        case 'm': options->waiters = strtoul(optarg, NULL, 10); break;
        case 'p': options->processes = true; break;
        case 's': options->server = atoi(optarg); break;
        case 'c': options->cpu = atoi(optarg); break;
        default: return false;
        }
    }
    return argc - optind == 2 && options->active >= 1 && options->open >= options->active && options->waiters >= 1;
}

int main(int argc, char **argv)
{
    struct options options = {.count = 5000, .warmup = 1000, .open = 1, .active = 1, .waiters = 1, .cpu = -1};

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
