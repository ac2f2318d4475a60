/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long to wait for a signal before looking whether it is missing: a little
 * longer than a round trip takes, as RFC 6298 estimates it, and twice as long
 * after each look at which nothing had changed. A round trip that takes much
 * longer than those before counts as four times what was waited for: so one that
 * was as long as a pause is soon forgotten. The same rule as
 * vdev/ring/look_time.hpp; a test holds the two against each other. For one
 * thread.
 */
#ifndef BELL_LOOK_TIME_H
#define BELL_LOOK_TIME_H

#include <linux/minmax.h>
#include <linux/time64.h>
#include <linux/types.h>

#include "../uapi/bellwire.h"

struct bell_look_time {
	u64 mean_ns; /* smoothed; 0: nothing was measured */
	u64 variation_ns;
	unsigned int looks; /* in vain */
};

static inline u64 bell_look_time_once(const struct bell_look_time *time)
{
	const u64 least = BELLWIRE_LOOK_LEAST_MS * NSEC_PER_MSEC;
	const u64 most = BELLWIRE_LOOK_MOST_MS * NSEC_PER_MSEC;

	if (!time->mean_ns)
		return BELLWIRE_LOOK_FIRST_MS * NSEC_PER_MSEC;
	return clamp_t(u64, time->mean_ns + 4 * time->variation_ns, least, most);
}

static inline void bell_look_time_measured(struct bell_look_time *time, u64 took_ns)
{
	const u64 ns = min_t(u64, took_ns, 4 * bell_look_time_once(time));
	const s64 error = ns - time->mean_ns;
	const s64 distance = error < 0 ? -error : error;

	time->looks = 0;
	if (!time->mean_ns) {
		time->mean_ns = max_t(u64, ns, 1);
		time->variation_ns = ns / 2;
		return;
	}
	time->variation_ns += (distance - (s64)time->variation_ns) / 4;
	time->mean_ns = max_t(s64, time->mean_ns + error / 8, 1);
}

/* `changed`: since the last look. */
static inline void bell_look_time_looked(struct bell_look_time *time, bool changed)
{
	time->looks = changed ? 0 : min_t(unsigned int, time->looks + 1, 10);
}

static inline u64 bell_look_time_ns(const struct bell_look_time *time)
{
	const u64 most = BELLWIRE_LOOK_MOST_MS * NSEC_PER_MSEC;

	return min_t(u64, bell_look_time_once(time) << time->looks, most);
}

#endif /* BELL_LOOK_TIME_H */
