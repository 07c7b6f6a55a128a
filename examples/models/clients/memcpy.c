/*
 * Has the AFU `memcpy` copy, by the work element of START_WORK, and back again by its doorbell where it can be mapped.
 *
 *     cc -o memcpy memcpy.c && ./memcpy /dev/cxl/afu0.0d [LENGTH]
 */
#include "client.h"

#include <sys/mman.h>

struct work_element {
    uint64_t source, target, length, reserved;
};

/* Of 8 bytes each. */
enum { DOORBELL = 0, COMPLETED = 1, STATUS = 2 };
enum { DONE = 1, BUSY = 1, FAULTED = 2 };

static uint64_t address(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

/* Of a copy that nobody interrupts us for: waits by looking. */
static void await_copies(volatile uint64_t *registers, uint64_t copies)
{
    while (registers[COMPLETED] < copies) {
        if ((registers[STATUS] & (BUSY | FAULTED)) == FAULTED) {
            fprintf(stderr, "memcpy: STATUS says that it failed\n");
            exit(1);
        }
        usleep(1000);
    }
}

int main(int argc, char **argv)
{
    int fd = open_afu(argc, argv, " [LENGTH]");
    size_t length = argc > 2 ? strtoull(argv[2], NULL, 0) : 1 << 20;
    unsigned char *source = malloc(length + 1), *target = malloc(length + 1);
    volatile uint64_t *registers;
    struct work_element there = {address(source), address(target), length, 0};
    struct work_element back = {address(target), address(source), length, 0};

    if (!source || !target)
        die("malloc");
    for (size_t i = 0; i < length; i++)
        source[i] = (unsigned char)(i * 31 + (i >> 8));
    memset(target, 0, length);

    start_work(fd, address(&there));
    wait_interrupt(fd, DONE);
    if (memcmp(source, target, length) != 0) {
        fprintf(stderr, "memcpy: the target differs\n");
        return 1;
    }
    printf("%zu bytes copied\n", length);

    registers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (registers == MAP_FAILED) {
        printf("no doorbell: mmap: %s\n", strerror(errno));
        return 0;
    }
    memset(source, 0, length);
    registers[DOORBELL] = address(&back);
    await_copies(registers, 2);
    if (memcmp(source, target, length) != 0) {
        fprintf(stderr, "memcpy: the source differs\n");
        return 1;
    }
    printf("%zu bytes copied back\n", length);
    return 0;
}
