// SPDX-License-Identifier: GPL-2.0-only
/* Whether a job makes sense, before anything is touched. */
#include <linux/cpumask.h>
#include <linux/sched/signal.h>

#include "lab.h"

#define FLAGS (NOTIFY_LAB_PACED | NOTIFY_LAB_HARDIRQ)
#define MIN_TIMER_GAP_US 50 /* shorter ones leave a slow CPU no time for anything else */

static int check_mechanisms(const struct notify_lab_job *wish)
{
	const struct lab_sender *sender = lab_find_sender(wish->send);
	const struct lab_receiver *receiver = lab_find_receiver(wish->receive);

	if ((!sender && wish->send) || (!receiver && wish->receive) || (!sender && !receiver))
		return -EINVAL;
	if (wish->flags && (!sender || receiver))
		return -EINVAL;
	if (wish->flags & NOTIFY_LAB_HARDIRQ && !sender->atomic)
		return -EOPNOTSUPP;
	return 0;
}

static bool gap_fits(const struct notify_lab_job *wish)
{
	u32 least = wish->flags & NOTIFY_LAB_HARDIRQ ? MIN_TIMER_GAP_US : 1;

	if (!wish->flags)
		return !wish->gap_us;
	return wish->gap_us >= least && wish->gap_us <= NOTIFY_LAB_MAX_GAP_US;
}

int lab_check(const struct notify_lab_job *wish)
{
	bool signal_fits = wish->send == NOTIFY_LAB_SEND_SIGNAL ?
				   wish->signal && valid_signal(wish->signal) :
				   !wish->signal;
	bool port_fits = !wish->port == (wish->send != NOTIFY_LAB_SEND_GENL_UNICAST);

	if (wish->flags & ~FLAGS || wish->reserved[0] || wish->reserved[1])
		return -EINVAL;
	if (!wish->count || wish->count > NOTIFY_LAB_RECORDS)
		return -EINVAL;
	if (!gap_fits(wish) || !signal_fits || !port_fits)
		return -EINVAL;
	if (wish->cpu < -1)
		return -EINVAL;
	if (wish->cpu >= 0 && (wish->cpu >= nr_cpu_ids || !cpu_online(wish->cpu)))
		return -ENODEV;
	return check_mechanisms(wish);
}
