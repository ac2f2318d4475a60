// SPDX-License-Identifier: GPL-2.0-only
/* Driver of the PCI device edu, with the file /dev/edu0. */
#include <linux/eventfd.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "edu_lab.h"
#include "edu_registers.h"

/* What the driver has of the device; more of it is yours. */
struct edu {
	void __iomem *registers;
	struct miscdevice file;
};

static const struct file_operations edu_file_operations = {
	.owner = THIS_MODULE, /* and more: yours */
};

/* Called for each device that edu_ids names, when the driver may have it. */
static int edu_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct edu *edu = kzalloc(sizeof(*edu), GFP_KERNEL);
	int error;

	if (!edu)
		return -ENOMEM;
	pci_set_drvdata(pci, edu);
	edu->file.minor = MISC_DYNAMIC_MINOR;
	edu->file.name = "edu0";
	edu->file.fops = &edu_file_operations;
	error = misc_register(&edu->file); /* and before that: yours */
	if (error)
		kfree(edu);
	return error;
}

/* Called when the device goes, or the driver. */
static void edu_remove(struct pci_dev *pci)
{
	struct edu *edu = pci_get_drvdata(pci);

	misc_deregister(&edu->file);
	kfree(edu); /* and before that: yours */
}

static const struct pci_device_id edu_ids[] = { { PCI_DEVICE(EDU_VENDOR_ID, EDU_DEVICE_ID) }, {} };
MODULE_DEVICE_TABLE(pci, edu_ids);

static struct pci_driver edu_driver = {
	.name = "edu",
	.id_table = edu_ids,
	.probe = edu_probe,
	.remove = edu_remove,
};
module_pci_driver(edu_driver);

MODULE_DESCRIPTION("Driver of the PCI device edu");
MODULE_LICENSE("GPL");
