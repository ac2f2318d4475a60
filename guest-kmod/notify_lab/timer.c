// SPDX-License-Identifier: GPL-2.0-only
/* Sending from a hard interrupt: that of a timer, on the CPU of the job's thread. */
#include <linux/ktime.h>

#include "lab.h"

static ktime_t gap(const struct lab_session *session)
{
	return ns_to_ktime(session->job.wish.gap_us * NSEC_PER_USEC);
}

/* Returns whether there is more to send. A full other side is tried again at the next tick. */
static bool send(struct lab_session *session)
{
	int error = lab_due(session) ? lab_send_once(session) : 0;

	if (error && error != -EAGAIN)
		lab_end(session, NOTIFY_LAB_FAILED, error);
	else if (lab_all_sent(session))
		lab_end(session, NOTIFY_LAB_DONE, 0);
	return lab_running(session);
}

/* Hard interrupt. */
static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct lab_session *session = container_of(timer, struct lab_session, job.timer);

	if (!lab_running(session) || !send(session))
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, gap(session));
	return HRTIMER_RESTART;
}

static void set_up(struct hrtimer *timer)
{
#ifdef LAB_HRTIMER_SETUP
	hrtimer_setup(timer, tick, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	timer->function = tick;
#endif
}

int lab_timer_run(struct lab_session *session)
{
	struct hrtimer *timer = &session->job.timer;
	int error;

	set_up(timer);
	hrtimer_start(timer, gap(session), HRTIMER_MODE_REL_PINNED_HARD);
	error = wait_event_interruptible(session->ended, !lab_running(session));
	hrtimer_cancel(timer);
	return error;
}
