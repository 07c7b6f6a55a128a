/*
 * `afukit run` preloads this into its program: with it the stat family says of afukit's device files what a FUSE server
 * cannot say, that they are character devices, with the major and minor of sysfs `dev`. Nothing else is intercepted.
 *
 * A device file is known by where it is and by its number, so that a path, a link to it and a descriptor that came over a
 * socket are all the same: st_dev is that of the mount, which AFUKIT_PRELOAD_DEV names ("MAJOR:MINOR"), and st_ino is
 * 0xCA, 12 bits of major, 12 bits of minor (src/devfs/numbers.ts, deviceInode).
 *
 *     cc -O2 -shared -fPIC -o cxl-stat.so cxl-stat.c -ldl
 */
#undef _FILE_OFFSET_BITS /* stat and stat64 are two functions here, whatever the compiler's default makes of them */
#undef _TIME_BITS
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* F(name, parameters, arguments): each function that fills in `*s`. Programs built with glibc before 2.33 call __xstat. */
#define POSIX(F)                                                                                                       \
    F(stat, (const char *path, struct stat *s), (path, s))                                                             \
    F(lstat, (const char *path, struct stat *s), (path, s))                                                            \
    F(fstat, (int fd, struct stat *s), (fd, s))                                                                        \
    F(fstatat, (int at, const char *path, struct stat *s, int flags), (at, path, s, flags))

#ifdef __GLIBC__
#define GLIBC(F)                                                                                                       \
    F(stat64, (const char *path, struct stat64 *s), (path, s))                                                         \
    F(lstat64, (const char *path, struct stat64 *s), (path, s))                                                        \
    F(fstat64, (int fd, struct stat64 *s), (fd, s))                                                                    \
    F(fstatat64, (int at, const char *path, struct stat64 *s, int flags), (at, path, s, flags))                        \
    F(__xstat, (int version, const char *path, struct stat *s), (version, path, s))                                    \
    F(__lxstat, (int version, const char *path, struct stat *s), (version, path, s))                                   \
    F(__fxstat, (int version, int fd, struct stat *s), (version, fd, s))                                               \
    F(__fxstatat, (int version, int at, const char *path, struct stat *s, int flags), (version, at, path, s, flags))   \
    F(__xstat64, (int version, const char *path, struct stat64 *s), (version, path, s))                                \
    F(__lxstat64, (int version, const char *path, struct stat64 *s), (version, path, s))                               \
    F(__fxstat64, (int version, int fd, struct stat64 *s), (version, fd, s))                                           \
    F(__fxstatat64, (int version, int at, const char *path, struct stat64 *s, int flags), (version, at, path, s, flags))
#else
#define GLIBC(F)
#endif

#ifdef STATX_TYPE
#define STATX(F)                                                                                                       \
    F(statx, (int at, const char *path, int flags, unsigned mask, struct statx *s), (at, path, flags, mask, s))
#else
#define STATX(F)
#endif

#define NEXT(name, parameters, arguments) static int(*next_##name) parameters;
POSIX(NEXT) GLIBC(NEXT) STATX(NEXT)

static dev_t served; /* 0, which no file has, unless AFUKIT_PRELOAD_DEV says more */
static atomic_bool ready;

/* Everything is looked up beforehand, for fstat and stat may be called from a signal handler. */
__attribute__((constructor)) static void prepare(void)
{
    const int error = errno;
    const char *value = getenv("AFUKIT_PRELOAD_DEV");
    char *end;

    if (value) {
        unsigned long major = strtoul(value, &end, 10);

        if (*end == ':')
            served = makedev(major, strtoul(end + 1, NULL, 10));
    }
#define FIND(name, parameters, arguments) next_##name = (int(*) parameters)dlsym(RTLD_NEXT, #name);
    POSIX(FIND) GLIBC(FIND) STATX(FIND)
    atomic_store_explicit(&ready, true, memory_order_release);
    errno = error;
}

/* Another library's constructor may call before ours has run. */
static inline void prepared(void)
{
    if (!atomic_load_explicit(&ready, memory_order_acquire))
        prepare();
}

static int absent(void)
{
    errno = ENOSYS;
    return -1;
}

static inline bool is_device(unsigned mode, dev_t dev, uint64_t inode)
{
    return S_ISREG(mode) && dev == served && inode >> 24 == 0xCA;
}

static inline unsigned device_mode(unsigned mode)
{
    return S_IFCHR | (mode & ~(unsigned)S_IFMT);
}

static inline unsigned device_major(uint64_t inode)
{
    return inode >> 12 & 0xFFF;
}

static inline unsigned device_minor(uint64_t inode)
{
    return inode & 0xFFF;
}

#define WRAPPER(name, parameters, arguments)                                                                           \
    int name parameters                                                                                                \
    {                                                                                                                  \
        prepared();                                                                                                    \
        int result = next_##name ? next_##name arguments : absent();                                                   \
        if (result == 0 && is_device(s->st_mode, s->st_dev, s->st_ino)) {                                              \
            s->st_mode = device_mode(s->st_mode);                                                                      \
            s->st_rdev = makedev(device_major(s->st_ino), device_minor(s->st_ino));                                    \
        }                                                                                                              \
        return result;                                                                                                 \
    }
POSIX(WRAPPER) GLIBC(WRAPPER)

#ifdef STATX_TYPE
/* Asks for what a device is known by as well; stx_mask stays what it then is, the truth. */
int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict s)
{
    const unsigned needed = STATX_TYPE | STATX_INO;

    prepared();
    int result = next_statx ? next_statx(at, path, flags, mask | needed, s) : absent();
    if (result == 0 && (s->stx_mask & needed) == needed &&
        is_device(s->stx_mode, makedev(s->stx_dev_major, s->stx_dev_minor), s->stx_ino)) {
        s->stx_mode = device_mode(s->stx_mode);
        s->stx_rdev_major = device_major(s->stx_ino);
        s->stx_rdev_minor = device_minor(s->stx_ino);
    }
    return result;
}
#endif
