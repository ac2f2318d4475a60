// SPDX-License-Identifier: GPL-2.0-only
/* Kernel to user: the mechanisms, in a table, and when to send. */
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "../module/eventfd.h"
#include "lab.h"

#define FULL_US 50 /* between two attempts while the other side is full */

static int send_eventfd(struct lab_session *session, u64 number)
{
	bell_eventfd_signal(session->job.out.ctx);
	return 0;
}

static int send_bytes(struct lab_session *session, u64 number)
{
	return lab_wire_write(&session->job.out, number);
}

static int send_device(struct lab_session *session, u64 number)
{
	atomic64_inc(&session->unread);
	wake_up_interruptible_poll(&session->readers, EPOLLIN | EPOLLRDNORM);
	return 0;
}

static int send_fasync(struct lab_session *session, u64 number)
{
	kill_fasync(&session->fasync, SIGIO, POLL_IN);
	return 0;
}

/* As sigqueue() does it. A full queue of real-time signals is EAGAIN. */
static int send_signal(struct lab_session *session, u64 number)
{
	struct kernel_siginfo info;

	clear_siginfo(&info);
	info.si_signo = session->job.request.signal;
	info.si_code = SI_QUEUE;
	info.si_int = number;
	return send_sig_info(info.si_signo, &info, session->job.caller);
}

/* lab_sending() did it all. */
static int send_page(struct lab_session *session, u64 number)
{
	return 0;
}

static const struct lab_sender senders[NOTIFY_LAB_SENDERS] = {
	[NOTIFY_LAB_SEND_EVENTFD] = { LAB_EVENTFD, .atomic = true, .send = send_eventfd },
	[NOTIFY_LAB_SEND_PIPE] = { LAB_PIPE, .send = send_bytes },
	[NOTIFY_LAB_SEND_UNIX_DGRAM] = { LAB_UNIX_DGRAM, .send = send_bytes },
	[NOTIFY_LAB_SEND_UNIX_STREAM] = { LAB_UNIX_STREAM, .send = send_bytes },
	[NOTIFY_LAB_SEND_UDP] = { LAB_UDP, .send = send_bytes },
	[NOTIFY_LAB_SEND_TCP] = { LAB_TCP, .send = send_bytes },
	[NOTIFY_LAB_SEND_GENL_UNICAST] = { .send = lab_genl_unicast },
	[NOTIFY_LAB_SEND_GENL_MULTICAST] = { .send = lab_genl_multicast },
	[NOTIFY_LAB_SEND_DEVICE] = { .atomic = true, .send = send_device },
	[NOTIFY_LAB_SEND_FASYNC] = { .atomic = true, .send = send_fasync },
	[NOTIFY_LAB_SEND_SIGNAL] = { .atomic = true, .send = send_signal },
	[NOTIFY_LAB_SEND_PAGE] = { .atomic = true, .send = send_page },
};

/* NULL: NOTIFY_LAB_SEND_NONE, or none that we know. */
const struct lab_sender *lab_find_sender(u32 which)
{
	if (which >= ARRAY_SIZE(senders) || !senders[which].send)
		return NULL;
	return &senders[which];
}

/*
 * Whether the next one may be sent. The acknowledgment must have been seen
 * by the look before, too: so a gap lies between it and the next notification.
 */
bool lab_due(struct lab_session *session)
{
	struct lab_job *job = &session->job;
	bool before = job->answered;

	if (!(job->request.flags & NOTIFY_LAB_PACED))
		return true;
	job->answered = READ_ONCE(session->map->acknowledged) >= session->info.sent;
	if (!before || !job->answered)
		return false;
	job->answered = false;
	return true;
}

int lab_send_once(struct lab_session *session)
{
	int error;

	lab_sending(session);
	error = session->job.sender->send(session, session->info.sent + 1);
	lab_sent(session, error);
	return error;
}

/* In the thread: waits while the other side is full. */
int lab_send(struct lab_session *session)
{
	int error;

	while ((error = lab_send_once(session)) == -EAGAIN && lab_running(session))
		usleep_range_state(FULL_US, 2 * FULL_US, TASK_IDLE);
	return error;
}
