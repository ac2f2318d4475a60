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

#define BAR 0

enum { OPEN }; /* a bit of edu.state */

enum progress { NOTHING, COMPUTING, DONE };

/* It outlives the device while the file is open. */
struct edu {
	struct kref users; /* the device, and the open file */
	unsigned long state;
	struct mutex lock;           /* of ioctls and of the device's end */
	void __iomem *registers;     /* NULL: the device is gone; protected by lock */
	spinlock_t handler;          /* of what follows, which the interrupt handler uses */
	struct eventfd_ctx *eventfd; /* or NULL */
	enum progress progress;
	u32 result;
	struct miscdevice file;
};

static irqreturn_t edu_interrupt(int irq, void *data)
{
	struct edu *edu = data;
	u32 pending = readl(edu->registers + EDU_INTERRUPT_STATUS);

	if (!pending)
		return IRQ_NONE;
	writel(pending, edu->registers + EDU_INTERRUPT_ACKNOWLEDGE);
	if (!(pending & EDU_FACTORIAL_DONE))
		return IRQ_HANDLED;
	spin_lock(&edu->handler);
	edu->result = readl(edu->registers + EDU_FACTORIAL);
	edu->progress = DONE;
	if (edu->eventfd)
		eventfd_signal(edu->eventfd, 1);
	spin_unlock(&edu->handler);
	return IRQ_HANDLED;
}

static void edu_free(struct kref *users)
{
	kfree(container_of(users, struct edu, users));
}

static void edu_replace(struct edu *edu, struct eventfd_ctx *eventfd)
{
	spin_lock_irq(&edu->handler);
	swap(edu->eventfd, eventfd);
	spin_unlock_irq(&edu->handler);
	if (eventfd)
		eventfd_ctx_put(eventfd);
}

static int edu_set(struct edu *edu, int fd)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(fd);

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	edu_replace(edu, eventfd);
	return 0;
}

static int edu_identify(struct edu *edu, u32 __user *user)
{
	return put_user(readl(edu->registers + EDU_IDENTIFICATION), user);
}

static int edu_check(struct edu *edu, u32 __user *user)
{
	u32 number;

	if (get_user(number, user))
		return -EFAULT;
	writel(number, edu->registers + EDU_LIVENESS);
	return put_user(readl(edu->registers + EDU_LIVENESS), user);
}

static int edu_compute(struct edu *edu, u32 number)
{
	bool busy;

	spin_lock_irq(&edu->handler);
	busy = edu->progress == COMPUTING;
	edu->progress = COMPUTING;
	spin_unlock_irq(&edu->handler);
	if (busy)
		return -EBUSY;
	writel(number, edu->registers + EDU_FACTORIAL);
	return 0;
}

static int edu_result(struct edu *edu, u32 __user *user)
{
	bool done;
	u32 result;

	spin_lock_irq(&edu->handler);
	done = edu->progress == DONE;
	result = edu->result;
	spin_unlock_irq(&edu->handler);
	return done ? put_user(result, user) : -EAGAIN;
}

static int edu_command(struct edu *edu, unsigned int command, unsigned long argument)
{
	u32 __user *user = (u32 __user *)argument;

	switch (command) {
	case EDU_IDENTIFY: return edu_identify(edu, user);
	case EDU_CHECK: return edu_check(edu, user);
	case EDU_SET: return edu_set(edu, argument);
	case EDU_COMPUTE: return edu_compute(edu, argument);
	case EDU_RESULT: return edu_result(edu, user);
	default: return -ENOTTY;
	}
}

static long edu_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct edu *edu = file->private_data;
	int error = -ENODEV;

	mutex_lock(&edu->lock);
	if (edu->registers)
		error = edu_command(edu, command, argument);
	mutex_unlock(&edu->lock);
	return error;
}

static int edu_open(struct inode *inode, struct file *file)
{
	struct edu *edu = container_of(file->private_data, struct edu, file);

	if (test_and_set_bit(OPEN, &edu->state))
		return -EBUSY;
	kref_get(&edu->users);
	file->private_data = edu;
	return 0;
}

static int edu_release(struct inode *inode, struct file *file)
{
	struct edu *edu = file->private_data;

	edu_replace(edu, NULL);
	clear_bit(OPEN, &edu->state);
	kref_put(&edu->users, edu_free);
	return 0;
}

static const struct file_operations edu_file_operations = {
	.owner = THIS_MODULE,
	.open = edu_open,
	.release = edu_release,
	.unlocked_ioctl = edu_ioctl,
};

static struct edu *edu_create(void)
{
	struct edu *edu = kzalloc(sizeof(*edu), GFP_KERNEL);

	if (!edu)
		return NULL;
	kref_init(&edu->users);
	mutex_init(&edu->lock);
	spin_lock_init(&edu->handler);
	edu->file.minor = MISC_DYNAMIC_MINOR;
	edu->file.name = "edu0";
	edu->file.fops = &edu_file_operations;
	return edu;
}

static int edu_start(struct edu *edu, struct pci_dev *pci)
{
	int error = pci_alloc_irq_vectors(pci, 1, 1, PCI_IRQ_MSI);

	if (error < 0)
		return error;
	error = request_irq(pci_irq_vector(pci, 0), edu_interrupt, 0, "edu", edu);
	if (error)
		goto free_vectors;
	writel(EDU_STATUS_INTERRUPTS, edu->registers + EDU_STATUS);
	error = misc_register(&edu->file);
	if (!error)
		return 0;
	writel(0, edu->registers + EDU_STATUS);
	free_irq(pci_irq_vector(pci, 0), edu);
free_vectors:
	pci_free_irq_vectors(pci);
	return error;
}

static int edu_connect(struct edu *edu, struct pci_dev *pci)
{
	int error = pcim_enable_device(pci);

	if (!error)
		error = pcim_iomap_regions(pci, BIT(BAR), "edu");
	if (error)
		return error;
	edu->registers = pcim_iomap_table(pci)[BAR];
	pci_set_master(pci);
	return edu_start(edu, pci);
}

static int edu_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct edu *edu = edu_create();
	int error;

	if (!edu)
		return -ENOMEM;
	pci_set_drvdata(pci, edu);
	error = edu_connect(edu, pci);
	if (error)
		kref_put(&edu->users, edu_free);
	return error;
}

/* Nobody opens the file any more, no ioctl uses the registers, no interrupt comes. */
static void edu_remove(struct pci_dev *pci)
{
	struct edu *edu = pci_get_drvdata(pci);

	misc_deregister(&edu->file);
	mutex_lock(&edu->lock);
	writel(0, edu->registers + EDU_STATUS);
	free_irq(pci_irq_vector(pci, 0), edu);
	edu->registers = NULL;
	mutex_unlock(&edu->lock);
	pci_free_irq_vectors(pci);
	kref_put(&edu->users, edu_free);
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
