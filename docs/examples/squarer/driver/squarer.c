// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver of the device squarer, which squares numbers. Each device has a file:
 * a number that is written to it is squared, and reading it waits for the
 * interrupt and returns the square.
 *
 *	echo 12 >/dev/squarer0 && cat /dev/squarer0
 */
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/interrupt.h>
#include <linux/kref.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "squarer_registers.h"

enum { BUSY, GONE }; /* bits of squarer.state */

/*
 * It outlives its PCI device while a file is open: the device may be unplugged
 * at any time.
 */
struct squarer {
	struct kref users;       /* the PCI device, and each open file */
	void __iomem *registers; /* valid until GONE, which is set under lock */
	struct mutex lock;
	wait_queue_head_t waiting;
	unsigned long state;
	u32 result; /* valid unless BUSY */
	int number;
	char name[24];
	struct miscdevice file;
};

static DEFINE_IDA(squarer_numbers);

static irqreturn_t squarer_interrupt(int irq, void *data)
{
	struct squarer *squarer = data;

	if (!test_bit(BUSY, &squarer->state))
		return IRQ_NONE;
	squarer->result = ioread32(squarer->registers + SQUARER_RESULT);
	clear_bit_unlock(BUSY, &squarer->state);
	wake_up_interruptible(&squarer->waiting);
	return IRQ_HANDLED;
}

static void squarer_free(struct kref *users)
{
	struct squarer *squarer = container_of(users, struct squarer, users);

	ida_free(&squarer_numbers, squarer->number);
	kfree(squarer);
}

static void squarer_put(void *data)
{
	struct squarer *squarer = data;

	kref_put(&squarer->users, squarer_free);
}

static int squarer_open(struct inode *inode, struct file *file)
{
	struct squarer *squarer = container_of(file->private_data, struct squarer, file);

	kref_get(&squarer->users);
	file->private_data = squarer;
	return 0;
}

static int squarer_release(struct inode *inode, struct file *file)
{
	squarer_put(file->private_data);
	return 0;
}

static ssize_t squarer_write(struct file *file, const char __user *text, size_t size,
			     loff_t *offset)
{
	struct squarer *squarer = file->private_data;
	u32 operand;
	int error = kstrtou32_from_user(text, size, 0, &operand);

	if (error)
		return error;
	mutex_lock(&squarer->lock);
	if (test_bit(GONE, &squarer->state))
		error = -ENODEV;
	else if (test_and_set_bit(BUSY, &squarer->state))
		error = -EBUSY;
	else
		iowrite32(operand, squarer->registers + SQUARER_OPERAND);
	mutex_unlock(&squarer->lock);
	*offset = 0; /* the next read is of this one's result */
	return error ? error : size;
}

static bool squarer_settled(struct squarer *squarer)
{
	return test_bit(GONE, &squarer->state) || !test_bit_acquire(BUSY, &squarer->state);
}

static ssize_t squarer_read(struct file *file, char __user *into, size_t size, loff_t *offset)
{
	struct squarer *squarer = file->private_data;
	char text[16];
	int length;
	int error = wait_event_interruptible(squarer->waiting, squarer_settled(squarer));

	if (error)
		return error;
	if (test_bit(GONE, &squarer->state))
		return -ENODEV;
	length = scnprintf(text, sizeof(text), "%u\n", squarer->result);
	return simple_read_from_buffer(into, size, offset, text, length);
}

static const struct file_operations squarer_file_operations = {
	.owner = THIS_MODULE,
	.open = squarer_open,
	.release = squarer_release,
	.read = squarer_read,
	.write = squarer_write,
};

static struct squarer *squarer_create(void)
{
	struct squarer *squarer = kzalloc(sizeof(*squarer), GFP_KERNEL);

	if (!squarer)
		return NULL;
	squarer->number = ida_alloc(&squarer_numbers, GFP_KERNEL);
	if (squarer->number < 0) {
		kfree(squarer);
		return NULL;
	}
	kref_init(&squarer->users);
	mutex_init(&squarer->lock);
	init_waitqueue_head(&squarer->waiting);
	return squarer;
}

static int squarer_connect(struct squarer *squarer, struct pci_dev *pci)
{
	u32 magic;
	int error = pcim_enable_device(pci);

	if (!error)
		error = pcim_iomap_regions(pci, BIT(SQUARER_BAR), "squarer");
	if (error)
		return error;
	squarer->registers = pcim_iomap_table(pci)[SQUARER_BAR];
	magic = ioread32(squarer->registers + SQUARER_IDENTITY);
	if (magic != SQUARER_MAGIC)
		return dev_err_probe(&pci->dev, -ENODEV, "identity %#x, not %#x\n", magic,
				     SQUARER_MAGIC);
	pci_set_master(pci);
	error = pci_alloc_irq_vectors(pci, SQUARER_VECTORS, SQUARER_VECTORS, PCI_IRQ_MSIX);
	if (error < 0)
		return error;
	return devm_request_irq(&pci->dev, pci_irq_vector(pci, SQUARER_VECTOR_DONE),
				squarer_interrupt, 0, "squarer", squarer);
}

static void squarer_withdraw(void *data)
{
	struct squarer *squarer = data;

	misc_deregister(&squarer->file);
	mutex_lock(&squarer->lock);
	set_bit(GONE, &squarer->state);
	mutex_unlock(&squarer->lock);
	wake_up_interruptible(&squarer->waiting);
}

static int squarer_publish(struct squarer *squarer, struct pci_dev *pci)
{
	int error;

	snprintf(squarer->name, sizeof(squarer->name), "squarer%d", squarer->number);
	squarer->file.minor = MISC_DYNAMIC_MINOR;
	squarer->file.name = squarer->name;
	squarer->file.fops = &squarer_file_operations;
	squarer->file.parent = &pci->dev;
	error = misc_register(&squarer->file);
	if (error)
		return error;
	return devm_add_action_or_reset(&pci->dev, squarer_withdraw, squarer);
}

/*
 * There is no remove(): the kernel undoes, last first, what was done with the
 * functions devm_ and pcim_.
 */
static int squarer_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	struct squarer *squarer = squarer_create();
	int error;

	if (!squarer)
		return -ENOMEM;
	error = devm_add_action_or_reset(&pci->dev, squarer_put, squarer);
	if (!error)
		error = squarer_connect(squarer, pci);
	if (!error)
		error = squarer_publish(squarer, pci);
	return error;
}

static const struct pci_device_id squarer_ids[] = {
	{ PCI_DEVICE(SQUARER_VENDOR_ID, SQUARER_DEVICE_ID) }, {}
};
MODULE_DEVICE_TABLE(pci, squarer_ids);

static struct pci_driver squarer_driver = {
	.name = "squarer",
	.id_table = squarer_ids,
	.probe = squarer_probe,
};
module_pci_driver(squarer_driver);

MODULE_DESCRIPTION("Driver of the device squarer");
MODULE_LICENSE("GPL");
