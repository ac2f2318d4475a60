// SPDX-License-Identifier: GPL-2.0-only
/* A job's life: checked, set up, run by its thread, ended and freed. */
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <net/net_namespace.h>

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

static int check(const struct notify_lab_job *wish)
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

static int run(void *data)
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

/* It may end by itself, so we keep the task until kthread_stop(). */
static int create_thread(struct lab_session *session)
{
	struct lab_job *job = &session->job;
	struct task_struct *thread = kthread_create(run, session, "notify_lab/%u", session->id);

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);
	if (job->wish.cpu >= 0)
		kthread_bind(thread, job->wish.cpu);
	job->thread = thread;
	return 0;
}

static int open_wires(struct lab_job *job)
{
	enum lab_wire_kind out = job->sender ? job->sender->wire : LAB_NO_WIRE;
	enum lab_wire_kind in = job->receiver ? job->receiver->wire : LAB_NO_WIRE;
	int error = lab_wire_open(&job->out, out, job->wish.send_fd, FMODE_WRITE);

	if (!error)
		error = lab_wire_open(&job->in, in, job->wish.receive_fd, FMODE_READ);
	if (error)
		return error;
	if (job->in.file && job->receiver->refused & job->in.file->f_flags)
		return -EINVAL;
	return job->in.ctx && job->in.ctx == job->out.ctx ? -ELOOP : 0;
}

static int set_up(struct lab_session *session, const struct notify_lab_job *wish)
{
	struct lab_job *job = &session->job;
	int error;

	job->wish = *wish;
	job->sender = lab_find_sender(wish->send);
	job->receiver = lab_find_receiver(wish->receive);
	job->caller = get_task_struct(current);
	job->net = get_net(current->nsproxy->net_ns);
	error = open_wires(job);
	if (!error && (job->sender || job->receiver->take))
		error = create_thread(session);
	return error;
}

static void begin(struct lab_session *session)
{
	struct lab_job *job = &session->job;

	lab_record_begin(session);
	if (job->receiver && job->receiver->wake)
		lab_watch(session);
	if (job->thread)
		wake_up_process(job->thread);
}

/* Also of one that was set up in part, or not at all. */
static void tear_down(struct lab_session *session)
{
	struct lab_job *job = &session->job;

	lab_end(session, NOTIFY_LAB_STOPPED, 0);
	if (job->thread) {
		kthread_stop(job->thread);
		put_task_struct(job->thread);
	}
	lab_unwatch(session);
	lab_wire_close(&job->out);
	lab_wire_close(&job->in);
	if (job->caller)
		put_task_struct(job->caller);
	if (job->net)
		put_net(job->net);
	*job = (struct lab_job) {};
}

int lab_job_start(struct lab_session *session, const struct notify_lab_job *wish)
{
	int error = capable(CAP_SYS_ADMIN) ? check(wish) : -EPERM;

	if (error)
		return error;
	mutex_lock(&session->lock);
	error = -EBUSY;
	if (!lab_running(session)) {
		tear_down(session);
		error = set_up(session, wish);
		if (error)
			tear_down(session);
		else
			begin(session);
	}
	mutex_unlock(&session->lock);
	return error;
}

int lab_job_stop(struct lab_session *session)
{
	int error;

	mutex_lock(&session->lock);
	error = READ_ONCE(session->info.state) == NOTIFY_LAB_IDLE ? -ENOTCONN : 0;
	tear_down(session);
	mutex_unlock(&session->lock);
	return error;
}
