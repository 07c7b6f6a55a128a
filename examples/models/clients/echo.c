/*
 * Shows what the driver of the AFU `echo` sends: whatever somebody writes to debug/cxl/afuC.S/echo.
 *
 *     cc -o echo echo.c && ./echo /dev/cxl/afu0.0d [EVENTS]
 */
#include "client.h"

int main(int argc, char **argv)
{
    int fd = open_afu(argc, argv, " [EVENTS]");
    long events = argc > 2 ? strtol(argv[2], NULL, 0) : 1;
    union event_buffer buffer;

    start_work(fd, 0);
    puts("waiting");
    fflush(stdout);
    while (events-- > 0) {
        const struct cxl_event_header *header = &buffer.event.header;

        wait_event(fd, &buffer, -1);
        if (header->type == CXL_EVENT_AFU_DRIVER) {
            printf("%.*s\n", (int)(header->size - sizeof(*header)), buffer.bytes + sizeof(*header));
            fflush(stdout);
        } else {
            print_event(&buffer.event);
        }
    }
    return 0;
}
