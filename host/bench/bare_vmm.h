/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The yardstick: what `bellwire device echo --on kvm` does, by a VMM in plain
 * C that has nothing of bellwire but the ring guest and the ring's layout. Its
 * device polls an eventfd, reads it, copies, and writes another. It trusts its
 * guest, and knows one queue. One thread at a time.
 */
#ifndef BELLWIRE_BENCH_BARE_VMM_H
#define BELLWIRE_BENCH_BARE_VMM_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bare_vmm;

/* The device's thread runs on that CPU, or anywhere if it is negative. NULL: errno tells why. */
struct bare_vmm *bare_vmm_create(int device_cpu);
void bare_vmm_destroy(struct bare_vmm *vmm);

/*
 * The guest sends `requests`, `requests` <= BARE_VMM_MOST, one at a time; how
 * many ticks of the TSC each took goes to `ticks`. Returns how many exits its
 * doorbells were, or -1: errno tells why.
 */
#define BARE_VMM_MOST 4096
int bare_vmm_run(struct bare_vmm *vmm, unsigned int requests, uint64_t *ticks);

#ifdef __cplusplus
}
#endif
#endif
