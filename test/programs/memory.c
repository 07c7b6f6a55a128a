/*
 * A program whose memory the tests look at from outside: maps pages, changes and reads them, and becomes or makes others,
 * one command per line of stdin, one line of answer to each.
 *
 *     cc -O1 -Wall -Wextra -Werror -pthread -o memory memory.c
 *     ./memory
 *
 * Says `ready PID` at first, and again after `exec`. Addresses are hexadecimal with 0x, numbers decimal. A command that
 * fails is answered `-1 ERRNO-TEXT`. Ends with its stdin. Commands are the table at the end.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_BYTES = 4096 };

static char *program;
static int memory_fd = -1;

static void answer(const char *format, const char *text, unsigned long long value)
{
    printf(format, text, value);
    putchar('\n');
    fflush(stdout);
}

static void say(unsigned long long value) { answer("%s%llu", "", value); }
static void say_address(const void *at) { answer("%s0x%llx", "", (uintptr_t)at); }
static void fail(void) { answer("-1 %s", strerror(errno), 0); }

static void *address(const char *text) { return (void *)(uintptr_t)strtoull(text, NULL, 16); }
static size_t bytes(const char *pages) { return strtoul(pages, NULL, 10) * (size_t)getpagesize(); }

static int protection(const char *text)
{
    return (strchr(text, 'r') ? PROT_READ : 0) | (strchr(text, 'w') ? PROT_WRITE : 0) |
           (strchr(text, 'x') ? PROT_EXEC : 0);
}

/* Where it is wanted, or anywhere for 0; each page is filled with its own number, from 1. */
static void map_at(char *at, size_t size, const char *access, int flags, int fd)
{
    int fixed = at ? MAP_FIXED_NOREPLACE : 0;
    char *memory = mmap(at, size, PROT_READ | PROT_WRITE, flags | fixed, fd, 0);

    if (memory == MAP_FAILED) {
        fail();
        return;
    }
    for (size_t page = 0; page < size / (size_t)getpagesize(); page++)
        memset(memory + page * (size_t)getpagesize(), (int)page + 1, (size_t)getpagesize());
    if (mprotect(memory, size, protection(access)))
        fail();
    else
        say_address(memory);
}

static void private(char **words) { map_at(address(words[1]), bytes(words[2]), words[3], MAP_PRIVATE | MAP_ANONYMOUS, -1); }
static void shared(char **words) { map_at(address(words[1]), bytes(words[2]), words[3], MAP_SHARED | MAP_ANONYMOUS, -1); }

static void map_file(char **words, int fd)
{
    memory_fd = fd;
    if (fd < 0 || ftruncate(fd, (off_t)bytes(words[2])))
        fail();
    else
        map_at(address(words[1]), bytes(words[2]), words[3], MAP_SHARED, fd);
}

static void file(char **words) { map_file(words, open(words[4], O_RDWR | O_CREAT, 0666)); }
static void memfd(char **words) { map_file(words, memfd_create("doorbells", MFD_CLOEXEC)); }

/* The file that was mapped last gets shorter or longer. */
static void resize(char **words)
{
    if (ftruncate(memory_fd, (off_t)bytes(words[1])))
        fail();
    else
        say(0);
}

/* Other pages of that file in place of what is there. */
static void remap(char **words)
{
    int flags = (strcmp(words[3], "private") ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED;
    void *memory = mmap(address(words[1]), (size_t)getpagesize(), PROT_READ | PROT_WRITE, flags, memory_fd,
                        (off_t)bytes(words[2]));

    if (memory == MAP_FAILED)
        fail();
    else
        say_address(memory);
}

static void protect(char **words)
{
    if (mprotect(address(words[1]), bytes(words[2]), protection(words[3])))
        fail();
    else
        say(0);
}

static void unmap(char **words)
{
    if (munmap(address(words[1]), bytes(words[2])))
        fail();
    else
        say(0);
}

static void get(char **words)
{
    const unsigned char *from = address(words[1]);
    unsigned long count = strtoul(words[2], NULL, 10);

    for (unsigned long i = 0; i < count && i < MOST_BYTES; i++)
        printf("%02x", from[i]);
    putchar('\n');
    fflush(stdout);
}

static void get8(char **words) { say(atomic_load((_Atomic uint64_t *)address(words[1]))); }
static void get4(char **words) { say(atomic_load((_Atomic uint32_t *)address(words[1]))); }
static void set8(char **words)
{
    atomic_store((_Atomic uint64_t *)address(words[1]), strtoull(words[2], NULL, 10));
    say(0);
}

/* ---- counting while somebody else counts ------------------------------------------------------------------------- */

static pthread_t counter;
static atomic_bool counting;
static uint64_t counted;
static int width;

/* Bursts, and pauses of many lengths between them: what another does meets both. */
static void *count_up(void *word)
{
    unsigned seed = 1;

    for (counted = 0; atomic_load(&counting);) {
        for (int i = 0; i < 3; i++, counted++) {
            if (width == 8)
                atomic_fetch_add((_Atomic uint64_t *)word, 1);
            else
                atomic_fetch_add((_Atomic uint32_t *)word, 1);
        }
        for (volatile int pause = rand_r(&seed) % 100000; pause > 0; pause--)
            ;
    }
    return NULL;
}

static void count(char **words)
{
    width = atoi(words[2]);
    atomic_store(&counting, true);
    pthread_create(&counter, NULL, count_up, address(words[1]));
    say(0);
}

static void counted_up(char **words)
{
    (void)words;
    atomic_store(&counting, false);
    pthread_join(counter, NULL);
    say(counted);
}

/* ---- threads and processes --------------------------------------------------------------------------------------- */

static void serve(void);

static void *sleep_on(void *unused)
{
    (void)unused;
    say((unsigned long long)syscall(SYS_gettid));
    while (pause())
        ;
    return NULL;
}

static void *serve_on(void *unused)
{
    (void)unused;
    say((unsigned long long)syscall(SYS_gettid));
    serve();
    exit(0);
}

static void thread(char **words)
{
    pthread_t id;

    (void)words;
    pthread_create(&id, NULL, sleep_on, NULL);
}

/* The thread that the process began with ends, and another one answers from then on. */
static void leave(char **words)
{
    pthread_t id;

    (void)words;
    pthread_create(&id, NULL, serve_on, NULL);
    pthread_exit(NULL);
}

static atomic_bool sharing;

static int sleep_in_shared_memory(void *unused)
{
    (void)unused;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    atomic_store(&sharing, true);
    while (pause())
        ;
    return 0;
}

/* A process, and not a thread, with the very same memory. */
static void share(char **words)
{
    static char stack[65536];
    int pid = clone(sleep_in_shared_memory, stack + sizeof(stack), CLONE_VM, NULL);

    (void)words;
    if (pid < 0) {
        fail();
        return;
    }
    /* Whoever ends before would leave it behind. */
    while (!atomic_load(&sharing))
        sched_yield();
    say((unsigned long long)pid);
}

static void become(char **words)
{
    (void)words;
    execl(program, program, (char *)NULL);
    fail();
}

static void undumpable(char **words)
{
    (void)words;
    prctl(PR_SET_DUMPABLE, 0);
    say(0);
}

/* ------------------------------------------------------------------------------------------------------------------ */

enum { MOST_WORDS = 5 };

static const struct {
    const char *name;
    int words; /* with its own */
    void (*run)(char **words);
} commands[] = {
    {"private", 4, private},    /* ADDRESS PAGES PROTECTION: anonymous memory */
    {"shared", 4, shared},      /* the same, shared */
    {"memfd", 4, memfd},        /* the same, of a memfd */
    {"file", 5, file},          /* the same and PATH */
    {"resize", 2, resize},      /* PAGES */
    {"remap", 4, remap},        /* ADDRESS FIRST-PAGE shared|private */
    {"protect", 4, protect},    /* ADDRESS PAGES PROTECTION */
    {"unmap", 3, unmap},        /* ADDRESS PAGES */
    {"get", 3, get},            /* ADDRESS BYTES: in hexadecimal */
    {"get4", 2, get4},          /* ADDRESS */
    {"get8", 2, get8},          /* ADDRESS */
    {"set8", 3, set8},          /* ADDRESS VALUE */
    {"count", 3, count},        /* ADDRESS WIDTH: a thread adds 1, again and again */
    {"counted", 1, counted_up}, /* stops it: how often it did */
    {"thread", 1, thread},      /* its id */
    {"leave", 1, leave},        /* the id of the thread that answers now */
    {"share", 1, share},        /* the id of the process */
    {"exec", 1, become},
    {"undumpable", 1, undumpable},
};

static void serve(void)
{
    char line[512];

    while (fgets(line, sizeof(line), stdin)) {
        char *words[MOST_WORDS] = {NULL}, *rest = line;
        int n = 0;
        size_t i;

        while (n < MOST_WORDS && (words[n] = strtok_r(n ? NULL : line, " \n", &rest)))
            n++;
        for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
            if (n == commands[i].words && !strcmp(words[0], commands[i].name))
                break;
        if (i == sizeof(commands) / sizeof(*commands)) {
            fprintf(stderr, "memory: what is \"%s\"?\n", n ? words[0] : "");
            exit(2);
        }
        commands[i].run(words);
    }
}

int main(int argc, char **argv)
{
    (void)argc;
    program = argv[0];
    setvbuf(stdin, NULL, _IONBF, 0); /* what comes after `exec` is for the program that follows */
    answer("ready %s%llu", "", (unsigned long long)getpid());
    serve();
    return 0;
}
