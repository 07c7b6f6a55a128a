/*
 * Counts interrupts of the AFU `ticker`.
 *
 *     cc -o ticker ticker.c && ./ticker /dev/cxl/afu0.0d [TICKS [MICROSECONDS]]
 */
#include "client.h"

int main(int argc, char **argv)
{
    int fd = open_afu(argc, argv, " [TICKS [MICROSECONDS]]");
    long ticks = argc > 2 ? strtol(argv[2], NULL, 0) : 5;
    union event_buffer buffer;

    /* The work element descriptor is the period; 0: as the AFU was configured. */
    start_work(fd, argc > 3 ? strtoull(argv[3], NULL, 0) : 0);
    for (long i = 0; i < ticks; i++) {
        wait_event(fd, &buffer, -1);
        print_event(&buffer.event);
    }
    return 0;
}
