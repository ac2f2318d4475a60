/* SPDX-License-Identifier: BSD-3-Clause */
/* The functions of this lab. Negative results are -errno, such as -EAGAIN, the only one that is
 * graded. */
#ifndef EVENTFD_LAB_H
#define EVENTFD_LAB_H

#include <stdint.h>

/* Makes an eventfd with that count. It is closed by exec, and neither reading nor writing it ever
 * sleeps. Returns its descriptor. */
int lab_create(unsigned int count);

/* Makes a semaphore with that count; otherwise like lab_create(). */
int lab_create_semaphore(unsigned int count);

/* Adds n to the count of the eventfd fd. Returns 0; -EAGAIN if the count has no room for n: then
 * nothing is added. */
int lab_ring(int fd, uint64_t n);

/* Takes the count of fd: returns it, and leaves 0. Returns 0 if there was nothing to take. Never
 * sleeps, if fd was made by lab_create(). */
int64_t lab_take(int fd);

/* Returns 1 if fd is rung, else 0. Never sleeps, and takes nothing. */
int lab_is_rung(int fd);

/* Sleeps until fd is rung, then takes the count and returns it. It computes nothing meanwhile. fd
 * was made by lab_create(), and others may take its count, too. */
int64_t lab_wait(int fd);

#endif
