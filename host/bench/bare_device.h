/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The device of bare_round_trip.h: an echo of queue 0, by guest-kmod/uapi/bellwire.h,
 * part 1, for a driver that can be trusted. One thread.
 */
#ifndef BELLWIRE_BENCH_BARE_DEVICE_H
#define BELLWIRE_BENCH_BARE_DEVICE_H

#include "guest-kmod/uapi/bellwire.h"

#ifdef __cplusplus
extern "C" {
#endif

struct bare_device {
	struct bellwire_queue_control *control;
	struct bellwire_request *requests;
	struct bellwire_completion *completions;
	unsigned char *payload;
	__u32 entries, generation, completed;
	int interrupt; /* eventfd */
};

/* Formats `size` bytes of memory, with one queue, and is its device. */
struct bare_device bare_device_of(unsigned char *memory, __u64 size, int interrupt);

/* All that there is to do. */
void bare_device_serve(struct bare_device *device);

/* Adds 1 to an eventfd. */
void bare_ring(int fd);

#ifdef __cplusplus
}
#endif

#endif
