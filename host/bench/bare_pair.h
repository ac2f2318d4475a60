/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The yardstick of wire.hpp: two threads and a lane of 64-byte entries each
 * way, with one writer and one reader, and nothing around them. The far one
 * copies a payload and answers each request with a completion. Who has nothing
 * to do spins, or sleeps in epoll_wait until its eventfd is written, which is
 * written each time. One thread at a time.
 */
#ifndef BELLWIRE_BENCH_BARE_PAIR_H
#define BELLWIRE_BENCH_BARE_PAIR_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bare_pair;

/* The far thread runs on that CPU, or anywhere if it is negative. NULL: errno tells why. */
struct bare_pair *bare_pair_create(int far_cpu, bool spins);
void bare_pair_destroy(struct bare_pair *pair); /* or NULL */

/*
 * `looks` times `batch` requests, `depth` <= BARE_ENTRIES of them under way, of
 * `bytes` <= BARE_PAYLOAD each. A side shows its entries to the other when it
 * has no more, or `shown` of them at the latest. How many ticks of the TSC each
 * batch took goes to `ticks`. Returns 0, or -1: errno tells why.
 */
#define BARE_ENTRIES 256
#define BARE_PAYLOAD 64
struct bare_load {
	uint32_t looks, batch, depth, bytes, shown;
};
int bare_pair_run(struct bare_pair *pair, const struct bare_load *load, uint64_t *ticks);

#ifdef __cplusplus
}
#endif
#endif
