/*
 * The peer of benchmark P1: the event path of one cxl context in C, in user space, with the steps the driver takes and
 * nothing else. One round is raise (or post), poll, read. Prints one line of JSON.
 *
 *     cc -O2 -o inprocess inprocess.c -lpthread
 *     ./inprocess [--no-locks] [--mutex] [--batches N] [--rounds N]
 *
 * The two kinds are an AFU interrupt (16-byte event) and a driver event with 32 bytes of payload (40-byte event) that
 * comes from a small ring behind driver ops. Locks are pthread spinlocks unless asked otherwise. File operations,
 * driver ops and the copy to the reader are calls through pointers or noinline, as across the kernel's boundaries, so
 * that the compiler cannot fold a round into nothing.
 */
#define _GNU_SOURCE
#include "cxl.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define NOINLINE __attribute__((noinline))

enum { RING_SLOTS = 16, PAYLOAD_SIZE = 32, MAX_IRQ = 64 };

/* ---- locks ----------------------------------------------------------------------------------------------------- */

static enum { NO_LOCK, SPIN_LOCK, MUTEX_LOCK } lock_kind = SPIN_LOCK;

struct lock {
    pthread_spinlock_t spin;
    pthread_mutex_t mutex;
};

static inline void lock(struct lock *lock)
{
    if (lock_kind == SPIN_LOCK)
        pthread_spin_lock(&lock->spin);
    else if (lock_kind == MUTEX_LOCK)
        pthread_mutex_lock(&lock->mutex);
}

static inline void unlock(struct lock *lock)
{
    if (lock_kind == SPIN_LOCK)
        pthread_spin_unlock(&lock->spin);
    else if (lock_kind == MUTEX_LOCK)
        pthread_mutex_unlock(&lock->mutex);
}

static void lock_init(struct lock *lock)
{
    pthread_spin_init(&lock->spin, PTHREAD_PROCESS_PRIVATE);
    pthread_mutex_init(&lock->mutex, NULL);
}

/* ---- the context ----------------------------------------------------------------------------------------------- */

struct context;

struct driver_event {
    uint32_t data_size;
    uint8_t data[PAYLOAD_SIZE];
};

struct driver_ops {
    struct driver_event *(*fetch_event)(struct context *ctx);
    void (*event_delivered)(struct context *ctx, struct driver_event *event, int rc);
};

struct waiter {
    struct waiter *next;
    void (*wake)(struct waiter *waiter);
};

struct context {
    struct lock lock;
    uint16_t process_element;
    bool closed;
    bool pending_irq;
    uint64_t irq_bitmap; /* bit n is interrupt n + 1 */
    unsigned driver_events;
    const struct driver_ops *driver_ops;
    void *driver_data;

    struct lock wait_lock;
    struct waiter *waiters;
};

struct irq_event {
    struct event_header header;
    uint16_t flags;
    uint16_t irq;
    uint32_t reserved;
};

static NOINLINE void wake_up_all(struct context *ctx)
{
    lock(&ctx->wait_lock);
    for (struct waiter *waiter = ctx->waiters; waiter; waiter = waiter->next)
        waiter->wake(waiter);
    unlock(&ctx->wait_lock);
}

static bool event_pending(const struct context *ctx)
{
    return ctx->pending_irq || (ctx->driver_ops && ctx->driver_events > 0);
}

static NOINLINE void raise_interrupt(struct context *ctx, unsigned irq)
{
    lock(&ctx->lock);
    ctx->irq_bitmap |= UINT64_C(1) << (irq - 1);
    ctx->pending_irq = true;
    unlock(&ctx->lock);
    wake_up_all(ctx);
}

static NOINLINE void driver_events_pending(struct context *ctx, unsigned count)
{
    lock(&ctx->lock);
    ctx->driver_events += count;
    unlock(&ctx->lock);
    wake_up_all(ctx);
}

/* ---- file operations ------------------------------------------------------------------------------------------- */

static NOINLINE void copy_to_reader(void *to, const void *from, size_t size)
{
    memcpy(to, from, size);
    __asm__ volatile("" : : "r"(to) : "memory");
}

static short context_poll(struct context *ctx)
{
    short mask = 0;

    lock(&ctx->lock);
    if (event_pending(ctx))
        mask = POLLIN | POLLRDNORM;
    else if (ctx->closed)
        mask = POLLERR;
    unlock(&ctx->lock);
    return mask;
}

static ssize_t deliver_driver_event(struct context *ctx, char *buffer, struct driver_event *event)
{
    struct event_header header = {CXL_EVENT_AFU_DRIVER, 0, ctx->process_element, 0};
    int rc = event && sizeof(header) + event->data_size <= CXL_READ_MIN_SIZE ? 0 : -EINVAL;

    if (rc == 0) {
        header.size = (uint16_t)(sizeof(header) + event->data_size);
        copy_to_reader(buffer, &header, sizeof(header));
        copy_to_reader(buffer + sizeof(header), event->data, event->data_size);
    }
    ctx->driver_ops->event_delivered(ctx, event, rc);
    return rc == 0 ? header.size : -EFAULT;
}

static unsigned take_lowest_irq(struct context *ctx)
{
    unsigned bit = (unsigned)__builtin_ctzll(ctx->irq_bitmap);

    ctx->irq_bitmap &= ctx->irq_bitmap - 1;
    ctx->pending_irq = ctx->irq_bitmap != 0;
    return bit + 1;
}

static ssize_t context_read(struct context *ctx, char *buffer, size_t count)
{
    struct irq_event event = {.header = {CXL_EVENT_AFU_INTERRUPT, sizeof(event), ctx->process_element, 0}};

    if (count < CXL_READ_MIN_SIZE)
        return -EINVAL;
    lock(&ctx->lock);
    if (!event_pending(ctx)) {
        unlock(&ctx->lock);
        return ctx->closed ? -EIO : -EAGAIN;
    }
    if (ctx->driver_ops && ctx->driver_events > 0) {
        struct driver_event *from_driver = ctx->driver_ops->fetch_event(ctx);

        ctx->driver_events--;
        unlock(&ctx->lock);
        return deliver_driver_event(ctx, buffer, from_driver);
    }
    event.irq = (uint16_t)take_lowest_irq(ctx);
    unlock(&ctx->lock);
    copy_to_reader(buffer, &event, sizeof(event));
    return event.header.size;
}

struct file_operations {
    short (*poll)(struct context *ctx);
    ssize_t (*read)(struct context *ctx, char *buffer, size_t count);
};

/* volatile: the calls stay calls through pointers */
static const struct file_operations *volatile file_operations = &(const struct file_operations){
    .poll = context_poll,
    .read = context_read,
};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

struct ring {
    struct lock lock;
    unsigned head, tail;
    struct driver_event slots[RING_SLOTS];
};

static struct driver_event *ring_fetch(struct context *ctx)
{
    struct ring *ring = ctx->driver_data;
    struct driver_event *event = NULL;

    lock(&ring->lock);
    if (ring->tail != ring->head)
        event = &ring->slots[ring->tail % RING_SLOTS];
    unlock(&ring->lock);
    return event;
}

static void ring_delivered(struct context *ctx, struct driver_event *event, int rc)
{
    struct ring *ring = ctx->driver_data;

    (void)event;
    lock(&ring->lock);
    if (rc == 0)
        ring->tail++;
    unlock(&ring->lock);
}

static NOINLINE void ring_post(struct context *ctx, const uint8_t payload[PAYLOAD_SIZE])
{
    struct ring *ring = ctx->driver_data;
    struct driver_event *event;

    lock(&ring->lock);
    event = &ring->slots[ring->head++ % RING_SLOTS];
    event->data_size = PAYLOAD_SIZE;
    memcpy(event->data, payload, PAYLOAD_SIZE);
    unlock(&ring->lock);
    driver_events_pending(ctx, 1);
}

static const struct driver_ops ring_ops = {.fetch_event = ring_fetch, .event_delivered = ring_delivered};

/* ---- rounds ---------------------------------------------------------------------------------------------------- */

static char buffer[CXL_READ_MIN_SIZE] __attribute__((aligned(64)));

static void cause_interrupt(struct context *ctx, unsigned long round)
{
    raise_interrupt(ctx, 1 + round % MAX_IRQ);
}

static void cause_driver_event(struct context *ctx, unsigned long round)
{
    uint8_t payload[PAYLOAD_SIZE] = {0};

    memcpy(payload, &round, sizeof(round));
    ring_post(ctx, payload);
}

struct kind {
    const char *name;
    ssize_t event_size;
    void (*cause)(struct context *ctx, unsigned long round);
};

static const struct kind kinds[] = {
    {"interrupt", 16, cause_interrupt},
    {"driver", 40, cause_driver_event},
};

static double ns_per_round(const struct kind *kind, struct context *ctx, unsigned long rounds)
{
    uint64_t began = monotonic_ns();

    for (unsigned long i = 0; i < rounds; i++) {
        kind->cause(ctx, i);
        if (file_operations->poll(ctx) != (POLLIN | POLLRDNORM) ||
            file_operations->read(ctx, buffer, sizeof(buffer)) != kind->event_size) {
            fprintf(stderr, "inprocess: %s round %lu brought no event\n", kind->name, i);
            exit(1);
        }
    }
    return (double)(monotonic_ns() - began) / (double)rounds;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void measure(const struct kind *kind, struct context *ctx, unsigned long batches, unsigned long rounds)
{
    double *batch = calloc(batches, sizeof(*batch));

    if (!batch)
        exit(1);
    ns_per_round(kind, ctx, rounds / 10 + 1);
    for (unsigned long i = 0; i < batches; i++)
        batch[i] = ns_per_round(kind, ctx, rounds);
    qsort(batch, batches, sizeof(*batch), by_value);
    printf(",\"%s\":{\"median_ns\":%.2f,\"min_ns\":%.2f,\"p10_ns\":%.2f,\"p90_ns\":%.2f,\"max_ns\":%.2f}", kind->name,
           batch[(batches - 1) / 2], batch[0], batch[(batches - 1) / 10], batch[(batches - 1) * 9 / 10],
           batch[batches - 1]);
    free(batch);
}

int main(int argc, char **argv)
{
    static const char *const lock_names[] = {"none", "spin", "mutex"};
    static const struct option names[] = {
        {"locks", no_argument, NULL, 's'},          {"no-locks", no_argument, NULL, 'n'},
        {"mutex", no_argument, NULL, 'm'},          {"batches", required_argument, NULL, 'b'},
        {"rounds", required_argument, NULL, 'r'},   {0},
    };
    unsigned long batches = 31, rounds = 1000000;
    struct ring ring = {0};
    struct context ctx = {.driver_ops = &ring_ops, .driver_data = &ring};

    for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (name) {
        case 's': lock_kind = SPIN_LOCK; break;
        case 'n': lock_kind = NO_LOCK; break;
        case 'm': lock_kind = MUTEX_LOCK; break;
        case 'b': batches = strtoul(optarg, NULL, 10); break;
        case 'r': rounds = strtoul(optarg, NULL, 10); break;
        default: batches = 0;
        }
    }
    if (optind != argc || batches == 0 || rounds == 0) {
        fputs("usage: inprocess [--no-locks | --mutex] [--batches N] [--rounds N]\n", stderr);
        return 2;
    }
    lock_init(&ctx.lock);
    lock_init(&ctx.wait_lock);
    lock_init(&ring.lock);
    printf("{\"locks\":\"%s\",\"batches\":%lu,\"rounds\":%lu", lock_names[lock_kind], batches, rounds);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        measure(&kinds[i], &ctx, batches, rounds);
    puts("}");
    return 0;
}
