/*
 * A whole session with a memcpy accelerator, as a program for libcxl would have it: the device is opened by libcxl's
 * sequence, its registers are mapped, a doorbell is rung, the accelerator copies this program's memory, its interrupt is
 * taken by poll and read, and a fault is provoked and seen.
 *
 *     cc -Wall -Wextra -Werror -o session session.c
 *     ./session /dev/cxl/afu0.0d
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cxl.h"

enum { DOORBELL = 0, COMPLETED = 1, BYTES = 1 << 20, PAGE = 4096 };

struct work_element {
    uint64_t source, target, length, reserved;
};

static void must(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

/* cxl_afu_open_dev: a character device, of which a node in /dev/cxl has the number, and whose API is understood. */
static int open_device(const char *path)
{
    struct cxl_afu_id id;
    struct stat opened, node;
    struct dirent *entry;
    char name[512] = "", version[600];
    FILE *attribute;
    DIR *nodes;
    int compatible = 0, fd = open(path, O_RDWR | O_CLOEXEC);

    must(fd >= 0, path);
    must(fstat(fd, &opened) == 0 && S_ISCHR(opened.st_mode), "not a character device");
    must((nodes = opendir("/dev/cxl")) != NULL, "/dev/cxl");
    while ((entry = readdir(nodes)) != NULL) {
        snprintf(version, sizeof(version), "/dev/cxl/%s", entry->d_name);
        if (stat(version, &node) == 0 && S_ISCHR(node.st_mode) && node.st_rdev == opened.st_rdev)
            snprintf(name, sizeof(name), "%s", entry->d_name);
    }
    closedir(nodes);
    must(name[0] != '\0', "no node of that number");
    must(ioctl(fd, CXL_GET_AFU_ID, &id) == 0, "GET_AFU_ID");
    snprintf(version, sizeof(version), "/sys/class/cxl/%s/device/api_version_compatible", name);
    must((attribute = fopen(version, "r")) != NULL, version);
    must(fscanf(attribute, "%d", &compatible) == 1 && compatible == 1, "api_version_compatible");
    fclose(attribute);
    printf("opened %s, %u:%u, card %u, AFU %u\n", name, major(opened.st_rdev), minor(opened.st_rdev), id.card_id,
           id.afu_offset);
    return fd;
}

static void take_event(int fd)
{
    union {
        unsigned char bytes[CXL_READ_MIN_SIZE];
        struct {
            struct cxl_event_header header;
            union {
                struct cxl_afu_interrupt irq;
                struct cxl_data_storage fault;
            };
        };
    } event;
    struct pollfd ask = {.fd = fd, .events = POLLIN};

    must(poll(&ask, 1, 10000) == 1 && (ask.revents & POLLIN) != 0, "poll");
    must(read(fd, event.bytes, sizeof(event.bytes)) == event.header.size, "read");
    if (event.header.type == CXL_AFU_INTERRUPT)
        printf("interrupt %u\n", event.irq.irq);
    else if (event.header.type == CXL_DATA_STORAGE)
        printf("fault at 0x%llx, dsisr 0x%llx\n", (unsigned long long)event.fault.addr,
               (unsigned long long)event.fault.dsisr);
    else
        printf("event of type %u\n", event.header.type);
}

int main(int argc, char **argv)
{
    static unsigned char source[BYTES], target[BYTES];
    struct cxl_start_work work = {0};
    volatile uint64_t *registers;
    struct work_element element = {(uintptr_t)source, (uintptr_t)target, BYTES, 0};
    int fd;

    if (argc != 2)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    fd = open_device(argv[1]);
    must(ioctl(fd, CXL_START_WORK, &work) == 0, "START_WORK");
    registers = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    must(registers != MAP_FAILED, "mmap");
    for (int i = 0; i < BYTES; i++)
        source[i] = (unsigned char)(i * 31 + i / 251);

    registers[DOORBELL] = (uintptr_t)&element;
    take_event(fd);
    printf("%s, %llu completed\n", memcmp(source, target, BYTES) == 0 ? "copied" : "NOT copied",
           (unsigned long long)registers[COMPLETED]);

    element.target = 0xdead0000;
    registers[DOORBELL] = (uintptr_t)&element;
    take_event(fd);
    printf("%llu completed\n", (unsigned long long)registers[COMPLETED]);
    return 0;
}
