// SPDX-License-Identifier: GPL-2.0-only
/* User to kernel: the mechanisms, in a table, and how the thread waits. */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched.h>

#include "lab.h"

#define SPIN_JIFFIES msecs_to_jiffies(20)

static int take_bytes(struct lab_session *session, struct lab_notification *notification)
{
	notification->carried = 1;
	return lab_wire_read(&session->job.in, &notification->number);
}

static int take_eventfd(struct lab_session *session, struct lab_notification *notification)
{
	int error = lab_wire_read(&session->job.in, &notification->number);

	notification->carried = notification->number;
	return error;
}

static bool rung(struct lab_session *session, struct lab_notification *notification)
{
	/* Pairs with the user's release store. */
	notification->number = smp_load_acquire(&session->map->rung);
	notification->carried = notification->number - session->job.rung;
	session->job.rung = notification->number;
	return notification->carried;
}

/* Lets others run in between; after some time without a change, it looks once per tick. */
static int take_page(struct lab_session *session, struct lab_notification *notification)
{
	unsigned long end = jiffies + SPIN_JIFFIES;

	while (!rung(session, notification)) {
		if (kthread_should_stop())
			return -EINTR;
		if (time_after(jiffies, end))
			schedule_timeout_idle(1);
		else
			cpu_relax();
		cond_resched();
	}
	return 0;
}

static const struct lab_receiver receivers[NOTIFY_LAB_RECEIVERS] = {
	[NOTIFY_LAB_RECEIVE_IOCTL] = { LAB_NO_WIRE },
	[NOTIFY_LAB_RECEIVE_WRITE] = { LAB_NO_WIRE },
	[NOTIFY_LAB_RECEIVE_EVENTFD_READ] = { LAB_EVENTFD, O_NONBLOCK, take_eventfd },
	[NOTIFY_LAB_RECEIVE_EVENTFD_POLL] = { LAB_EVENTFD, 0, lab_watch_take, woken_wake_function },
	[NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK] = { LAB_EVENTFD, .wake = lab_watch_callback },
	[NOTIFY_LAB_RECEIVE_PIPE] = { LAB_PIPE, 0, take_bytes },
	[NOTIFY_LAB_RECEIVE_UNIX_DGRAM] = { LAB_UNIX_DGRAM, 0, take_bytes },
	[NOTIFY_LAB_RECEIVE_UNIX_STREAM] = { LAB_UNIX_STREAM, 0, take_bytes },
	[NOTIFY_LAB_RECEIVE_UDP] = { LAB_UDP, 0, take_bytes },
	[NOTIFY_LAB_RECEIVE_TCP] = { LAB_TCP, 0, take_bytes },
	[NOTIFY_LAB_RECEIVE_GENL] = { LAB_NO_WIRE },
	[NOTIFY_LAB_RECEIVE_PAGE] = { LAB_NO_WIRE, 0, take_page },
};

/* NULL: NOTIFY_LAB_RECEIVE_NONE, or none that we know. */
const struct lab_receiver *lab_find_receiver(u32 which)
{
	if (which == NOTIFY_LAB_RECEIVE_NONE || which >= ARRAY_SIZE(receivers))
		return NULL;
	return &receivers[which];
}

/* For notification that comes by itself: lab_received() is called elsewhere. */
static int await(struct lab_session *session, u64 answered)
{
	return wait_event_interruptible(session->arrived,
					READ_ONCE(session->info.received) > answered ||
						kthread_should_stop());
}

/* In the thread: returns when there is more than `answered`, or with an error. */
int lab_receive(struct lab_session *session, u64 answered)
{
	const struct lab_receiver *receiver = session->job.receiver;
	struct lab_notification notification;
	int error;

	if (!receiver->take)
		return await(session, answered);
	error = receiver->take(session, &notification);
	if (!error)
		error = lab_received(session, session->job.request.receive, &notification);
	return error;
}
