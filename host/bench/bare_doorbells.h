/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The yardstick of doorbells.hpp: the bench guest on a bare machine
 * (bare_vm.h), with ioeventfds by plain ioctls. One thread at a time.
 */
#ifndef BELLWIRE_BENCH_BARE_DOORBELLS_H
#define BELLWIRE_BENCH_BARE_DOORBELLS_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bare_doorbells;

/* The requests are without their eventfd: all get the same. NULL: errno tells why. */
struct bare_doorbells *bare_doorbells_create(const struct kvm_ioeventfd *requests, size_t count);
void bare_doorbells_destroy(struct bare_doorbells *doorbells); /* or NULL */

/*
 * The guest rings `bursts` times BENCH_BURST at `address`; `way` is one of
 * bench_guest.h. How many ticks of the TSC each burst took goes to `ticks`.
 * Returns the exits to user space that it took, or -1: errno tells why.
 */
int bare_doorbells_ring(struct bare_doorbells *doorbells, uint32_t way, uint64_t address,
			uint32_t bursts, uint32_t *ticks);

#ifdef __cplusplus
}
#endif
#endif
