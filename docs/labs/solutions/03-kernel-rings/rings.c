// SPDX-License-Identifier: GPL-2.0-only
/* /dev/rings: rings eventfds of programs. */
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "rings_lab.h"

struct rings {
	struct mutex lock;
	struct eventfd_ctx *eventfd; /* NULL: none; protected by lock */
	struct delayed_work later;
};

static int rings_ring(struct rings *rings)
{
	int error = -ENXIO;

	mutex_lock(&rings->lock);
	if (rings->eventfd) {
		eventfd_signal(rings->eventfd, 1);
		error = 0;
	}
	mutex_unlock(&rings->lock);
	return error;
}

static void rings_later(struct work_struct *work)
{
	rings_ring(container_of(work, struct rings, later.work));
}

static int rings_ring_later(struct rings *rings, unsigned int ms)
{
	return schedule_delayed_work(&rings->later, msecs_to_jiffies(ms)) ? 0 : -EBUSY;
}

/* Gives back the eventfd that the file had. NULL: it has none from now on. */
static void rings_replace(struct rings *rings, struct eventfd_ctx *eventfd)
{
	mutex_lock(&rings->lock);
	swap(rings->eventfd, eventfd);
	mutex_unlock(&rings->lock);
	if (eventfd)
		eventfd_ctx_put(eventfd);
}

static int rings_set(struct rings *rings, int fd)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(fd);

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	rings_replace(rings, eventfd);
	return 0;
}

static long rings_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct rings *rings = file->private_data;

	switch (command) {
	case RINGS_SET: return rings_set(rings, argument);
	case RINGS_RING: return rings_ring(rings);
	case RINGS_LATER: return rings_ring_later(rings, argument);
	default: return -ENOTTY;
	}
}

static int rings_open(struct inode *inode, struct file *file)
{
	struct rings *rings = kzalloc(sizeof(*rings), GFP_KERNEL);

	if (!rings)
		return -ENOMEM;
	mutex_init(&rings->lock);
	INIT_DELAYED_WORK(&rings->later, rings_later);
	file->private_data = rings;
	return 0;
}

static int rings_release(struct inode *inode, struct file *file)
{
	struct rings *rings = file->private_data;

	cancel_delayed_work_sync(&rings->later);
	rings_replace(rings, NULL);
	kfree(rings);
	return 0;
}

static const struct file_operations rings_file_operations = {
	.owner = THIS_MODULE,
	.open = rings_open,
	.release = rings_release,
	.unlocked_ioctl = rings_ioctl,
};

static struct miscdevice rings_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "rings",
	.fops = &rings_file_operations,
};
module_misc_device(rings_device);

MODULE_DESCRIPTION("Rings eventfds of programs");
MODULE_LICENSE("GPL");
