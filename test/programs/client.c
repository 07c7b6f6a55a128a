/*
 * A program that uses a cxl device file the way real ones do, one scenario per run, and says what it saw: the tests'
 * stand-in for unmodified C programs. POSIX and Linux only; it knows nothing of who serves the file.
 *
 *     cc -O1 -Wall -Wextra -Werror -pthread -o client client.c
 *     ./client FILE SCENARIO [N] [--wed N] [--irqs N] [--flags N] [--no-start]
 *                            [--timeout-ms T | --seconds-free]
 *
 * FILE may be `fd:PID:N`, that process's open file behind its descriptor N, of which this one then has its own descriptor
 * as after a fork.
 *
 * Lines are described in observe.h; scenarios are the table at the end. A line may start with its observer: `thread 1`,
 * `child`, `dup`, `case NAME`. Exits 0 when the scenario ran, whatever errnos it met; 1 when FILE could not be opened
 * (after `open -1 ERRNO`) or the machine failed it; 2 on wrong usage; 3 after `timeout`: nothing hangs for ever, unless
 * --seconds-free says that the test ends it.
 */
#define _GNU_SOURCE
#include "observe.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

enum { SETTLE_MS = 100 }; /* long enough for a call on its way into the kernel to be asleep there */

static struct {
    const char *file;
    long n;
    struct cxl_start_work work;
    bool start;
    long timeout_ms;
} options = {.n = 1, .start = true, .timeout_ms = 10000};

/* ---- steps that scenarios share -------------------------------------------------------------------------------- */

static void fail(const char *what)
{
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int open_device(int flags)
{
    int fd, other;
    pid_t pid;

    if (sscanf(options.file, "fd:%d:%d", &pid, &other) == 2)
        fd = (int)syscall(SYS_pidfd_getfd, (int)syscall(SYS_pidfd_open, pid, 0), other, 0);
    else
        fd = open(options.file, O_RDWR | O_CLOEXEC | flags);
    if (fd < 0) {
        say("open -1 %s", errno_name(errno));
        exit(1);
    }
    return fd;
}

static int open_started(int flags)
{
    int fd = open_device(flags);

    if (options.start)
        observe_start(fd, &options.work);
    return fd;
}

static void sleep_ms(long ms)
{
    struct timespec left = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&left, &left) != 0)
        ;
}

static void set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    if (fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) != 0)
        fail("fcntl");
    say("fcntl O_NONBLOCK %s", on ? "on" : "off");
}

/* False when there is none any more. */
static bool await_stdin_line(void)
{
    char c = 0;

    while (c != '\n')
        if (read(STDIN_FILENO, &c, 1) != 1)
            return false;
    return true;
}

static void await_stdin_eof(void)
{
    char ignored[256];

    while (read(STDIN_FILENO, ignored, sizeof(ignored)) > 0)
        ;
}

static pthread_t start_thread(void *(*body)(void *), void *argument)
{
    pthread_t thread;

    if (pthread_create(&thread, NULL, body, argument) != 0)
        fail("pthread_create");
    return thread;
}

/* A child that never outlives this process; returns 0 in the child. */
static pid_t fork_child(void)
{
    pid_t parent = getpid(), child = fork();

    if (child < 0)
        fail("fork");
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
        observer = "child ";
    }
    return child;
}

_Noreturn static void end_child_after_read(int fd)
{
    observe_read(fd);
    _exit(0);
}

static void await_child(pid_t child)
{
    int status;

    if (waitpid(child, &status, 0) != child || status != 0)
        fail("the child did not end well");
}

/* ---- one reader ------------------------------------------------------------------------------------------------ */

static void run_read(void)
{
    int fd = open_started(0);

    for (long seen = 0, got; seen < options.n && (got = observe_read(fd)) > 0; seen += got)
        ;
}

static void run_nonblock(void)
{
    int fd = open_started(O_NONBLOCK);

    for (long seen = 0; seen < options.n;) {
        int got = observe_read(fd);

        if (got > 0)
            seen += got;
        else if (got == 0 || errno != EAGAIN || observe_poll(fd) < 0)
            return;
    }
}

static void run_block(void)
{
    int fd = open_started(0);

    say("blocking");
    observe_read(fd);
}

static void run_setfl(void)
{
    int fd = open_started(0);

    set_nonblocking(fd, true);
    observe_read(fd);
    set_nonblocking(fd, false);
    observe_read(fd);
}

static void run_drain(void)
{
    int fd = open_started(O_NONBLOCK);

    await_stdin_line();
    while (observe_read(fd) > 0)
        ;
    observe_poll_for(fd, 0);
}

/* ---- readiness ------------------------------------------------------------------------------------------------- */

/* Until N events: sleep until readiness_fd says so, then read once. */
static void read_when_ready(int fd, int (*observe_ready)(int), int readiness_fd)
{
    for (long seen = 0, got; seen < options.n; seen += got)
        if (observe_ready(readiness_fd) < 0 || (got = observe_read(fd)) <= 0)
            return;
}

static void run_poll(void)
{
    int fd = open_started(0);

    read_when_ready(fd, observe_poll, fd);
}

static void run_select(void)
{
    int fd = open_started(0);

    read_when_ready(fd, observe_select, fd);
}

static int epoll_on(int fd, unsigned extra)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event ask = {.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDNORM | EPOLLWRNORM | extra};

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ask) != 0)
        fail("epoll");
    return epoll;
}

static void run_epoll(void)
{
    int fd = open_started(0);

    read_when_ready(fd, observe_epoll, epoll_on(fd, 0));
}

static void run_epollet(void)
{
    int fd = open_started(O_NONBLOCK), epoll = epoll_on(fd, EPOLLET);

    for (long seen = 0; seen < options.n;) {
        if (observe_epoll(epoll) < 0)
            return;
        for (int got; (got = observe_read(fd)) > 0;)
            seen += got;
        if (errno != EAGAIN)
            return;
    }
}

static void run_epollet_nodrain(void)
{
    int fd = open_started(O_NONBLOCK), epoll = epoll_on(fd, EPOLLET);

    for (long wakes = 0; wakes < options.n; wakes++)
        if (observe_epoll(epoll) < 0 || observe_read(fd) <= 0)
            return;
}

static void run_watch_poll(void)
{
    observe_poll(open_started(0));
}

static void run_watch_epoll(void)
{
    observe_epoll(epoll_on(open_started(0), 0));
}

static void run_watch_epollet(void)
{
    observe_epoll(epoll_on(open_started(0), EPOLLET));
}

/* ---- signals --------------------------------------------------------------------------------------------------- */

static void on_alarm(int signal)
{
    (void)signal;
}

/* SIGALRM once, after the caller has gone to sleep; no SA_RESTART, so that the sleep ends with EINTR. */
static void arm_alarm(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct itimerval once = {.it_value.tv_usec = SETTLE_MS * 1000};

    if (sigaction(SIGALRM, &action, NULL) != 0 || setitimer(ITIMER_REAL, &once, NULL) != 0)
        fail("SIGALRM");
}

static void run_eintr(void)
{
    int fd = open_started(0);

    arm_alarm();
    observe_read(fd);
    if (options.start)
        observe_read(fd);
}

static void run_eintr_poll(void)
{
    int fd = open_started(0);

    arm_alarm();
    observe_poll(fd);
    if (options.start && observe_poll(fd) > 0)
        observe_read(fd);
}

/* ---- several holders of one open file -------------------------------------------------------------------------- */

static struct {
    int fd;
    atomic_long seen;
    sem_t enough;
} shared;

static void *read_shared(void *name)
{
    int got;

    observer = name;
    do {
        got = observe_read(shared.fd);
        if (got > 0)
            atomic_fetch_add(&shared.seen, got);
    } while (got > 0 && atomic_load(&shared.seen) < options.n);
    sem_post(&shared.enough);
    return NULL;
}

/* Ends with the first thread that finds all events seen; the other may be asleep in read() then, and stays so. */
static void run_threads(void)
{
    shared.fd = open_started(0);
    sem_init(&shared.enough, 0, 0);
    start_thread(read_shared, "thread 0 ");
    start_thread(read_shared, "thread 1 ");
    sem_wait(&shared.enough);
}

static void *read_once(void *fd)
{
    observer = "thread 0 ";
    say("blocking");
    observe_read(*(int *)fd);
    return NULL;
}

static void run_close_other_thread(void)
{
    int fd = open_started(0), reader_fd = fd;
    pthread_t reader = start_thread(read_once, &reader_fd);

    sleep_ms(SETTLE_MS);
    say("close %d", close(fd));
    observe_read(fd);
    pthread_join(reader, NULL);
}

static void run_dup(void)
{
    int fd = open_started(0), other = dup(fd);

    for (long seen = 0, got, turn = 0; seen < options.n; seen += got, turn++) {
        observer = turn % 2 ? "dup " : "fd ";
        got = observe_read(turn % 2 ? other : fd);
        if (got <= 0)
            return;
    }
}

static void run_fork(void)
{
    int fd = open_started(0);
    pid_t child = fork_child();

    if (child == 0)
        end_child_after_read(fd);
    await_child(child);
    observer = "parent ";
    observe_read(fd);
}

/* A message of one byte and one descriptor, sent or received; returns the descriptor. */
static int pass_descriptor(int socket, bool send, int fd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(fd)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec one_byte = {.iov_base = &(char){0}, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &one_byte,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };

    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    if ((send ? sendmsg(socket, &message, 0) : recvmsg(socket, &message, 0)) != 1)
        fail("SCM_RIGHTS");
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    return fd;
}

/* The child exists before the file is open, so the descriptor can have come by the socket only. */
static void run_scm(void)
{
    int ends[2], fd;
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        fail("socketpair");
    child = fork_child();
    if (child == 0)
        end_child_after_read(pass_descriptor(ends[1], false, -1));
    fd = open_started(0);
    pass_descriptor(ends[0], true, fd);
    close(fd);
    await_child(child);
}

/* ---- open and close -------------------------------------------------------------------------------------------- */

static void run_hold(void)
{
    int fd = open_device(0);

    say("open");
    await_stdin_eof();
    close(fd);
    say("closed");
}

static void run_hold_many(void)
{
    rlim_t wanted = (rlim_t)options.n + 64;
    struct rlimit limit;
    long opened = 0;
    int fd, last = -1;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        limit.rlim_max = limit.rlim_max < wanted ? wanted : limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (; opened < options.n && (fd = open(options.file, O_RDWR | O_CLOEXEC)) >= 0; opened++)
        last = fd;
    if (opened < options.n)
        say("opened %ld errno %s", opened, errno_name(errno));
    else
        say("opened %ld", opened);
    if (await_stdin_line()) {
        observe_start(last, &options.work);
        observe_read(last);
        await_stdin_eof();
    }
}

/* ---- errnos ---------------------------------------------------------------------------------------------------- */

static void observe_case(const char *name)
{
    static char prefix[48];

    snprintf(prefix, sizeof(prefix), "case %s ", name);
    observer = prefix;
}

/* Each of these must be refused, and must leave the context as it was. */
static void try_refused_starts(int fd)
{
    static const struct {
        const char *name;
        size_t reserved; /* offset of a byte to set to 1, or 0 */
        uint64_t flags;
        int num_interrupts;
    } cases[] = {
        {"reserved1", offsetof(struct cxl_start_work, reserved1), 0, 0},
        {"reserved2", offsetof(struct cxl_start_work, reserved2), 0, 0},
        {"reserved3", offsetof(struct cxl_start_work, reserved3), 0, 0},
        {"reserved4", offsetof(struct cxl_start_work, reserved4), 0, 0},
        {"reserved5", offsetof(struct cxl_start_work, reserved5), 0, 0},
        {"flag-4", 0, UINT64_C(1) << 4, 0},
        {"flag-63", 0, UINT64_C(1) << 63, 0},
        {"irqs-negative", 0, CXL_START_WORK_NUM_IRQS, -1},
        {"irqs-above", 0, CXL_START_WORK_NUM_IRQS, INT16_MAX},
    };
    struct cxl_start_work work;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        work = options.work;
        work.flags |= cases[i].flags;
        if (cases[i].flags & CXL_START_WORK_NUM_IRQS)
            work.num_interrupts = (int16_t)cases[i].num_interrupts;
        if (cases[i].reserved)
            ((char *)&work)[cases[i].reserved] = 1;
        observe_case(cases[i].name);
        observe_start(fd, &work);
    }
    work = options.work;
    if (work.flags & CXL_START_WORK_NUM_IRQS && work.num_interrupts > 0) {
        work.num_interrupts--;
        observe_case("irqs-below");
        observe_start(fd, &work);
    }
}

static void run_errnos(void)
{
    static const struct {
        const char *name;
        size_t size;
    } short_reads[] = {{"read-0", 0}, {"read-1", 1}, {"read-4095", CXL_READ_MIN_SIZE - 1}};
    int fd = open_device(O_NONBLOCK);
    struct cxl_afu_id id;
    void *nowhere = (void *)(uintptr_t)8;

    for (size_t i = 0; i < sizeof(short_reads) / sizeof(short_reads[0]); i++) {
        observe_case(short_reads[i].name);
        observe_read_of(fd, short_reads[i].size);
    }
    try_refused_starts(fd);
    observe_case("start-bad-pointer");
    observe_start(fd, nowhere);
    observe_case("unknown-ioctl");
    observe_unknown_ioctl(fd);
    observe_case("afu-id-bad-pointer");
    observe_afu_id(fd, nowhere);
    observe_case("afu-id");
    observe_afu_id(fd, &id);
    observe_case("process-element");
    observe_process_element(fd);
    observe_case("start");
    observe_start(fd, &options.work);
    observe_case("start-again");
    observe_start(fd, &options.work);
}

static void run_afu_id(void)
{
    int fd = open_device(0);
    struct cxl_afu_id id;

    observe_afu_id(fd, &id);
    observe_process_element(fd);
}

/* ---- the table, and the command line --------------------------------------------------------------------------- */

static const struct scenario {
    const char *name;
    void (*run)(void);
    const char *summary;
} scenarios[] = {
    {"read", run_read, "blocking reads until N events"},
    {"nonblock", run_nonblock, "O_NONBLOCK: read until EAGAIN, then poll, until N events"},
    {"poll", run_poll, "poll, then a read, until N events"},
    {"select", run_select, "select, then a read, until N events"},
    {"epoll", run_epoll, "level-triggered epoll, then a read, until N events"},
    {"epollet", run_epollet, "edge-triggered epoll, drained to EAGAIN at each wake, until N events"},
    {"epollet-nodrain", run_epollet_nodrain, "edge-triggered epoll, exactly one read at each of N wakes"},
    {"watch-poll", run_watch_poll, "poll once, and leave what there is to others"},
    {"watch-epoll", run_watch_epoll, "the same in level-triggered epoll"},
    {"watch-epollet", run_watch_epollet, "the same in edge-triggered epoll"},
    {"setfl", run_setfl, "a read under O_NONBLOCK set by fcntl, then a blocking one after clearing it"},
    {"threads", run_threads, "two threads reading one descriptor until N events in all"},
    {"dup", run_dup, "reads alternate between a descriptor and its dup, until N events"},
    {"fork", run_fork, "the child reads once, then the parent"},
    {"scm", run_scm, "a child reads once from a descriptor sent by SCM_RIGHTS, the sender's copy closed"},
    {"eintr", run_eintr, "a blocking read cut short by SIGALRM; then, if started, another"},
    {"eintr-poll", run_eintr_poll, "a poll cut short by SIGALRM; then, if started, another and a read"},
    {"block", run_block, "`blocking`, then one read that may never end"},
    {"hold", run_hold, "`open`, wait for the end of stdin, `closed`"},
    {"hold-many", run_hold_many, "open N times, `opened N` or `opened K errno NAME`; start and read the last at a line on stdin"},
    {"errnos", run_errnos, "everything that must be refused; --irqs is the smallest number that the AFU takes"},
    {"drain", run_drain, "wait for a line on stdin, then read until an error, then poll"},
    {"close-other-thread", run_close_other_thread, "close under a thread that sleeps in read"},
    {"afu-id", run_afu_id, "GET_AFU_ID and GET_PROCESS_ELEMENT"},
};

static int usage(void)
{
    fputs("usage: client FILE SCENARIO [N] [--wed N] [--irqs N] [--flags N] [--no-start]\n"
          "              [--timeout-ms T | --seconds-free]\n",
          stderr);
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        fprintf(stderr, "  %-20s%s\n", scenarios[i].name, scenarios[i].summary);
    return 2;
}

static bool parse_command_line(int argc, char **argv)
{
    static const struct option names[] = {
        {"wed", required_argument, NULL, 'w'},        {"irqs", required_argument, NULL, 'i'},
        {"flags", required_argument, NULL, 'f'},      {"no-start", no_argument, NULL, 'n'},
        {"timeout-ms", required_argument, NULL, 't'}, {"seconds-free", no_argument, NULL, 's'},
        {0},
    };

    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (name) {
        case 'w': options.work.work_element_descriptor = strtoull(optarg, NULL, 0); break;
        case 'f': options.work.flags |= strtoull(optarg, NULL, 0); break;
        case 'i':
            options.work.flags |= CXL_START_WORK_NUM_IRQS;
            options.work.num_interrupts = (int16_t)strtol(optarg, NULL, 0);
            break;
        case 'n': options.start = false; break;
        case 't': options.timeout_ms = strtol(optarg, NULL, 0); break;
        case 's': options.timeout_ms = 0; break;
        default: return false;
        }
    }
    if (argc - optind == 3)
        options.n = strtol(argv[optind + 2], NULL, 0);
    return (argc - optind == 2 || argc - optind == 3) && options.n > 0;
}

static void *watch(void *unused)
{
    (void)unused;
    sleep_ms(options.timeout_ms);
    say("timeout");
    _exit(3);
}

/* A thread rather than SIGALRM, which scenarios use for themselves; and no signal may land on it. */
static void start_watchdog(void)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    start_thread(watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

int main(int argc, char **argv)
{
    if (!parse_command_line(argc, argv))
        return usage();
    options.file = argv[optind];
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        if (strcmp(argv[optind + 1], scenarios[i].name) != 0)
            continue;
        if (options.timeout_ms > 0)
            start_watchdog();
        scenarios[i].run();
        return 0;
    }
    return usage();
}
