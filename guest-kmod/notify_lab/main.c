// SPDX-License-Identifier: GPL-2.0-only
/* The module: registers the device file and the netlink family. */
#include <linux/miscdevice.h>
#include <linux/module.h>

#include "lab.h"

static struct miscdevice lab_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "notify_lab",
	.fops = &lab_file_operations,
	.mode = 0600,
};

static int __init lab_init(void)
{
	int error = lab_genl_init();

	if (error)
		return error;
	error = misc_register(&lab_device);
	if (error)
		lab_genl_exit();
	return error;
}

static void __exit lab_exit(void)
{
	misc_deregister(&lab_device);
	lab_genl_exit();
}

module_init(lab_init);
module_exit(lab_exit);

MODULE_DESCRIPTION("bellwire: every way for kernel and user space to wake each other");
MODULE_LICENSE("GPL");
