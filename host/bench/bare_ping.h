/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Eventfds alone, the least that a doorbell and an interrupt can cost: a far
 * thread waits for many, and answers each count by a write of another. It, and
 * who rings, wait as they are told: in epoll_wait, then they read; or, where
 * there is but one to wait for, in read itself.
 */
#ifndef BELLWIRE_BENCH_BARE_PING_H
#define BELLWIRE_BENCH_BARE_PING_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bare_ping;

/* The far thread runs on that CPU, or anywhere if it is negative. NULL: errno tells why. */
struct bare_ping *bare_ping_create(unsigned int doorbells, int far_cpu, bool blocking);
void bare_ping_destroy(struct bare_ping *ping); /* or NULL */

/* Rings that doorbell and waits for the answer. Returns 0, or -1: errno tells why. */
int bare_ping_ring(struct bare_ping *ping, unsigned int doorbell);

#ifdef __cplusplus
}
#endif
#endif
