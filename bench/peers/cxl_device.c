/*
 * The peer of benchmarks P2, P3 and P4: a cxl device file in C on libfuse's low-level API, as fast as the classic shape
 * gets: one thread reads one request at a time from /dev/fuse and answers it. It serves a single file, `afu`.
 *
 *     cc -O2 -o cxl_device cxl_device.c $(pkg-config --cflags --libs fuse3) -lpthread
 *     ./cxl_device MOUNTPOINT [--saturate | --tick-us N]
 *
 * --saturate   once started, an event is always pending: each delivered one is raised again at once
 * --tick-us N  while started, an event is raised every N microseconds (a slot of one: the newest timestamp stays)
 *
 * With ticks the same thread sleeps in poll() over the session and a timerfd. The other way, a second thread that
 * raises under a mutex, spares the poll() before each request, yet measured slower from the raise to the end of the
 * woken reader's read (medians of three paired runs: 1.4 times as long on one core, 1.6 times free to move), for two
 * server threads then take turns. Without ticks it is libfuse's own loop: one read() per request, no poll().
 *
 * Prints "ready" once mounted. SIGTERM and SIGINT unmount it and end it with status 0.
 */
#define _GNU_SOURCE
#define FUSE_USE_VERSION FUSE_MAKE_VERSION(3, 14)

#include "cxl.h"

#include <errno.h>
#include <fuse_lowlevel.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { AFU_INODE = 2, MAX_PARKED = 64 };

static const char afu_name[] = "afu";
static const double cache_for_ever = 86400.0;

/* One open file. */
struct context {
    struct context *next;
    uint16_t process_element;
    bool started;
    bool pending;
    uint64_t raised_at;
    struct fuse_pollhandle *armed; /* notified at the next raise, once */
    unsigned parked_count;         /* blocking reads that found nothing, oldest first */
    fuse_req_t parked[MAX_PARKED];
};

static struct {
    bool saturate;
    unsigned long tick_us;
    uint16_t opened;
    struct context *contexts;
} device;

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void notify_pollers(struct context *ctx)
{
    struct fuse_pollhandle *handle = ctx->armed;

    if (!handle)
        return;
    ctx->armed = NULL;
    fuse_lowlevel_notify_poll(handle);
    fuse_pollhandle_destroy(handle);
}

/* Answers a read with the pending event. The event leaves only if the reader was still there to take it. */
static void deliver(struct context *ctx, fuse_req_t req)
{
    struct timed_event event = {
        .header = {CXL_EVENT_AFU_DRIVER, sizeof(event), ctx->process_element, 0},
        .raised_at = ctx->raised_at,
    };

    if (fuse_reply_buf(req, (const char *)&event, sizeof(event)) != 0)
        return;
    ctx->pending = false;
    if (device.saturate) {
        ctx->pending = true;
        ctx->raised_at = monotonic_ns();
        notify_pollers(ctx);
    }
}

static void unpark(struct context *ctx, unsigned index)
{
    ctx->parked_count--;
    memmove(&ctx->parked[index], &ctx->parked[index + 1], (ctx->parked_count - index) * sizeof(ctx->parked[0]));
}

static void raise_event(struct context *ctx)
{
    ctx->pending = true;
    ctx->raised_at = monotonic_ns();
    while (ctx->pending && ctx->parked_count > 0) {
        fuse_req_t req = ctx->parked[0];

        unpark(ctx, 0);
        deliver(ctx, req);
    }
    notify_pollers(ctx);
}

/* The kernel gave up a parked read. If the answer crossed with that, the request is no longer in the list. */
static void interrupt_read(fuse_req_t req, void *data)
{
    struct context *ctx = data;

    for (unsigned i = 0; i < ctx->parked_count; i++) {
        if (ctx->parked[i] == req) {
            unpark(ctx, i);
            fuse_reply_err(req, EINTR);
            break;
        }
    }
}

static void park(struct context *ctx, fuse_req_t req)
{
    if (fuse_req_interrupted(req)) {
        fuse_reply_err(req, EINTR);
        return;
    }
    if (ctx->parked_count == MAX_PARKED) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    ctx->parked[ctx->parked_count++] = req;
    fuse_req_interrupt_func(req, interrupt_read, ctx);
}

static void raise_in_all(void)
{
    for (struct context *ctx = device.contexts; ctx; ctx = ctx->next)
        if (ctx->started)
            raise_event(ctx);
}

/* ---- the device file ------------------------------------------------------------------------------------------- */

static struct context *context_of(const struct fuse_file_info *fi)
{
    return (struct context *)(uintptr_t)fi->fh;
}

static void afu_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct context *ctx;
    struct fuse_open_out out = {.open_flags = FOPEN_DIRECT_IO | FOPEN_NONSEEKABLE | FOPEN_STREAM};

    (void)fi;
    if (ino != AFU_INODE) {
        fuse_reply_err(req, EISDIR);
        return;
    }
    ctx = calloc(1, sizeof(*ctx));
    if (!ctx) {
        fuse_reply_err(req, ENOMEM);
        return;
    }
    ctx->process_element = device.opened++;
    ctx->next = device.contexts;
    device.contexts = ctx;

    /* Not fuse_reply_open(): libfuse 3.14 has no name for FOPEN_STREAM, so the answer is written as the wire has it. */
    out.fh = (uintptr_t)ctx;
    fuse_reply_buf(req, (const char *)&out, sizeof(out));
}

static void afu_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct context *ctx = context_of(fi);
    struct context **link = &device.contexts;

    (void)ino;
    while (*link != ctx)
        link = &(*link)->next;
    *link = ctx->next;
    if (ctx->armed)
        fuse_pollhandle_destroy(ctx->armed);
    free(ctx);
    fuse_reply_err(req, 0);
}

static void afu_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg, struct fuse_file_info *fi,
                      unsigned flags, const void *in, size_t in_size, size_t out_size)
{
    struct context *ctx = context_of(fi);
    int error = EINVAL;

    (void)ino, (void)arg, (void)flags, (void)in, (void)in_size, (void)out_size;
    if (cmd == CXL_START_WORK) {
        error = ctx->started ? EIO : 0;
        ctx->started = true;
    }
    if (error)
        fuse_reply_err(req, error);
    else
        fuse_reply_ioctl(req, 0, NULL, 0);
    if (!error && device.saturate)
        raise_event(ctx);
}

static void afu_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    struct context *ctx = context_of(fi);

    (void)ino, (void)offset;
    if (size < CXL_READ_MIN_SIZE) {
        fuse_reply_err(req, EINVAL);
        return;
    }
    if (ctx->pending)
        deliver(ctx, req);
    else if (fi->flags & O_NONBLOCK)
        fuse_reply_err(req, EAGAIN);
    else
        park(ctx, req);
}

static void afu_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *handle)
{
    struct context *ctx = context_of(fi);

    (void)ino;
    if (handle) {
        if (ctx->armed)
            fuse_pollhandle_destroy(ctx->armed);
        ctx->armed = handle;
    }
    fuse_reply_poll(req, ctx->pending ? POLLIN | POLLRDNORM : 0);
}

/* ---- the directory around it ----------------------------------------------------------------------------------- */

static struct stat attributes_of(fuse_ino_t ino)
{
    bool root = ino == FUSE_ROOT_ID;

    return (struct stat){
        .st_ino = ino,
        .st_mode = root ? S_IFDIR | 0755 : S_IFREG | 0666,
        .st_nlink = root ? 2 : 1,
    };
}

static void dir_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
    struct fuse_entry_param entry = {
        .ino = AFU_INODE,
        .attr = attributes_of(AFU_INODE),
        .attr_timeout = cache_for_ever,
        .entry_timeout = cache_for_ever,
    };

    if (parent == FUSE_ROOT_ID && strcmp(name, afu_name) == 0)
        fuse_reply_entry(req, &entry);
    else
        fuse_reply_err(req, ENOENT);
}

static void dir_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
    struct stat st = attributes_of(ino);

    (void)fi;
    fuse_reply_attr(req, &st, cache_for_ever);
}

static void dir_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
    char buffer[128];
    struct stat st = attributes_of(AFU_INODE);
    size_t used = fuse_add_direntry(req, buffer, sizeof(buffer), afu_name, &st, 1);

    (void)ino, (void)fi;
    fuse_reply_buf(req, buffer, offset == 0 && used <= size ? used : 0);
}

static const struct fuse_lowlevel_ops operations = {
    .lookup = dir_lookup,
    .getattr = dir_getattr,
    .readdir = dir_readdir,
    .open = afu_open,
    .release = afu_release,
    .ioctl = afu_ioctl,
    .read = afu_read,
    .poll = afu_poll,
};

/* ---- start and end --------------------------------------------------------------------------------------------- */

static int usage(void)
{
    fputs("usage: cxl_device MOUNTPOINT [--saturate | --tick-us N]\n", stderr);
    return 2;
}

static int start_timer(void)
{
    struct timespec every = {(time_t)(device.tick_us / 1000000), (long)(device.tick_us % 1000000) * 1000};
    struct itimerspec timer = {.it_interval = every, .it_value = every};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

    if (fd >= 0 && timerfd_settime(fd, 0, &timer, NULL) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int serve_with_ticks(struct fuse_session *session)
{
    struct fuse_buf request = {0};
    struct pollfd sources[] = {
        {.fd = start_timer(), .events = POLLIN},
        {.fd = fuse_session_fd(session), .events = POLLIN},
    };
    uint64_t expirations;
    int result = sources[0].fd < 0 ? -1 : 0;

    while (result >= 0 && !fuse_session_exited(session)) {
        if (poll(sources, 2, -1) < 0)
            continue;
        if (sources[0].revents && read(sources[0].fd, &expirations, sizeof(expirations)) > 0)
            raise_in_all();
        if (sources[1].revents) {
            result = fuse_session_receive_buf(session, &request);
            if (result > 0)
                fuse_session_process_buf(session, &request);
            else if (result == -EINTR)
                result = 0;
        }
    }
    free(request.mem);
    close(sources[0].fd);
    return result;
}

int main(int argc, char **argv)
{
    char *fuse_argv[] = {argv[0], "-o", "fsname=cxl_device", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, fuse_argv);
    struct fuse_session *session;
    int status = 1;

    if (argc == 4 && strcmp(argv[2], "--tick-us") == 0)
        device.tick_us = strtoul(argv[3], NULL, 10);
    else if (argc == 3 && strcmp(argv[2], "--saturate") == 0)
        device.saturate = true;
    else if (argc != 2)
        return usage();
    if (argc == 4 && device.tick_us == 0)
        return usage();

    session = fuse_session_new(&args, &operations, sizeof(operations), NULL);
    if (!session)
        return 1;
    if (fuse_set_signal_handlers(session) == 0) {
        if (fuse_session_mount(session, argv[1]) == 0) {
            puts("ready");
            fflush(stdout);
            status = (device.tick_us ? serve_with_ticks(session) : fuse_session_loop(session)) < 0;
            fuse_session_unmount(session);
        }
        fuse_remove_signal_handlers(session);
    }
    fuse_session_destroy(session);
    fuse_opt_free_args(&args);
    return status;
}
