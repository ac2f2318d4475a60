/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions of this lab. Negative results are -errno. */
#ifndef WAITING_LAB_H
#define WAITING_LAB_H

#include <stdatomic.h>
#include <stdint.h>

/* What a sender and a receiver share. */
struct inbox {
  _Atomic uint32_t posted;     /* items so far; only the sender writes it */
  _Atomic uint32_t wants_ring; /* 1: the receiver may sleep, ring it; only the receiver writes it */
};

/* The sender does this for each item. It costs a system call only if the receiver may sleep. */
void lab_post(struct inbox* inbox, int fd);

/* Adds fd to the epoll instance, for reading: level-triggered, or edge-triggered if `edge` is not
 * 0. What epoll_wait() reports of it has fd in data.fd. Returns 0. */
int lab_watch(int epoll, int fd, int edge);

/* Sleeps until the epoll instance reports a descriptor. Returns that. */
int lab_next(int epoll);

/* Receives: sleeps until more items are posted than `taken`, and returns how many there are. fd is
 * a nonblocking eventfd that the sender rings while wants_ring is set.
 *
 * It does not ask to be rung while there are items, and asks no more when it returns. It may be
 * rung without any item: then it goes on sleeping. And no item that is posted while it goes to
 * sleep may be missed. */
int lab_receive(struct inbox* inbox, int fd, uint32_t taken);

#endif
