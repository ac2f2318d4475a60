/* SPDX-License-Identifier: GPL-2.0-only */
/* A worker waits for the kick eventfd and rings the queue's doorbell. */
#ifndef BELL_WORKER_H
#define BELL_WORKER_H

#include <linux/types.h>

struct bell_queue;
struct bell_worker;

/* Process context. ERR_PTR: EBADF, EINVAL, ENOMEM, EINTR. */
struct bell_worker *bell_worker_create(struct bell_queue *queue, int fd, u32 kind);

/* When it returns, the worker rings no more. NULL is ignored. Process context. */
void bell_worker_destroy(struct bell_worker *worker);

/* Any context. */
void bell_worker_kick(struct bell_worker *worker);
u32 bell_worker_kind(const struct bell_worker *worker);
const char *bell_worker_name(const struct bell_worker *worker);

#endif /* BELL_WORKER_H */
