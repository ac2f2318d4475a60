// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waits for an eventfd as poll() does, in its wait queue: a thread is woken from
 * there, or a callback runs. Taking a count does not wake processes that wait to
 * write; they only wait while the count is close to 2^64.
 */
#include <linux/eventfd.h>
#include <linux/kthread.h>

#include "lab.h"

/*
 * Polls before it takes, since older kernels decrement a semaphore at zero. The
 * lock keeps others from taking the count in between.
 */
static u64 take_locked(struct lab_job *job)
{
	u64 count = 0;

	lockdep_assert_held(&job->watch.head->lock);

	if (vfs_poll(job->in.file, NULL) & EPOLLIN)
		eventfd_ctx_do_read(job->in.ctx, &count);
	return count;
}

static u64 take(struct lab_job *job)
{
	u64 count;

	spin_lock_irq(&job->watch.head->lock);
	count = take_locked(job);
	spin_unlock_irq(&job->watch.head->lock);
	return count;
}

int lab_watch_take(struct lab_session *session, struct lab_notification *notification)
{
	struct lab_job *job = &session->job;

	while (!(notification->number = take(job))) {
		if (kthread_should_stop())
			return -EINTR;
		wait_woken(&job->watch.wait, TASK_IDLE, MAX_SCHEDULE_TIMEOUT);
	}
	notification->carried = notification->number;
	return 0;
}

static bool wanted(const struct lab_session *session)
{
	return lab_running(session) && !lab_all_received(session);
}

/* A semaphore gives one at a time. What nobody wants stays in the eventfd. */
static void pass_locked(struct lab_session *session)
{
	struct lab_notification notification;

	while (wanted(session) && (notification.number = take_locked(&session->job))) {
		notification.carried = notification.number;
		lab_received(session, session->job.request.receive, &notification);
	}
}

/* Called by whoever writes the eventfd, under its lock, interrupts off. */
int lab_watch_callback(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	if (key_to_poll(key) & EPOLLIN)
		pass_locked(container_of(wait, struct lab_session, job.watch.wait));
	return 0;
}

static void remember_head(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct lab_watch *watch = container_of(table, struct lab_watch, table);

	watch->head = head;
	add_wait_queue(head, &watch->wait);
}

/* A count that is already in the eventfd causes no callback, so it is taken here. */
void lab_watch(struct lab_session *session)
{
	struct lab_job *job = &session->job;
	struct lab_watch *watch = &job->watch;

	init_waitqueue_func_entry(&watch->wait, job->receiver->wake);
	watch->wait.private = job->thread;
	init_poll_funcptr(&watch->table, remember_head);
	vfs_poll(job->in.file, &watch->table);
	if (job->receiver->take)
		return;
	spin_lock_irq(&watch->head->lock);
	pass_locked(session);
	spin_unlock_irq(&watch->head->lock);
}

void lab_unwatch(struct lab_session *session)
{
	struct lab_watch *watch = &session->job.watch;

	if (watch->head)
		remove_wait_queue(watch->head, &watch->wait);
}
