/*
 * The readers of a storm, for storm/ only: one process opens a device file and starts work on it, and shares the open
 * file with readers that it forks. Whatever a reader gets it has written to the log before its next call, so that
 * killing it loses at most what one read gave.
 *
 *     cc -O1 -Wall -Wextra -Werror -pthread -o client client.c
 *     ./client FILE LOG IRQS
 *
 * Says `open PE` on stdout, or `open -1 ERRNO`. Then takes commands on stdin, one a line:
 *
 *     reader MODE THREADS SEED FLAGS  forks a reader; FLAGS are letters of the table `flags`, or -; says `reader PID`
 *     signal PID NUMBER               for a reader that is still there; says `sent PID` or `gone`
 *     flip                            toggles O_NONBLOCK, which all holders of the open file share
 *     quit                            when no reader is left
 *
 * and says `ended PID STATUS` (as waitpid gives it) of each that ends, and `alone` when nobody is left, forks of readers
 * among them. The end of stdin ends everybody.
 *
 * The log is a sequence of `struct record`, each written whole by one O_APPEND write.
 */
#define _GNU_SOURCE
#include "../test/programs/cxl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    LOWEST_DUP = 100, /* what readers close is never below, what they must keep never above */
    MAX_THREADS = 8,
    MAX_READERS = 512,
    SIGNATURE = 7, /* how payload bytes follow from the sequence number, as storm/server.ts has it */
};

/* ---- the log --------------------------------------------------------------------------------------------------- */

/* Events have their type of the ABI, 1 to 4. */
enum { BORN = 100, ENDED = 101, TROUBLE = 102 };

struct record {
    uint32_t what, pid, tid, pe;
    uint64_t value; /* interrupt, address, error, sequence number; errno */
    uint64_t ns;    /* CLOCK_MONOTONIC */
};

static_assert(sizeof(struct record) == 32, "storm/log.ts reads records of 32 bytes");

static int log_fd;

static struct record record_of(uint32_t what, uint32_t pe, uint64_t value)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (struct record){
        .what = what,
        .pid = (uint32_t)getpid(),
        .tid = (uint32_t)syscall(SYS_gettid),
        .pe = pe,
        .value = value,
        .ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec,
    };
}

static void write_log(const struct record *records, size_t count)
{
    size_t size = count * sizeof(*records);

    if (write(log_fd, records, size) != (ssize_t)size)
        _exit(4);
}

static void note(uint32_t what, uint64_t value)
{
    struct record record = record_of(what, 0, value);

    write_log(&record, 1);
}

_Noreturn static void trouble(int error)
{
    note(TROUBLE, (uint64_t)error);
    _exit(5);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static bool payload_is_sound(const uint8_t *payload, size_t size, uint64_t sequence)
{
    if (size != sizeof(sequence) + sequence % 41)
        return false;
    for (size_t i = sizeof(sequence); i < size; i++)
        if (payload[i] != (uint8_t)(sequence + i * SIGNATURE))
            return false;
    return true;
}

static uint64_t value_of(const struct cxl_event_header *header)
{
    const uint8_t *body = (const uint8_t *)(header + 1);
    struct cxl_afu_interrupt interrupt;
    struct cxl_data_storage fault;
    struct cxl_afu_error error;
    uint64_t sequence = 0;

    switch (header->type) {
    case CXL_AFU_INTERRUPT: memcpy(&interrupt, body, sizeof(interrupt)); return interrupt.irq;
    case CXL_DATA_STORAGE:
        memcpy(&fault, body, sizeof(fault));
        if (fault.dsisr != ~fault.addr)
            trouble(EBADMSG);
        return fault.addr;
    case CXL_AFU_ERROR: memcpy(&error, body, sizeof(error)); return error.error;
    case CXL_AFU_DRIVER:
        if (header->size < sizeof(*header) + sizeof(sequence))
            trouble(EBADMSG);
        memcpy(&sequence, body, sizeof(sequence));
        if (!payload_is_sound(body, header->size - sizeof(*header), sequence))
            trouble(EBADMSG);
        return sequence;
    default: trouble(EBADMSG);
    }
}

static void log_events(const uint8_t *bytes, size_t size)
{
    struct record records[CXL_READ_MIN_SIZE / sizeof(struct cxl_event_header)];
    size_t count = 0;

    for (size_t at = 0; at < size;) {
        struct cxl_event_header header;

        if (size - at < sizeof(header))
            trouble(EBADMSG);
        memcpy(&header, bytes + at, sizeof(header));
        if (header.size < sizeof(header) || header.size > size - at)
            trouble(EBADMSG);
        records[count++] = record_of(header.type, header.process_element,
                                     value_of((const struct cxl_event_header *)(const void *)(bytes + at)));
        at += header.size;
    }
    write_log(records, count);
}

/* ---- readers --------------------------------------------------------------------------------------------------- */

struct reader {
    const struct mode *mode;
    atomic_int fd; /* its own descriptor, which others may close */
    int epoll;
    uint64_t random;
    bool exits; /* a fork of a reader: the process ends with it */
    long events_left;
};

/* How a reader gets at its events. */
struct mode {
    const char *name;
    void (*wait)(struct reader *);   /* until it is worth reading; may return early */
    void (*before)(struct reader *); /* before each read */
    bool waits_first;                /* else only after EAGAIN */
    uint32_t epoll_events;
};

static struct {
    int fd;
    bool forks, alarms, closes, passes;
    int thread_count;
    struct reader threads[MAX_THREADS];
    pthread_t ids[MAX_THREADS];
    atomic_int running;
    int forks_left;
} process = {.forks_left = 3};

static uint64_t random_below(struct reader *me, uint64_t bound)
{
    me->random ^= me->random << 13;
    me->random ^= me->random >> 7;
    me->random ^= me->random << 17;
    return me->random % bound;
}

static void renew_descriptor(struct reader *me)
{
    int fd = fcntl(process.fd, F_DUPFD_CLOEXEC, LOWEST_DUP);

    if (fd < 0)
        trouble(errno);
    atomic_store(&me->fd, fd);
}

static void set_nonblocking(int fd, bool on)
{
    int flags = fcntl(fd, F_GETFL);

    /* Somebody may have closed it meanwhile; read says so. */
    fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

static void wait_by_poll(struct reader *me)
{
    struct pollfd ask = {.fd = atomic_load(&me->fd), .events = POLLIN};

    poll(&ask, 1, -1);
}

static void wait_by_select(struct reader *me)
{
    int fd = atomic_load(&me->fd);
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    select(fd + 1, &set, NULL, NULL, NULL);
}

static void wait_by_epoll(struct reader *me)
{
    struct epoll_event ready;

    epoll_wait(me->epoll, &ready, 1, -1);
}

static void be_nonblocking(struct reader *me)
{
    set_nonblocking(process.fd, true);
    (void)me;
}

static void flip(struct reader *me)
{
    set_nonblocking(atomic_load(&me->fd), random_below(me, 2));
}

static void read_by_another_descriptor(struct reader *me)
{
    int former = atomic_load(&me->fd);

    renew_descriptor(me);
    close(former);
}

static const struct mode modes[] = {
    {.name = "read", .wait = wait_by_poll},
    {.name = "nonblock", .wait = wait_by_poll, .before = be_nonblocking},
    {.name = "poll", .wait = wait_by_poll, .waits_first = true},
    {.name = "select", .wait = wait_by_select, .waits_first = true},
    {.name = "epoll", .wait = wait_by_epoll, .waits_first = true, .epoll_events = EPOLLIN},
    {.name = "epollet", .wait = wait_by_epoll, .epoll_events = EPOLLIN | EPOLLET},
    {.name = "flip", .wait = wait_by_poll, .before = flip},
    {.name = "dup", .wait = wait_by_select, .before = read_by_another_descriptor},
};

static const struct mode *mode_named(const char *name)
{
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        if (strcmp(modes[i].name, name) == 0)
            return &modes[i];
    return NULL;
}

/* On the descriptor that nobody closes: a closed one would never wake it again. */
static void make_epoll(struct reader *me)
{
    struct epoll_event ask = {.events = me->mode->epoll_events};

    if (ask.events == 0)
        return;
    me->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (me->epoll < 0 || epoll_ctl(me->epoll, EPOLL_CTL_ADD, process.fd, &ask) != 0)
        trouble(errno);
}

/* A second reader that goes on where this one is; a wake-up that it got from a shared epoll would be missed here. */
static void perhaps_fork(struct reader *me)
{
    if (!process.forks || process.forks_left == 0 || random_below(me, 8) != 0)
        return;
    process.forks_left--;
    pid_t child = fork();
    if (child < 0)
        trouble(errno);
    if (child > 0)
        return;
    process.forks = process.alarms = process.closes = false;
    me->exits = true;
    me->random += (uint64_t)getpid();
    me->events_left = random_below(me, 2) ? -1 : (long)random_below(me, 50) + 1;
    make_epoll(me);
    note(BORN, 0);
}

static void end(struct reader *me, int error)
{
    note(ENDED, (uint64_t)error);
    if (me->exits)
        _exit(0);
    atomic_fetch_sub(&process.running, 1);
}

static void *read_on(void *argument)
{
    struct reader *me = argument;
    uint8_t bytes[CXL_READ_MIN_SIZE];

    note(BORN, 0);
    for (;;) {
        if (me->mode->waits_first)
            me->mode->wait(me);
        if (me->mode->before)
            me->mode->before(me);
        ssize_t size = read(atomic_load(&me->fd), bytes, sizeof(bytes));
        if (size > 0) {
            log_events(bytes, (size_t)size);
            if (me->events_left > 0 && --me->events_left == 0)
                return end(me, 0), NULL;
            perhaps_fork(me);
            continue;
        }
        if (size == 0)
            trouble(0);
        switch (errno) {
        case EINTR: break;
        case EAGAIN:
            if (!me->mode->waits_first)
                me->mode->wait(me);
            break;
        case EBADF: renew_descriptor(me); break;
        case EIO:
        case ENOTCONN:
        case ECONNABORTED:
        case ENODEV: return end(me, errno), NULL;
        default: trouble(errno);
        }
    }
}

/* Closes the readers' descriptors under them, also while they sleep in read. */
static void close_descriptors(struct reader *random)
{
    while (atomic_load(&process.running) > 0) {
        struct timespec pause = {.tv_nsec = 100000 + (long)random_below(random, 2000000)};

        nanosleep(&pause, NULL);
        close(atomic_load(&process.threads[random_below(random, (uint64_t)process.thread_count)].fd));
    }
}

static void on_signal(int signal)
{
    (void)signal;
}

static void handle(int signal, int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

    sigaction(signal, &action, NULL);
}

static void take_signals(struct reader *random)
{
    sigset_t none;

    handle(SIGALRM, random_below(random, 2) ? SA_RESTART : 0);
    signal(SIGCHLD, SIG_IGN); /* forks of readers need no waiting for */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (process.alarms) {
        long us = 300 + (long)random_below(random, 3000);
        struct itimerval often = {.it_interval.tv_usec = us, .it_value.tv_usec = us};

        setitimer(ITIMER_REAL, &often, NULL);
    }
}

/* The same open file by another way: a message of one byte and the descriptor. */
static int passed_by_socket(int fd)
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
    int sockets[2];

    memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0 || sendmsg(sockets[0], &message, 0) != 1)
        trouble(errno);
    close(fd);
    if (recvmsg(sockets[1], &message, 0) != 1)
        trouble(errno);
    memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
    close(sockets[0]);
    close(sockets[1]);
    return fd;
}

_Noreturn static void be_reader(const struct mode *mode, uint64_t seed)
{
    struct reader random = {.random = seed};

    if (process.passes)
        process.fd = passed_by_socket(process.fd);
    take_signals(&random);
    atomic_store(&process.running, process.thread_count);
    for (int i = 0; i < process.thread_count; i++) {
        struct reader *thread = &process.threads[i];

        *thread = (struct reader){.mode = mode, .random = seed + (uint64_t)i + 1, .events_left = -1};
        renew_descriptor(thread);
        make_epoll(thread);
        if (pthread_create(&process.ids[i], NULL, read_on, thread) != 0)
            trouble(EAGAIN);
    }
    if (process.closes)
        close_descriptors(&random);
    for (int i = 0; i < process.thread_count; i++)
        pthread_join(process.ids[i], NULL);
    exit(0);
}

/* ---- the holder ------------------------------------------------------------------------------------------------ */

static pid_t readers[MAX_READERS];

static pid_t *place_of(pid_t pid)
{
    for (size_t i = 0; i < MAX_READERS; i++)
        if (readers[i] == pid)
            return &readers[i];
    return NULL;
}

static const struct {
    char letter;
    bool *on;
} flags[] = {
    {'f', &process.forks},
    {'a', &process.alarms},
    {'c', &process.closes},
    {'p', &process.passes},
};

static void start_reader(const char *name, int threads, uint64_t seed, const char *letters)
{
    const struct mode *mode = mode_named(name);
    pid_t *place = place_of(0), holder = getpid();

    if (!mode || !place || threads < 1 || threads > MAX_THREADS)
        exit(2);
    pid_t pid = *place = fork();
    if (pid < 0)
        exit(4);
    if (pid > 0) {
        printf("reader %d\n", pid);
        return;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != holder)
        _exit(1);
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        *flags[i].on = strchr(letters, flags[i].letter) != NULL;
    process.thread_count = threads;
    be_reader(mode, seed | 1);
}

static void obey(const char *line)
{
    char mode[16], letters[16];
    int threads, pid, number;
    unsigned long long seed;

    if (sscanf(line, "reader %15s %d %llu %15s", mode, &threads, &seed, letters) == 4)
        start_reader(mode, threads, seed, letters);
    else if (sscanf(line, "signal %d %d", &pid, &number) == 2)
        /* Not waited for yet, so the number is nobody else's. */
        if (pid > 0 && place_of(pid) && kill(pid, number) == 0)
            printf("sent %d\n", pid);
        else
            puts("gone");
    else if (strcmp(line, "flip") == 0)
        set_nonblocking(process.fd, !(fcntl(process.fd, F_GETFL) & O_NONBLOCK));
    else if (strcmp(line, "quit") == 0)
        exit(0);
    else
        exit(2);
}

static void reap(int signals)
{
    struct signalfd_siginfo ignored;
    int status;
    pid_t pid;

    if (read(signals, &ignored, sizeof(ignored)) < 0)
        return;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        pid_t *place = place_of(pid);

        /* A fork whose reader is gone is waited for here, and known by its records only. */
        if (!place)
            continue;
        *place = 0;
        printf("ended %d %d\n", pid, status);
    }
    /* The forks of a reader that has ended are children of this process. */
    if (pid < 0)
        puts("alone");
}

static void obey_all(int signals)
{
    char line[4096];
    size_t length = 0;
    struct pollfd ask[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = signals, .events = POLLIN}};

    while (poll(ask, 2, -1) >= 0 || errno == EINTR) {
        if (ask[1].revents)
            reap(signals);
        if (!ask[0].revents)
            continue;
        ssize_t size = read(STDIN_FILENO, line + length, sizeof(line) - 1 - length);
        if (size <= 0)
            kill(0, SIGKILL); /* everybody in the group, this one too */
        length += (size_t)size;
        for (char *newline; (newline = memchr(line, '\n', length));) {
            *newline = '\0';
            obey(line);
            length -= (size_t)(newline + 1 - line);
            memmove(line, newline + 1, length);
        }
    }
}

int main(int argc, char **argv)
{
    struct cxl_start_work work = {.flags = CXL_START_WORK_NUM_IRQS};
    uint32_t pe;
    sigset_t child;

    if (argc != 4)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    /* Readers have them from their first moment on. */
    handle(SIGUSR1, SA_RESTART);
    handle(SIGUSR2, 0);
    log_fd = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    process.fd = open(argv[1], O_RDWR | O_CLOEXEC);
    work.num_interrupts = (int16_t)atoi(argv[3]);
    if (log_fd < 0 || process.fd < 0 || ioctl(process.fd, CXL_START_WORK, &work) != 0 ||
        ioctl(process.fd, CXL_GET_PROCESS_ELEMENT, &pe) != 0) {
        printf("open -1 %s\n", strerror(errno));
        return 1;
    }
    printf("open %u\n", pe);
    obey_all(signalfd(-1, &child, SFD_CLOEXEC));
    return 4;
}
