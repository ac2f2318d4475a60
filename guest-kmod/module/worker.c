// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three ways to wait for an eventfd in the kernel: a thread that reads it, a
 * thread that polls it, and a callback in its wait queue, as KVM's irqfd has.
 *
 * A worker holds the eventfd's file, so the eventfd does not go away. It belongs
 * to a bell_file, which destroys it before it gives up the queue. A new worker
 * takes the count that it finds; one that is destroyed leaves the count where it
 * is. So replacing workers loses no kick.
 *
 * Taking a count does not wake processes that wait to write. They only wait while
 * the count is close to 2^64, and the next write wakes them.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/moduleparam.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "device.h"
#include "eventfd.h"
#include "poll_time.h"
#include "trace.h"
#include "worker.h"

static unsigned int poll_us;
module_param(poll_us, uint, 0644);
MODULE_PARM_DESC(poll_us,
		 "most microseconds that a worker's thread polls for kicks before it sleeps");

struct bell_worker {
	u32 kind;
	struct bell_queue *queue;
	struct file *file;
	struct eventfd_ctx *ctx;

	struct task_struct *task;        /* NULL for callback */
	struct bell_poll_time poll_time; /* used by task alone */
	u64 idle_since;                  /* likewise */

	/* poll and callback only */
	poll_table table;        /* used once, to find head */
	wait_queue_head_t *head; /* the eventfd's; lives as long as ctx */
	wait_queue_entry_t wait; /* in head */
};

/* To be called after a count was taken. Any context. */
static void ring(struct bell_worker *worker, u64 count)
{
	bell_queue_kicked(worker->queue);
	bell_count(worker->queue, BELL_KICKS);
	trace_kick(worker->queue, count);
	bell_queue_ring(worker->queue);
}

/*
 * To be called after a poll, since older kernels decrement a semaphore at zero. The
 * lock keeps others from taking the count in between.
 */
static bool take_count(struct bell_worker *worker)
{
	u64 count = 0;

	lockdep_assert_held(&worker->head->lock);

	eventfd_ctx_do_read(worker->ctx, &count);
	if (count)
		ring(worker, count);
	return count;
}

static bool has_count(struct bell_worker *worker)
{
	return vfs_poll(worker->file, NULL) & EPOLLIN;
}

/* Takes a kick that was held. */
static void take_kick(struct bell_queue *queue)
{
	struct bell_worker *worker = queue->owner ? queue->owner->worker : NULL;

	lockdep_assert_held(&queue->device->lock);

	if (!worker || !worker->head)
		return;
	spin_lock_irq(&worker->head->lock);
	if (has_count(worker))
		take_count(worker);
	spin_unlock_irq(&worker->head->lock);
}

static bool take_locked(struct bell_worker *worker)
{
	if (!has_count(worker) || bell_holds(worker->queue, BELLWIRE_KICKED, take_kick))
		return false;
	return take_count(worker);
}

static bool take(struct bell_worker *worker)
{
	bool taken;

	spin_lock_irq(&worker->head->lock);
	taken = take_locked(worker);
	spin_unlock_irq(&worker->head->lock);
	return taken;
}

/*
 * Polls the eventfd for as long as that pays. On one CPU it never pays: the
 * process that would kick cannot run meanwhile.
 */
static void poll_for_kick(struct bell_worker *worker)
{
	const u64 until = worker->idle_since + worker->poll_time.ns;

	if (num_online_cpus() == 1)
		return;
	while (ktime_get_ns() < until && !need_resched() && !kthread_should_stop()) {
		if (has_count(worker))
			return;
		cpu_relax();
	}
}

static void note_kick(struct bell_worker *worker, u64 came_at)
{
	bell_poll_time_kicked(&worker->poll_time, came_at - worker->idle_since,
			      (u64)READ_ONCE(poll_us) * NSEC_PER_USEC);
	worker->idle_since = ktime_get_ns();
}

/*
 * kthread_stop() ends the sleep in the eventfd's read, as a signal would, even if
 * somebody else took the count that woke it. If a user makes the eventfd
 * non-blocking later, the thread reads it once per tick.
 */
static int read_thread(void *data)
{
	struct bell_worker *worker = data;
	ssize_t length;
	u64 count, came_at;

	worker->idle_since = ktime_get_ns();
	while (!kthread_should_stop()) {
		poll_for_kick(worker);
		length = kernel_read(worker->file, &count, sizeof(count), NULL);
		came_at = ktime_get_ns();
		if (length == sizeof(count)) {
			ring(worker, count);
			note_kick(worker, came_at);
		} else if (length == -EAGAIN) {
			schedule_timeout_interruptible(1);
		}
	}
	return 0;
}

static int poll_thread(void *data)
{
	struct bell_worker *worker = data;
	u64 came_at;

	worker->idle_since = ktime_get_ns();
	while (!kthread_should_stop()) {
		came_at = ktime_get_ns();
		if (take(worker)) {
			note_kick(worker, came_at);
			cond_resched();
			continue;
		}
		poll_for_kick(worker);
		wait_woken(&worker->wait, TASK_IDLE, MAX_SCHEDULE_TIMEOUT);
	}
	return 0;
}

/* Called by whoever writes to the eventfd, under its lock, with interrupts off. */
static int callback(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	if (key_to_poll(key) & EPOLLIN)
		take_locked(container_of(wait, struct bell_worker, wait));
	return 0;
}

static const struct worker_kind {
	const char *name;
	int (*thread)(void *worker);
	wait_queue_func_t wake;
	unsigned int refused; /* flags that the eventfd's file must not have */
} kinds[] = {
	[BELLWIRE_WORKER_NONE] = { .name = "none" },
	[BELLWIRE_WORKER_READ] = { .name = "read", .thread = read_thread, .refused = O_NONBLOCK },
	[BELLWIRE_WORKER_POLL] = { .name = "poll",
				   .thread = poll_thread,
				   .wake = woken_wake_function },
	[BELLWIRE_WORKER_CALLBACK] = { .name = "callback", .wake = callback },
};

static int open_eventfd(struct bell_worker *worker, int fd)
{
	struct file *file = eventfd_fget(fd);

	if (IS_ERR(file))
		return PTR_ERR(file);
	worker->file = file;
	if (file->f_flags & kinds[worker->kind].refused)
		return -EINVAL;
	worker->ctx = eventfd_ctx_fileget(file);
	return PTR_ERR_OR_ZERO(worker->ctx);
}

static int create_thread(struct bell_worker *worker)
{
	const struct bell_queue *queue = worker->queue;
	struct task_struct *task;

	task = kthread_create(kinds[worker->kind].thread, worker, "bellwire/%d:%u",
			      queue->device->id, queue->index);
	if (IS_ERR(task))
		return PTR_ERR(task);
	worker->task = task;
	return 0;
}

static void remember_head(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct bell_worker *worker = container_of(table, struct bell_worker, table);

	worker->head = head;
	add_wait_queue(head, &worker->wait);
}

static void watch(struct bell_worker *worker)
{
	init_waitqueue_func_entry(&worker->wait, kinds[worker->kind].wake);
	worker->wait.private = worker->task;
	init_poll_funcptr(&worker->table, remember_head);
	vfs_poll(worker->file, &worker->table);
	take(worker);
}

static int start(struct bell_worker *worker, int fd)
{
	const struct worker_kind *kind = &kinds[worker->kind];
	int error = open_eventfd(worker, fd);

	if (!error && kind->thread)
		error = create_thread(worker);
	if (error)
		return error;
	if (kind->wake)
		watch(worker);
	if (kind->thread)
		wake_up_process(worker->task);
	return 0;
}

struct bell_worker *bell_worker_create(struct bell_queue *queue, int fd, u32 kind)
{
	struct bell_worker *worker;
	int error;

	if (kind == BELLWIRE_WORKER_NONE || kind >= ARRAY_SIZE(kinds))
		return ERR_PTR(-EINVAL);
	worker = kzalloc(sizeof(*worker), GFP_KERNEL);
	if (!worker)
		return ERR_PTR(-ENOMEM);
	worker->kind = kind;
	worker->queue = queue;
	error = start(worker, fd);
	if (error) {
		bell_worker_destroy(worker);
		return ERR_PTR(error);
	}
	return worker;
}

void bell_worker_destroy(struct bell_worker *worker)
{
	if (!worker)
		return;
	if (worker->task)
		kthread_stop(worker->task);
	if (worker->head)
		remove_wait_queue(worker->head, &worker->wait);
	if (!IS_ERR_OR_NULL(worker->ctx))
		eventfd_ctx_put(worker->ctx);
	if (worker->file)
		fput(worker->file);
	kfree(worker);
}

void bell_worker_kick(struct bell_worker *worker)
{
	bell_eventfd_signal(worker->ctx);
}

u32 bell_worker_kind(const struct bell_worker *worker)
{
	return worker ? worker->kind : BELLWIRE_WORKER_NONE;
}

const char *bell_worker_name(const struct bell_worker *worker)
{
	return kinds[bell_worker_kind(worker)].name;
}
