// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a job has sent and received: counted for INFO, and recorded in the map for
 * the user; the kernel never reads the records. Any context.
 */
#include <linux/overflow.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>

#include "lab.h"

void lab_record_begin(struct lab_session *session)
{
	u32 id = session->id;

	spin_lock_irq(&session->records);
	session->info = (struct notify_lab_info){ .session = id, .state = NOTIFY_LAB_RUNNING };
	WRITE_ONCE(session->map->acknowledged, 0);
	WRITE_ONCE(session->map->rung, 0);
	WRITE_ONCE(session->map->sent, 0);
	WRITE_ONCE(session->map->received, 0);
	atomic64_set(&session->unread, 0);
	spin_unlock_irq(&session->records);
}

bool lab_running(const struct lab_session *session)
{
	return READ_ONCE(session->info.state) == NOTIFY_LAB_RUNNING;
}

bool lab_all_sent(const struct lab_session *session)
{
	return READ_ONCE(session->info.sent) >= session->job.request.count;
}

bool lab_all_received(const struct lab_session *session)
{
	return READ_ONCE(session->info.carried) >= session->job.request.count;
}

/* The first end counts. */
static void end_locked(struct lab_session *session, u32 state, int error)
{
	lockdep_assert_held(&session->records);

	if (!lab_running(session))
		return;
	if (error) {
		session->info.error = -error;
		session->info.errors++;
	}
	WRITE_ONCE(session->info.state, state);
	wake_up_all(&session->ended);
}

void lab_end(struct lab_session *session, u32 state, int error)
{
	unsigned long flags;

	spin_lock_irqsave(&session->records, flags);
	end_locked(session, state, error);
	spin_unlock_irqrestore(&session->records, flags);
}

void lab_count_error(struct lab_session *session, int error)
{
	unsigned long flags;

	spin_lock_irqsave(&session->records, flags);
	session->info.error = -error;
	session->info.errors++;
	spin_unlock_irqrestore(&session->records, flags);
}

static u32 context(void)
{
	if (in_hardirq())
		return NOTIFY_LAB_IN_HARDIRQ;
	if (in_serving_softirq())
		return NOTIFY_LAB_IN_SOFTIRQ;
	return current->flags & PF_KTHREAD ? NOTIFY_LAB_IN_THREAD : NOTIFY_LAB_IN_PROCESS;
}

static struct notify_lab_record stamp(u64 number)
{
	return (struct notify_lab_record){
		.at = ktime_get_ns(),
		.number = number,
		.context = context(),
		.cpu = raw_smp_processor_id(),
	};
}

static int receive_locked(struct lab_session *session, u32 receiver,
			  const struct lab_notification *notification)
{
	struct notify_lab_info *info = &session->info;

	lockdep_assert_held(&session->records);

	if (!lab_running(session) || session->job.request.receive != receiver ||
	    lab_all_received(session))
		return -ENOTCONN;
	session->map->receive_records[info->received] = stamp(notification->number);
	info->received++;
	/* The user chose the number; it may be anything from 1 to 2^64 - 1. */
	if (check_add_overflow(info->carried, notification->carried, &info->carried))
		info->carried = U64_MAX;
	/* A user who sees the count sees the record. */
	smp_store_release(&session->map->received, info->received);
	if (!session->job.thread && lab_all_received(session))
		end_locked(session, NOTIFY_LAB_DONE, 0);
	return 0;
}

int lab_received(struct lab_session *session, u32 receiver,
		 const struct lab_notification *notification)
{
	unsigned long flags;
	int error;

	spin_lock_irqsave(&session->records, flags);
	error = receive_locked(session, receiver, notification);
	spin_unlock_irqrestore(&session->records, flags);
	if (!error)
		wake_up(&session->arrived);
	return error;
}

/*
 * Called before the notification is sent, so that whoever it wakes finds the
 * record. A second attempt overwrites the record of the first.
 */
void lab_sending(struct lab_session *session)
{
	u64 sent = session->info.sent; /* only the sending side changes it */

	session->map->send_records[sent] = stamp(sent + 1);
	/* A user who sees the count sees the record. */
	smp_store_release(&session->map->sent, sent + 1);
}

void lab_sent(struct lab_session *session, int error)
{
	unsigned long flags;

	spin_lock_irqsave(&session->records, flags);
	if (error == -EAGAIN)
		session->info.retries++;
	if (!error) {
		session->info.sent++;
		session->info.hardirqs += !!in_hardirq();
	}
	spin_unlock_irqrestore(&session->records, flags);
}
