// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the thread of a job does: it sends, by itself or by a timer's hard
 * interrupt on its CPU, or it receives, or it answers each notification.
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/sched.h>

#include "lab.h"

static ktime_t gap(const struct lab_session *session)
{
	return ns_to_ktime(session->job.request.gap_us * NSEC_PER_USEC);
}

/* Returns whether there is more to send. If the other side is full, the next tick tries again. */
static bool send_tick(struct lab_session *session)
{
	int error = lab_due(session) ? lab_send_once(session) : 0;

	if (error && error != -EAGAIN)
		lab_end(session, NOTIFY_LAB_FAILED, error);
	else if (lab_all_sent(session))
		lab_end(session, NOTIFY_LAB_DONE, 0);
	return lab_running(session);
}

/* Runs in a hard interrupt. */
static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct lab_session *session = container_of(timer, struct lab_session, job.timer);

	if (!lab_running(session) || !send_tick(session))
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

static int timer_run(struct lab_session *session)
{
	struct hrtimer *timer = &session->job.timer;
	int error;

	set_up(timer);
	hrtimer_start(timer, gap(session), HRTIMER_MODE_REL_PINNED_HARD);
	error = wait_event_interruptible(session->ended, !lab_running(session));
	hrtimer_cancel(timer);
	return error;
}

/* A sleep of the thread is a voluntary context switch. */
static void count_wakeups(struct lab_session *session)
{
	WRITE_ONCE(session->info.wakeups, current->nvcsw - session->job.sleeps);
}

static int send_all(struct lab_session *session)
{
	u32 gap = session->job.request.gap_us;
	int error = 0;

	while (lab_running(session) && !lab_all_sent(session) && !error) {
		if (lab_due(session))
			error = lab_send(session);
		else
			usleep_range_state(gap, gap, TASK_IDLE);
		count_wakeups(session);
		cond_resched();
	}
	return error;
}

/* Returns 0 for an error after which the thread continues. */
static int forgive(struct lab_session *session, int error)
{
	if (error == -EAGAIN)
		schedule_timeout_idle(1);
	else if (error == -EMSGSIZE)
		lab_count_error(session, error);
	else if (error != -EINTR && error != -ERESTARTSYS)
		return error;
	return 0;
}

static int answer(struct lab_session *session, u64 *answered)
{
	int error = lab_receive(session, *answered);

	if (error)
		return forgive(session, error);
	++*answered;
	return session->job.sender ? lab_send(session) : 0;
}

static bool all_answered(struct lab_session *session, u64 answered)
{
	return lab_all_received(session) && answered >= READ_ONCE(session->info.received);
}

static int receive_all(struct lab_session *session)
{
	u64 answered = 0;
	int error = 0;

	while (lab_running(session) && !all_answered(session, answered) && !error) {
		error = answer(session, &answered);
		count_wakeups(session);
		cond_resched();
	}
	return error;
}

int lab_work(void *data)
{
	struct lab_session *session = data;
	struct lab_job *job = &session->job;
	int error;

	job->sleeps = current->nvcsw;
	if (job->receiver)
		error = receive_all(session);
	else if (job->request.flags & NOTIFY_LAB_HARDIRQ)
		error = timer_run(session);
	else
		error = send_all(session);
	lab_end(session, error ? NOTIFY_LAB_FAILED : NOTIFY_LAB_DONE, error);
	return 0;
}
