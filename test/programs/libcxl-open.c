/*
 * Opens devices the way libcxl 1.7 does, step by step, and says what came of each step. It is our own, written from what
 * the library is known to ask of a system: the class directory, /dev/cxl and the ioctls, at their fixed places.
 *
 *     cc -Wall -Wextra -Werror -o libcxl-open libcxl-open.c
 *     ./libcxl-open                  enumerates the cards and AFUs, and opens each AFU in each view (cxl_afu_open_h)
 *     ./libcxl-open PATH             opens a device file (cxl_afu_open_dev)
 *     ./libcxl-open --fd PATH        opens it first and wraps the descriptor (cxl_afu_fd_to_h)
 *
 * An open prints one line for each step that went well, and a last one: `opened NAME`, or `failed ERRNO`. Exits 0 unless
 * PATH could not be opened.
 */
#define _GNU_SOURCE
#include "cxl.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define CLASS "/sys/class/cxl"
#define NODES "/dev/cxl"
#define API_VERSION 1

enum { AFU_MODE_DEDICATED = 1, AFU_FLAG_SLAVE = 1 };

static bool refuse(int error)
{
    errno = error;
    return false;
}

/* ---- names: ^card[0-9]+$ and ^afu[0-9]+\.[0-9]+$ ---------------------------------------------------------------- */

static const char *skip_digits(const char *text)
{
    const char *end = text;

    while (isdigit((unsigned char)*end))
        end++;
    return end > text ? end : NULL;
}

static bool is_card(const char *name)
{
    const char *end = strncmp(name, "card", 4) == 0 ? skip_digits(name + 4) : NULL;

    return end && !*end;
}

static bool is_afu(const char *name)
{
    const char *end = strncmp(name, "afu", 3) == 0 ? skip_digits(name + 3) : NULL;

    if (end && *end == '.')
        end = skip_digits(end + 1);
    else
        end = NULL;
    return end && !*end;
}

/* Calls `found` for each entry of a directory whose name passes. */
static void enumerate(const char *directory, bool (*passes)(const char *), void (*found)(const char *, const char *))
{
    DIR *listing = opendir(directory);

    if (!listing) {
        printf("opendir %s %s\n", directory, strerrorname_np(errno));
        return;
    }
    for (struct dirent *entry; (entry = readdir(listing));)
        if (passes(entry->d_name))
            found(directory, entry->d_name);
    closedir(listing);
}

/* ---- sysfs attributes: in the directory itself, else in that of its `device`, and so on upwards ------------------- */

static bool read_attribute(const char *directory, const char *name, char *value, size_t size)
{
    char path[PATH_MAX];
    struct stat known;
    size_t length = (size_t)snprintf(path, sizeof(path), "%s", directory);

    for (int depth = 0; depth < 8 && stat(path, &known) == 0; depth++) {
        ssize_t got = -1;
        int fd;

        snprintf(path + length, sizeof(path) - length, "/%s", name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            got = read(fd, value, size - 1);
            close(fd);
        }
        if (got > 0) {
            if (value[got - 1] != '\n')
                return refuse(EINVAL);
            value[got - 1] = '\0';
            return true;
        }
        length += (size_t)snprintf(path + length, sizeof(path) - length, "/device");
    }
    return refuse(ENODEV);
}

/* ---- the open ----------------------------------------------------------------------------------------------------- */

static bool is_this_device(const char *path, dev_t device)
{
    struct stat found;

    return stat(path, &found) == 0 && S_ISCHR(found.st_mode) && found.st_rdev == device;
}

/* The entry of /dev/cxl, links followed, that is the character device with that number. */
static bool find_node(dev_t device, char *path, size_t size)
{
    DIR *listing = opendir(NODES);
    bool found = false;

    if (!listing)
        return false;
    for (struct dirent *entry; !found && (entry = readdir(listing));) {
        snprintf(path, size, NODES "/%s", entry->d_name);
        found = is_this_device(path, device);
    }
    closedir(listing);
    return found || refuse(ENODEV);
}

/* What a kernel without GET_AFU_ID is asked instead: where /sys/dev/char/MAJOR:MINOR leads to. */
static bool name_by_number(dev_t device, char *name, size_t size)
{
    char link[64], target[PATH_MAX];
    ssize_t length;

    snprintf(link, sizeof(link), "/sys/dev/char/%u:%u", major(device), minor(device));
    length = readlink(link, target, sizeof(target) - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    snprintf(name, size, "%s", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
    return true;
}

static bool identify(int fd, char *name, size_t size)
{
    struct cxl_afu_id id = {0};
    struct stat opened;
    char view;

    if (ioctl(fd, CXL_GET_AFU_ID, &id) < 0) {
        printf("GET_AFU_ID %s\n", strerrorname_np(errno));
        return errno == EINVAL && fstat(fd, &opened) == 0 && name_by_number(opened.st_rdev, name, size);
    }
    printf("GET_AFU_ID card %u afu %u mode %u flags %" PRIu64 "\n", id.card_id, id.afu_offset, id.afu_mode, id.flags);
    view = id.afu_mode == AFU_MODE_DEDICATED ? 'd' : id.flags & AFU_FLAG_SLAVE ? 's' : 'm';
    snprintf(name, size, "afu%u.%u%c", id.card_id, id.afu_offset, view);
    return true;
}

static bool wrap(int fd, char *name, size_t size)
{
    char path[PATH_MAX], value[64];
    struct stat opened;

    if (fstat(fd, &opened) < 0)
        return false;
    if (!S_ISCHR(opened.st_mode))
        return refuse(ENODEV);
    printf("character device %u:%u\n", major(opened.st_rdev), minor(opened.st_rdev));
    if (!find_node(opened.st_rdev, path, sizeof(path)))
        return false;
    printf("node %s\n", path);
    if (!identify(fd, name, size))
        return false;
    snprintf(path, sizeof(path), CLASS "/%s", name);
    if (!read_attribute(path, "api_version_compatible", value, sizeof(value)))
        return false;
    printf("%s api_version_compatible %s\n", path, value);
    return strtol(value, NULL, 10) <= API_VERSION || refuse(EPROTO);
}

static bool conclude(int fd)
{
    char name[64];
    bool opened = fd >= 0 && wrap(fd, name, sizeof(name));

    if (opened)
        printf("opened %s\n", name);
    else
        printf("failed %s\n", strerrorname_np(errno));
    if (fd >= 0)
        close(fd);
    return opened;
}

static bool open_dev(const char *path)
{
    return conclude(open(path, O_RDWR | O_CLOEXEC));
}

/* By the number in the class entry's `dev`, for there a node may have any name. */
static void open_view(const char *afu, char view)
{
    char path[PATH_MAX], value[64] = "";
    unsigned device_major, device_minor;

    printf("open_h %s %c\n", afu, view);
    snprintf(path, sizeof(path), CLASS "/%s%c", afu, view);
    if (!read_attribute(path, "dev", value, sizeof(value)))
        errno = ENODEV;
    else if (sscanf(value, "%u:%u", &device_major, &device_minor) == 2 &&
             find_node(makedev(device_major, device_minor), path, sizeof(path))) {
        open_dev(path);
        return;
    }
    printf("failed %s\n", strerrorname_np(errno));
}

/* ---- the enumeration ---------------------------------------------------------------------------------------------- */

static void found_afu_of_card(const char *directory, const char *name)
{
    printf("afu %s of %s\n", name, strrchr(directory, '/') + 1);
}

static void found_card(const char *directory, const char *name)
{
    char path[PATH_MAX];

    printf("card %s\n", name);
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    enumerate(path, is_afu, found_afu_of_card);
}

static void found_afu(const char *directory, const char *name)
{
    (void)directory;
    for (const char *view = "dms"; *view; view++)
        open_view(name, *view);
}

int main(int count, char **arguments)
{
    if (count == 1) {
        enumerate(CLASS, is_card, found_card);
        enumerate(CLASS, is_afu, found_afu);
        return 0;
    }
    if (count == 3 && strcmp(arguments[1], "--fd") == 0)
        return conclude(open(arguments[2], O_RDWR)) ? 0 : 1;
    return open_dev(arguments[1]) ? 0 : 1;
}
