/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long a worker's thread polls for a kick before it sleeps: as long as that
 * bridges the gaps between kicks, and not at all where it would not. The same
 * rule as vdev/core/poll_time.hpp. For one thread.
 */
#ifndef BELL_POLL_TIME_H
#define BELL_POLL_TIME_H

#include <linux/minmax.h>
#include <linux/types.h>

#define BELL_POLL_LEAST_NS 10000u /* a shorter time becomes 0, unless the limit is shorter */

struct bell_poll_time {
	u64 ns; /* how long to poll */
};

/* A kick came `gap` ns after the last was served. `most` is the limit in ns; 0: never poll. */
static inline void bell_poll_time_kicked(struct bell_poll_time *time, u64 gap, u64 most)
{
	const u64 least = min_t(u64, BELL_POLL_LEAST_NS, most);

	if (gap <= time->ns && time->ns <= most)
		return;
	if (gap <= most)
		time->ns = clamp_t(u64, 2 * time->ns, least, most);
	else
		time->ns /= 2;
	if (time->ns < least || !most)
		time->ns = 0;
}

#endif /* BELL_POLL_TIME_H */
