/*
 * Has the AFU add up 1 + 2 + ... + N.
 *
 *     cc -I ../models/clients -o client client.c && ./client /dev/cxl/afu0.0d [N]
 */
#include "client.h"

/* What model.ts says of a work element. */
struct work_element {
    uint64_t numbers, count;
    double sum;
};

int main(int argc, char **argv)
{
    int fd = open_afu(argc, argv, " [N]");
    size_t count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000;
    double *numbers = malloc((count + 1) * sizeof(*numbers));
    struct work_element work = {(uint64_t)(uintptr_t)numbers, count, 0};

    if (!numbers)
        die("malloc");
    for (size_t i = 0; i < count; i++)
        numbers[i] = (double)(i + 1);
    start_work(fd, (uint64_t)(uintptr_t)&work);
    wait_interrupt(fd, 1);
    printf("the sum of 1 to %zu is %.0f\n", count, *(volatile double *)&work.sum);
    return 0;
}
