/*
 * Uses the registers of the AFU `registers` as it is without options: what is stored to CONTROL appears in STATUS, and
 * interrupt 1 says so.
 *
 *     cc -o registers registers.c && ./registers /dev/cxl/afu0.0d [VALUE]
 */
#include "client.h"

#include <sys/mman.h>

/* Of 8 bytes each. */
enum { CONTROL = 0, STATUS = 1, SCRATCH = 2 };

int main(int argc, char **argv)
{
    int fd = open_afu(argc, argv, " [VALUE]");
    uint64_t value = argc > 2 ? strtoull(argv[2], NULL, 0) : 42;
    volatile uint64_t *registers;

    /* Before START_WORK there is nothing to map. */
    start_work(fd, 0);
    registers = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (registers == MAP_FAILED)
        die("mmap");

    registers[SCRATCH] = ~value;
    registers[CONTROL] = value;
    wait_interrupt(fd, 1);
    printf("CONTROL %" PRIu64 ", STATUS %" PRIu64 ", SCRATCH %#" PRIx64 "\n", registers[CONTROL], registers[STATUS],
           registers[SCRATCH]);
    return registers[STATUS] == value && registers[SCRATCH] == ~value ? 0 : 1;
}
