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

/* What an open file has: yours. */
struct rings {
	struct mutex lock;
};

static long rings_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	return -ENOTTY; /* yours */
}

static const struct file_operations rings_file_operations = {
	.unlocked_ioctl = rings_ioctl, /* and more that you need */
};

static struct miscdevice rings_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "rings",
	.fops = &rings_file_operations,
};
module_misc_device(rings_device);

MODULE_DESCRIPTION("Rings eventfds of programs");
MODULE_LICENSE("GPL");
