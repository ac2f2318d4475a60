// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a job: checked before anything is touched, set up, started, ended
 * and freed. All of it but the check runs under session->lock.
 */
#include <linux/capability.h>
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/nsproxy.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <net/net_namespace.h>

#include "lab.h"

#define FLAGS (NOTIFY_LAB_PACED | NOTIFY_LAB_HARDIRQ)
#define MIN_TIMER_GAP_US 50 /* a shorter gap would take all time of a slow CPU */

static int check_mechanisms(const struct notify_lab_job *request)
{
	const struct lab_sender *sender = lab_find_sender(request->send);
	const struct lab_receiver *receiver = lab_find_receiver(request->receive);

	if ((!sender && request->send) || (!receiver && request->receive) || (!sender && !receiver))
		return -EINVAL;
	if (request->flags && (!sender || receiver))
		return -EINVAL;
	if (request->flags & NOTIFY_LAB_HARDIRQ && !sender->atomic)
		return -EOPNOTSUPP;
	return 0;
}

static bool gap_fits(const struct notify_lab_job *request)
{
	u32 least = request->flags & NOTIFY_LAB_HARDIRQ ? MIN_TIMER_GAP_US : 1;

	if (!request->flags)
		return !request->gap_us;
	return request->gap_us >= least && request->gap_us <= NOTIFY_LAB_MAX_GAP_US;
}

static int check(const struct notify_lab_job *request)
{
	bool signal_fits = request->send == NOTIFY_LAB_SEND_SIGNAL ?
				   request->signal && valid_signal(request->signal) :
				   !request->signal;
	bool port_fits = !request->port == (request->send != NOTIFY_LAB_SEND_GENL_UNICAST);

	if (request->flags & ~FLAGS || request->reserved[0] || request->reserved[1])
		return -EINVAL;
	if (!request->count || request->count > NOTIFY_LAB_RECORDS)
		return -EINVAL;
	if (!gap_fits(request) || !signal_fits || !port_fits)
		return -EINVAL;
	if (request->cpu < -1)
		return -EINVAL;
	if (request->cpu >= 0 && (request->cpu >= nr_cpu_ids || !cpu_online(request->cpu)))
		return -ENODEV;
	return check_mechanisms(request);
}

/* It may end by itself, so we keep the task until kthread_stop(). */
static int create_thread(struct lab_session *session)
{
	struct lab_job *job = &session->job;
	struct task_struct *thread =
		kthread_create(lab_work, session, "notify_lab/%u", session->id);

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	get_task_struct(thread);
	if (job->request.cpu >= 0)
		kthread_bind(thread, job->request.cpu);
	job->thread = thread;
	return 0;
}

static int open_wires(struct lab_job *job)
{
	enum lab_wire_kind out = job->sender ? job->sender->wire : LAB_NO_WIRE;
	enum lab_wire_kind in = job->receiver ? job->receiver->wire : LAB_NO_WIRE;
	int error = lab_wire_open(&job->out, out, job->request.send_fd, FMODE_WRITE);

	if (!error)
		error = lab_wire_open(&job->in, in, job->request.receive_fd, FMODE_READ);
	if (error)
		return error;
	if (job->in.file && job->receiver->refused & job->in.file->f_flags)
		return -EINVAL;
	return job->in.ctx && job->in.ctx == job->out.ctx ? -ELOOP : 0;
}

static int set_up(struct lab_session *session, const struct notify_lab_job *request)
{
	struct lab_job *job = &session->job;
	int error;

	job->request = *request;
	job->sender = lab_find_sender(request->send);
	job->receiver = lab_find_receiver(request->receive);
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
	*job = (struct lab_job){};
}

int lab_job_start(struct lab_session *session, const struct notify_lab_job *request)
{
	int error = capable(CAP_SYS_ADMIN) ? check(request) : -EPERM;

	if (error)
		return error;
	mutex_lock(&session->lock);
	error = -EBUSY;
	if (!lab_running(session)) {
		tear_down(session);
		error = set_up(session, request);
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
