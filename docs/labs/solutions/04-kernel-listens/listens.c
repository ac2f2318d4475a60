// SPDX-License-Identifier: GPL-2.0-only
/* /dev/listens: waits for eventfds of programs, in three ways. */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kthread.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "listens_lab.h"

struct listens {
	struct mutex lock; /* of START and STOP */
	atomic64_t total;
	struct eventfd_ctx *kick; /* NULL: it does not listen */
	struct eventfd_ctx *call;
	struct file *file;          /* the kick's; NULL in LISTENS_CALLBACK */
	struct task_struct *thread; /* NULL in LISTENS_CALLBACK */
	wait_queue_head_t *head;    /* the kick's; NULL in LISTENS_READ */
	wait_queue_entry_t wait;
	poll_table table;
	struct work_struct answer; /* rings the call for the callback */
	struct work_struct hangup; /* stops, for the callback */
	bool hung_up;              /* protected by the kick's lock */
};

static void listens_heard(struct listens *listens, u64 count)
{
	atomic64_add(count, &listens->total);
	eventfd_signal(listens->call, 1);
}

static int listens_read(void *data)
{
	struct listens *listens = data;
	u64 count;

	while (!kthread_should_stop()) {
		if (kernel_read(listens->file, &count, sizeof(count), NULL) == sizeof(count))
			listens_heard(listens, count);
		else /* kthread_stop(), or the program has made it nonblocking */
			schedule_timeout_idle(1);
	}
	return 0;
}

static u64 listens_take(struct listens *listens)
{
	u64 count;

	spin_lock_irq(&listens->head->lock);
	eventfd_ctx_do_read(listens->kick, &count);
	spin_unlock_irq(&listens->head->lock);
	return count;
}

static int listens_poll(void *data)
{
	struct listens *listens = data;
	u64 count;

	while (!kthread_should_stop()) {
		count = listens_take(listens);
		if (count)
			listens_heard(listens, count);
		else
			wait_woken(&listens->wait, TASK_IDLE, MAX_SCHEDULE_TIMEOUT);
	}
	return 0;
}

/*
 * Whoever rings holds the kick's lock, with interrupts off, and may be in the
 * midst of ringing: from here, no eventfd can be rung.
 */
static int listens_callback(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct listens *listens = container_of(wait, struct listens, wait);
	__poll_t events = key_to_poll(key);
	u64 count;

	if (events & EPOLLIN) {
		eventfd_ctx_do_read(listens->kick, &count);
		atomic64_add(count, &listens->total);
		schedule_work(&listens->answer);
	}
	if (events & EPOLLHUP) {
		listens->hung_up = true;
		schedule_work(&listens->hangup);
	}
	return 0;
}

static void listens_answer(struct work_struct *work)
{
	eventfd_signal(container_of(work, struct listens, answer)->call, 1);
}

static void listens_queue(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	struct listens *listens = container_of(table, struct listens, table);

	listens->head = head;
	add_wait_queue(head, &listens->wait);
}

static __poll_t listens_watch(struct listens *listens, struct file *file, wait_queue_func_t wake)
{
	init_waitqueue_func_entry(&listens->wait, wake);
	listens->wait.private = listens->thread;
	init_poll_funcptr(&listens->table, listens_queue);
	return vfs_poll(file, &listens->table);
}

static int listens_begin_thread(struct listens *listens, struct file *file, bool reads)
{
	struct task_struct *thread;

	if (reads && file->f_flags & O_NONBLOCK)
		return -EINVAL;
	thread = kthread_create(reads ? listens_read : listens_poll, listens, "listens-%s",
				reads ? "read" : "poll");
	if (IS_ERR(thread))
		return PTR_ERR(thread);
	listens->file = get_file(file);
	listens->thread = thread;
	if (!reads)
		listens_watch(listens, file, woken_wake_function);
	wake_up_process(thread);
	return 0;
}

/* What was rung before is in no callback's hands. */
static int listens_begin_callback(struct listens *listens, struct file *file)
{
	u64 count = 0;

	listens->hung_up = false;
	if (listens_watch(listens, file, listens_callback) & EPOLLIN)
		count = listens_take(listens);
	if (count)
		listens_heard(listens, count);
	return 0;
}

static int listens_begin(struct listens *listens, struct file *file, u32 way)
{
	switch (way) {
	case LISTENS_READ: return listens_begin_thread(listens, file, true);
	case LISTENS_POLL: return listens_begin_thread(listens, file, false);
	case LISTENS_CALLBACK: return listens_begin_callback(listens, file);
	default: return -EINVAL;
	}
}

static void listens_put(struct listens *listens)
{
	if (listens->file)
		fput(listens->file);
	if (listens->kick)
		eventfd_ctx_put(listens->kick);
	if (listens->call)
		eventfd_ctx_put(listens->call);
	listens->file = NULL;
	listens->kick = NULL;
	listens->call = NULL;
	listens->thread = NULL;
	listens->head = NULL;
}

/* An error leaves what was taken to listens_put(). */
static int listens_take_both(struct listens *listens, struct file *file,
			     const struct listens_start *start)
{
	struct eventfd_ctx *call = eventfd_ctx_fdget(start->call);

	if (IS_ERR(call))
		return PTR_ERR(call);
	listens->call = call;
	listens->kick = eventfd_ctx_fileget(file);
	return listens_begin(listens, file, start->way);
}

static int listens_start(struct listens *listens, const struct listens_start *start)
{
	struct file *file;
	int error;

	if (listens->kick)
		return -EBUSY;
	file = eventfd_fget(start->kick);
	if (IS_ERR(file))
		return PTR_ERR(file);
	error = listens_take_both(listens, file, start);
	if (error)
		listens_put(listens);
	fput(file);
	return error;
}

static int listens_stop(struct listens *listens)
{
	u64 count;

	if (!listens->kick)
		return -EINVAL;
	if (listens->thread)
		kthread_stop(listens->thread);
	if (listens->thread && listens->head)
		remove_wait_queue(listens->head, &listens->wait);
	else if (listens->head)
		eventfd_ctx_remove_wait_queue(listens->kick, &listens->wait, &count);
	flush_work(&listens->answer);
	listens_put(listens);
	return 0;
}

/* If the file listens to another kick by now, that one has not hung up. */
static void listens_hangup(struct work_struct *work)
{
	struct listens *listens = container_of(work, struct listens, hangup);

	mutex_lock(&listens->lock);
	if (listens->kick && listens->hung_up)
		listens_stop(listens);
	mutex_unlock(&listens->lock);
}

static long listens_ioctl_start(struct listens *listens, void __user *user)
{
	struct listens_start start;
	int error;

	if (copy_from_user(&start, user, sizeof(start)))
		return -EFAULT;
	mutex_lock(&listens->lock);
	error = listens_start(listens, &start);
	mutex_unlock(&listens->lock);
	return error;
}

static long listens_ioctl_stop(struct listens *listens)
{
	int error;

	mutex_lock(&listens->lock);
	error = listens_stop(listens);
	mutex_unlock(&listens->lock);
	return error;
}

static long listens_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct listens *listens = file->private_data;
	void __user *user = (void __user *)argument;

	switch (command) {
	case LISTENS_START: return listens_ioctl_start(listens, user);
	case LISTENS_STOP: return listens_ioctl_stop(listens);
	case LISTENS_TOTAL: return put_user(atomic64_read(&listens->total), (u64 __user *)user);
	default: return -ENOTTY;
	}
}

static int listens_open(struct inode *inode, struct file *file)
{
	struct listens *listens = kzalloc(sizeof(*listens), GFP_KERNEL);

	if (!listens)
		return -ENOMEM;
	mutex_init(&listens->lock);
	INIT_WORK(&listens->answer, listens_answer);
	INIT_WORK(&listens->hangup, listens_hangup);
	file->private_data = listens;
	return 0;
}

static int listens_release(struct inode *inode, struct file *file)
{
	struct listens *listens = file->private_data;

	listens_ioctl_stop(listens);
	cancel_work_sync(&listens->hangup);
	kfree(listens);
	return 0;
}

static const struct file_operations listens_file_operations = {
	.owner = THIS_MODULE,
	.open = listens_open,
	.release = listens_release,
	.unlocked_ioctl = listens_ioctl,
};

static struct miscdevice listens_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "listens",
	.fops = &listens_file_operations,
};
module_misc_device(listens_device);

MODULE_DESCRIPTION("Waits for eventfds of programs");
MODULE_LICENSE("GPL");
