/*
 * What each function of the stat family says of a file, and whether it is what the kernel says.
 *
 *     cc -Wall -Wextra -Werror -o stats stats.c
 *     ./stats FILE...
 *
 * One line for each FILE and function: `stat c 600 242:3` (type, permissions, major and minor), or `stat ENOENT`. Behind it,
 * `same` when all is what the system call gives, `type and number` when all else is, or `differs`; the access time does not
 * count, for looking at a link sets it. A statx has its mask in its name. At last `errno kept` when no success changed errno.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static_assert(sizeof(struct stat) == sizeof(struct stat64), "a 64-bit system, where both are one");

enum { KEPT = 4711 };
static bool kept = true;

static char letter(unsigned mode)
{
    static const struct {
        unsigned type;
        char letter;
    } letters[] = {{S_IFREG, '-'}, {S_IFDIR, 'd'}, {S_IFLNK, 'l'}, {S_IFCHR, 'c'}, {S_IFBLK, 'b'}};

    for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++)
        if (letters[i].type == (mode & S_IFMT))
            return letters[i].letter;
    return '?';
}

static void report(const char *name, int result, unsigned mode, unsigned device_major, unsigned device_minor,
                   const char *compared)
{
    if (result < 0) {
        printf("%s %s\n", name, strerrorname_np(errno));
        return;
    }
    kept = kept && errno == KEPT;
    printf("%s %c %o %u:%u %s\n", name, letter(mode), mode & 07777u, device_major, device_minor, compared);
}

/* `got` becomes `plain`, what the system call gave, as far as it may be. */
#define COMPARE(got, plain, atime, mode, assign_number)                                                                \
    ((got).atime = (plain).atime, memcmp(&(got), &(plain), sizeof(got)) == 0)                       ? "same"           \
    : ((got).mode = (plain).mode, assign_number, memcmp(&(got), &(plain), sizeof(got)) == 0)        ? "type and number" \
                                                                                                    : "differs"

static void report_stat(const char *name, int result, struct stat got, struct stat plain)
{
    const struct stat s = got;
    const char *compared = COMPARE(got, plain, st_atim, st_mode, got.st_rdev = plain.st_rdev);

    report(name, result, s.st_mode, major(s.st_rdev), minor(s.st_rdev), compared);
}

static void report_statx(const char *path, int flags, unsigned mask)
{
    struct statx got = {0}, plain = {0}, s;
    const char *compared;
    char name[32];
    int result;

    snprintf(name, sizeof(name), flags ? "statx(%x, nofollow)" : "statx(%x)", mask);
    syscall(SYS_statx, AT_FDCWD, path, flags, mask, &plain);
    errno = KEPT;
    result = statx(AT_FDCWD, path, flags, mask, &got);
    s = got;
    compared = COMPARE(got, plain, stx_atime, stx_mode,
                       (got.stx_rdev_major = plain.stx_rdev_major, got.stx_rdev_minor = plain.stx_rdev_minor));
    report(name, result, s.stx_mode, s.stx_rdev_major, s.stx_rdev_minor, compared);
}

#ifdef __x86_64__
enum { STAT_VERSION = 1 };
#else
enum { STAT_VERSION = 0 };
#endif

/* Programs built with glibc before 2.33 call these; the headers have forgotten them. */
typedef int old_stat(int, const char *, struct stat *);
typedef int old_fstat(int, int, struct stat *);
typedef int old_fstatat(int, int, const char *, struct stat *, int);

static void *old(const char *name)
{
    void *function = dlsym(RTLD_DEFAULT, name);

    if (!function)
        abort();
    return function;
}

#define CHECK(name, plain, call)                                                                                       \
    do {                                                                                                               \
        struct stat64 got64 = {0};                                                                                     \
        struct stat *got = (struct stat *)&got64;                                                                      \
                                                                                                                       \
        (void)got;                                                                                                     \
        errno = KEPT;                                                                                                  \
        int result = call;                                                                                             \
        report_stat(name, result, *got, plain);                                                                         \
    } while (0)

static void examine(const char *path)
{
    struct stat followed = {0}, link = {0};
    int fd = open(path, O_RDONLY | O_PATH);
    const unsigned masks[] = {0, STATX_MODE, STATX_SIZE, STATX_TYPE | STATX_INO, STATX_BASIC_STATS, STATX_ALL};

    syscall(SYS_newfstatat, AT_FDCWD, path, &followed, 0);
    syscall(SYS_newfstatat, AT_FDCWD, path, &link, AT_SYMLINK_NOFOLLOW);
    CHECK("stat", followed, stat(path, got));
    CHECK("lstat", link, lstat(path, got));
    CHECK("fstat", followed, fstat(fd, got));
    CHECK("fstatat", followed, fstatat(AT_FDCWD, path, got, 0));
    CHECK("fstatat(nofollow)", link, fstatat(AT_FDCWD, path, got, AT_SYMLINK_NOFOLLOW));
    CHECK("fstatat(empty)", followed, fstatat(fd, "", got, AT_EMPTY_PATH));
    CHECK("stat64", followed, stat64(path, &got64));
    CHECK("lstat64", link, lstat64(path, &got64));
    CHECK("fstat64", followed, fstat64(fd, &got64));
    CHECK("fstatat64", followed, fstatat64(AT_FDCWD, path, &got64, 0));
    for (int wide = 0; wide < 2; wide++) {
        old_stat *xstat = (old_stat *)old(wide ? "__xstat64" : "__xstat");
        old_stat *lxstat = (old_stat *)old(wide ? "__lxstat64" : "__lxstat");
        old_fstat *fxstat = (old_fstat *)old(wide ? "__fxstat64" : "__fxstat");
        old_fstatat *fxstatat = (old_fstatat *)old(wide ? "__fxstatat64" : "__fxstatat");

        CHECK(wide ? "__xstat64" : "__xstat", followed, xstat(STAT_VERSION, path, got));
        CHECK(wide ? "__lxstat64" : "__lxstat", link, lxstat(STAT_VERSION, path, got));
        CHECK(wide ? "__fxstat64" : "__fxstat", followed, fxstat(STAT_VERSION, fd, got));
        CHECK(wide ? "__fxstatat64" : "__fxstatat", followed, fxstatat(STAT_VERSION, AT_FDCWD, path, got, 0));
    }
    for (size_t i = 0; i < sizeof(masks) / sizeof(*masks); i++)
        report_statx(path, 0, masks[i]);
    report_statx(path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_BTIME);
    if (fd >= 0)
        close(fd);
}

int main(int count, char **arguments)
{
    for (int i = 1; i < count; i++)
        examine(arguments[i]);
    printf("errno %s\n", kept ? "kept" : "changed");
    return 0;
}
