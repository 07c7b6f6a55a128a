/*
 * A program that maps device files, one system call for each line on stdin, and says on one line what came of it. It knows
 * nothing of who serves the files.
 *
 *     cc -O1 -Wall -Wextra -Werror -pthread -o mapper mapper.c
 *     ./mapper FILE
 *
 * F and M are places, 0 to 7, for a descriptor and for a mapping; numbers are as strtol takes them. Answers are `0 ...`,
 * `-1 ERRNO`, or the signal's name where an access to memory got one. The table at the end is the list of commands.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cxl.h"

enum { PLACES = 8 };

static const char *file;
static int fds[PLACES];
static struct {
    volatile unsigned char *bytes;
    size_t size;
} maps[PLACES];
static sigjmp_buf fault;
static volatile sig_atomic_t caught;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char line[512];
    va_list arguments;
    int length;

    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    line[length++] = '\n';
    if (write(STDOUT_FILENO, line, (size_t)length) != length)
        _exit(1);
}

static void say_result(long result)
{
    if (result < 0)
        say("-1 %s", strerrorname_np(errno));
    else
        say("%ld", result);
}

static void say_bytes(ssize_t length, const char *bytes)
{
    if (length < 0)
        say_result(-1);
    else
        say("%zd %.*s", length, (int)length, bytes);
}

static void on_fault(int signal)
{
    caught = signal;
    siglongjmp(fault, 1);
}

/* ---- commands: the words behind the name ----------------------------------------------------------------------- */

static long number(char **words, int at)
{
    return words[at] ? strtol(words[at], NULL, 0) : 0;
}

static int open_flags(const char *letters)
{
    int flags = strchr(letters, 'w') ? (strchr(letters, 'r') ? O_RDWR : O_WRONLY) : O_RDONLY;

    return flags | O_CLOEXEC | (strchr(letters, 'n') ? O_NONBLOCK : 0) | (strchr(letters, 'p') ? O_PATH : 0);
}

static void do_open(char **words)
{
    int *fd = &fds[number(words, 0)];

    *fd = open(file, open_flags(words[1]));
    say_result(*fd < 0 ? -1 : 0);
}

static void do_reopen(char **words)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[number(words, 1)]);
    fds[number(words, 0)] = open(path, O_RDWR | O_CLOEXEC);
    say_result(fds[number(words, 0)] < 0 ? -1 : 0);
}

static void do_close(char **words)
{
    say_result(close(fds[number(words, 0)]));
}

static void do_stat(char **words)
{
    struct stat path, fd;

    if (stat(file, &path) != 0 || fstat(fds[number(words, 0)], &fd) != 0)
        say_result(-1);
    else
        say("%ju %ju", (uintmax_t)path.st_ino, (uintmax_t)fd.st_ino);
}

/* map M F r|w|rw shared|private BYTES [OFFSET] */
static void do_map(char **words)
{
    long m = number(words, 0);
    int protection = (strchr(words[2], 'r') ? PROT_READ : 0) | (strchr(words[2], 'w') ? PROT_WRITE : 0);
    int flags = strcmp(words[3], "shared") == 0 ? MAP_SHARED : MAP_PRIVATE;
    size_t size = (size_t)number(words, 4);
    void *bytes = mmap(NULL, size, protection, flags, fds[number(words, 1)], number(words, 5));

    if (bytes != MAP_FAILED) {
        maps[m].bytes = bytes;
        maps[m].size = size;
    }
    say_result(bytes == MAP_FAILED ? -1 : 0);
}

static void do_unmap(char **words)
{
    long m = number(words, 0);

    say_result(munmap((void *)maps[m].bytes, maps[m].size));
}

static void do_load(char **words)
{
    if (sigsetjmp(fault, 1) == 0)
        say("%d", maps[number(words, 0)].bytes[number(words, 1)]);
    else
        say("SIG%s", sigabbrev_np(caught));
}

static void do_store(char **words)
{
    if (sigsetjmp(fault, 1) == 0) {
        maps[number(words, 0)].bytes[number(words, 1)] = (unsigned char)number(words, 2);
        say("0");
    } else {
        say("SIG%s", sigabbrev_np(caught));
    }
}

static void do_read(char **words)
{
    char bytes[256];

    say_bytes(read(fds[number(words, 0)], bytes, sizeof(bytes)), bytes);
}

static void do_pread(char **words)
{
    char bytes[256];

    say_bytes(pread(fds[number(words, 0)], bytes, (size_t)number(words, 1), number(words, 2)), bytes);
}

static void do_write(char **words)
{
    say_result(write(fds[number(words, 0)], words[1], strlen(words[1])));
}

static void do_pwrite(char **words)
{
    say_result(pwrite(fds[number(words, 0)], words[1], strlen(words[1]), number(words, 2)));
}

static void do_poll(char **words)
{
    struct pollfd ask = {.fd = fds[number(words, 0)], .events = POLLIN};
    int ready = poll(&ask, 1, (int)number(words, 1));

    say(ready < 0 ? "-1" : "%d 0x%x", ready, (unsigned)ask.revents);
}

static void do_ioctl(char **words)
{
    uint32_t argument = 0;
    int result = ioctl(fds[number(words, 0)], (unsigned long)number(words, 1), &argument);

    if (result < 0)
        say_result(-1);
    else
        say("%d 0x%x", result, argument);
}

/* start F [FLAGS [WED]]: CXL_START_WORK */
static void do_start(char **words)
{
    struct cxl_start_work work = {
        .flags = words[1] ? (uint64_t)number(words, 1) : 0,
        .work_element_descriptor = words[1] && words[2] ? (uint64_t)number(words, 2) : 0,
    };

    say_result(ioctl(fds[number(words, 0)], CXL_START_WORK, &work));
}

/* Words of 8 bytes: what is loaded is said in hex. */
static void do_load64(char **words)
{
    if (sigsetjmp(fault, 1) == 0)
        say("0x%jx", (uintmax_t)*(volatile uint64_t *)(maps[number(words, 0)].bytes + number(words, 1)));
    else
        say("SIG%s", sigabbrev_np(caught));
}

static void do_store64(char **words)
{
    if (sigsetjmp(fault, 1) == 0) {
        *(volatile uint64_t *)(maps[number(words, 0)].bytes + number(words, 1)) = strtoull(words[2], NULL, 0);
        say("0");
    } else {
        say("SIG%s", sigabbrev_np(caught));
    }
}

static void do_pread64(char **words)
{
    uint64_t word = 0;
    ssize_t length = pread(fds[number(words, 0)], &word, (size_t)number(words, 1), strtoll(words[2], NULL, 0));

    if (length < 0)
        say_result(-1);
    else
        say("%zd 0x%jx", length, (uintmax_t)word);
}

static void do_pwrite64(char **words)
{
    uint64_t word = strtoull(words[3], NULL, 0);

    say_result(pwrite(fds[number(words, 0)], &word, (size_t)number(words, 1), strtoll(words[2], NULL, 0)));
}

/* What one read of an event gives, in hex. */
static void do_event(char **words)
{
    unsigned char bytes[4096];
    char hex[2 * 64 + 1] = "";
    ssize_t length = read(fds[number(words, 0)], bytes, sizeof(bytes));

    for (ssize_t i = 0; i < length && i < 64; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    if (length < 0)
        say_result(-1);
    else
        say("%zd %s", length, hex);
}

/* A child with everything that this process has, which does nothing but end with it or with `signal`. */
static void do_fork(char **words)
{
    pid_t child = fork();

    (void)words;
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    say_result(child);
}

static void *read_later(void *fd)
{
    char bytes[256];
    ssize_t length = read((int)(intptr_t)fd, bytes, sizeof(bytes));

    say("thread %zd %.*s", length, length > 0 ? (int)length : 0, bytes);
    return NULL;
}

/* Answers at once; the read's own line comes later. */
static void do_thread(char **words)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, read_later, (void *)(intptr_t)fds[number(words, 0)]);

    say_result(error ? -1 : 0);
}

/*
 * race N COMMAND: N times open, map, store a word of its own, ask the device by ioctl what it has in this open file's
 * memory, look at the word again, let go. Says how many opens failed, and how many words were not its own.
 */
static void do_race(char **words)
{
    unsigned long failed = 0, wrong = 0;
    int error = 0;

    for (long turn = 1; turn <= number(words, 0); turn++) {
        uint32_t mine = (uint32_t)getpid() << 12 ^ (uint32_t)turn, theirs = 0;
        int fd = open(file, O_RDWR | O_CLOEXEC);
        volatile uint32_t *word = fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

        if (word == MAP_FAILED) {
            error = errno;
            failed++;
        } else {
            wrong += *word != 0;
            *word = mine;
            sched_yield();
            if (ioctl(fd, (unsigned long)number(words, 1), &theirs) < 0 || theirs != mine || *word != mine)
                wrong++;
            munmap((void *)word, 4096);
        }
        if (fd >= 0)
            close(fd);
    }
    say("failed %lu%s%s wrong %lu", failed, failed ? " " : "", failed ? strerrorname_np(error) : "", wrong);
}

/* time N [open]: nanoseconds for a stat, or for an open and a close, each the mean of N. */
static void do_time(char **words)
{
    struct timespec from, to;
    struct stat ignored;
    long turns = number(words, 0);

    clock_gettime(CLOCK_MONOTONIC, &from);
    for (long turn = 0; turn < turns; turn++)
        if (words[1])
            close(open(file, O_RDWR | O_CLOEXEC));
        else
            stat(file, &ignored);
    clock_gettime(CLOCK_MONOTONIC, &to);
    say("%ld", ((to.tv_sec - from.tv_sec) * 1000000000L + to.tv_nsec - from.tv_nsec) / turns);
}

static const struct {
    const char *name;
    void (*run)(char **words);
} commands[] = {
    {"open", do_open},   /* F LETTERS: r, w, n for O_NONBLOCK, p for O_PATH */
    {"reopen", do_reopen}, /* F G: through /proc/self/fd what G is */
    {"close", do_close}, /* F */
    {"stat", do_stat},   /* F: st_ino of the path and of the descriptor */
    {"map", do_map},     {"unmap", do_unmap},
    {"load", do_load},   /* M OFFSET */
    {"store", do_store}, /* M OFFSET BYTE */
    {"read", do_read},   /* F */
    {"pread", do_pread}, /* F SIZE OFFSET */
    {"write", do_write}, /* F TEXT */
    {"pwrite", do_pwrite}, /* F TEXT OFFSET */
    {"poll", do_poll},   /* F MILLISECONDS */
    {"ioctl", do_ioctl}, /* F COMMAND, with a word that may be answered */
    {"start", do_start},     /* F [FLAGS [WED]] */
    {"load64", do_load64},   /* M OFFSET */
    {"store64", do_store64}, /* M OFFSET VALUE */
    {"pread64", do_pread64}, /* F SIZE OFFSET */
    {"pwrite64", do_pwrite64}, /* F SIZE OFFSET VALUE */
    {"event", do_event},     /* F */
    {"fork", do_fork},   {"thread", do_thread},
    {"race", do_race},   {"time", do_time},
};

static void run(char *line)
{
    char *words[8] = {0}, *name = strtok(line, " \n");

    for (int i = 0; i < 7 && (words[i] = strtok(NULL, " \n")); i++)
        ;
    for (size_t i = 0; name && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(name, commands[i].name) == 0) {
            commands[i].run(words);
            return;
        }
    }
    say("no such command");
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_fault};
    char line[512];

    if (argc != 2)
        return 2;
    file = argv[1];
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGSEGV, &action, NULL);
    while (fgets(line, sizeof(line), stdin))
        run(line);
    return 0;
}
