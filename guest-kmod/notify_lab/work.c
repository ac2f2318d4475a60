// SPDX-License-Identifier: GPL-2.0-only
/* What a job's thread does: send, or receive, or answer each one received. */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/sched.h>

#include "lab.h"

/* The thread's sleeps, by its own count of voluntary switches. */
static void count_wakeups(struct lab_session *session)
{
	WRITE_ONCE(session->info.wakeups, current->nvcsw - session->job.sleeps);
}

static int send_all(struct lab_session *session)
{
	u32 gap = session->job.wish.gap_us;
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

/* Those that pass, and leave the thread at its work. */
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
	else if (job->wish.flags & NOTIFY_LAB_HARDIRQ)
		error = lab_timer_run(session);
	else
		error = send_all(session);
	lab_end(session, error ? NOTIFY_LAB_FAILED : NOTIFY_LAB_DONE, error);
	return 0;
}
