/*
 * Starts work on the AFU `null`, which does nothing, and says what comes within a time all the same: somebody else raised it.
 *
 *     cc -o null null.c && ./null /dev/cxl/afu0.0d [MILLISECONDS]
 */
#include "client.h"

int main(int argc, char **argv)
{
    int fd = open_afu(argc, argv, " [MILLISECONDS]");
    int patience = argc > 2 ? atoi(argv[2]) : 1000;
    union event_buffer buffer;

    start_work(fd, 0);
    puts("started");
    fflush(stdout);
    while (wait_event(fd, &buffer, patience))
        print_event(&buffer.event);
    puts("nothing more");
    return 0;
}
