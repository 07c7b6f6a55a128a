/*
 * Copies memory of one process by another, and says what a copy takes.
 *
 *     cc -O2 -o copy copy.c
 *     ./copy --peer BYTES COUNT      one process_vm_readv and one process_vm_writev, by this program, in its child's memory
 *     ./copy DEVICE BYTES COUNT      by afukit's memcpy accelerator, in this program's memory: doorbell to interrupt
 *
 * Every page is touched before. Prints one line of JSON: the median of COUNT copies, after one that does not count.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cxl.h"

/* Where the problem state area begins for pwrite, and the register DOORBELL of the memcpy accelerator (docs/models/memcpy.md). */
#define MMIO_OFFSET (1LL << 40)
#define DOORBELL 0

struct work_element {
    uint64_t source, target, length, reserved;
};

static unsigned char *source, *target, *bounce;
static size_t size;
static int device;
static pid_t child;

static void check(int good, const char *what)
{
    if (good)
        return;
    fprintf(stderr, "copy: %s: %s\n", what, strerror(errno));
    if (child > 0)
        kill(child, SIGKILL);
    exit(1);
}

static unsigned char *memory(int value)
{
    unsigned char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    check(bytes != MAP_FAILED, "mmap");
    memset(bytes, value, size);
    return bytes;
}

static void copy_in_child(void)
{
    struct iovec here = {bounce, size}, from = {source, size}, to = {target, size};

    check(process_vm_readv(child, &here, 1, &from, 1, 0) == (ssize_t)size, "process_vm_readv");
    check(process_vm_writev(child, &here, 1, &to, 1, 0) == (ssize_t)size, "process_vm_writev");
}

static void copy_by_device(void)
{
    struct work_element element = {(uintptr_t)source, (uintptr_t)target, size, 0};
    uint64_t address = (uintptr_t)&element;
    unsigned char events[CXL_READ_MIN_SIZE];

    check(pwrite(device, &address, sizeof(address), MMIO_OFFSET + DOORBELL) == sizeof(address), "doorbell");
    check(read(device, events, sizeof(events)) == 16, "read");
    check(((struct event_header *)events)->type == CXL_EVENT_AFU_INTERRUPT, "no interrupt");
}

static int ascending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    void (*copy)(void) = copy_by_device;
    uint64_t *times;
    int count;

    if (argc != 4)
        return 2;
    size = strtoull(argv[2], NULL, 0);
    count = atoi(argv[3]);
    times = calloc((size_t)count, sizeof(*times));
    source = memory(1);
    target = memory(2);
    if (strcmp(argv[1], "--peer") == 0) {
        copy = copy_in_child;
        bounce = memory(3);
        child = fork();
        check(child >= 0, "fork");
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            /* Pages of its own, as those of any other program. */
            memset(source, 4, size);
            memset(target, 5, size);
            raise(SIGSTOP);
            _exit(0);
        }
        check(waitpid(child, NULL, WUNTRACED) == child, "waitpid");
    } else {
        struct start_work work = {0};

        device = open(argv[1], O_RDWR | O_CLOEXEC);
        check(device >= 0, argv[1]);
        check(ioctl(device, CXL_START_WORK, &work) == 0, "START_WORK");
    }
    for (int turn = -1; turn < count; turn++) {
        uint64_t begin = monotonic_ns();

        copy();
        if (turn >= 0)
            times[turn] = monotonic_ns() - begin;
    }
    if (copy == copy_by_device)
        check(memcmp(source, target, size) == 0, "the copy differs");
    qsort(times, (size_t)count, sizeof(*times), ascending);
    printf("{\"bytes\":%zu,\"median_ns\":%llu}\n", size, (unsigned long long)times[count / 2]);
    if (child > 0)
        kill(child, SIGKILL);
    return 0;
}
