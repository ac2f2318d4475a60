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

/* What an open file has; more of it is yours. */
struct listens {
	struct mutex lock; /* of START and STOP */
	atomic64_t total;
};

/* Under the lock. */
static int listens_start(struct listens *listens, const struct listens_start *start)
{
	return -ENOSYS; /* yours */
}

/* Under the lock. */
static int listens_stop(struct listens *listens)
{
	return -ENOSYS; /* yours */
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
	file->private_data = listens;
	return 0;
}

static int listens_release(struct inode *inode, struct file *file)
{
	struct listens *listens = file->private_data;

	kfree(listens); /* and before that: yours */
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
