/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The yardstick of round_trip.hpp: what `bellwire device echo --on kvm` does,
 * on a bare machine (bare_vm.h) that has nothing of bellwire but the ring guest
 * and the ring's layout. Its device (bare_device.h) polls an eventfd, reads it,
 * copies, and writes another. It trusts its guest, and knows one queue. One
 * thread at a time.
 */
#ifndef BELLWIRE_BENCH_BARE_ROUND_TRIP_H
#define BELLWIRE_BENCH_BARE_ROUND_TRIP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bare_round_trip;

/* The device's thread runs on that CPU, or anywhere if it is negative. NULL: errno tells why. */
struct bare_round_trip *bare_round_trip_create(int device_cpu);
void bare_round_trip_destroy(struct bare_round_trip *trip); /* or NULL */

/*
 * The guest sends `requests`, `requests` <= BARE_ROUND_TRIPS, one at a time; how
 * many ticks of the TSC each took goes to `ticks`. Returns how many exits its
 * doorbells were, or -1: errno tells why.
 */
#define BARE_ROUND_TRIPS 4096
int bare_round_trip_run(struct bare_round_trip *trip, unsigned int requests, uint64_t *ticks);

#ifdef __cplusplus
}
#endif
#endif
