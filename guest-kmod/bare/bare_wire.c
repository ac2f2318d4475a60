// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest kernel's part of the bare wire: an ivshmem-doorbell's memory, its
 * doorbell 0 and its vector 0, connected to a process by two eventfds. It does
 * what bellwire.ko does with a worker of the kind `callback`, and nothing else.
 *
 * There is one wire, which one file can have. The file holds `seat` from open to
 * release, and a mapping keeps its file; so if the device is unplugged, it goes
 * only after them. `lock` lets one thread connect. Rings and interrupts take
 * neither: both are stopped before anything that they use is released.
 */
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/interrupt.h>
#include <linux/io.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/poll.h>
#include <linux/semaphore.h>
#include <linux/uaccess.h>

#include "../module/eventfd.h"
#include "uapi/bare_wire.h"

enum {
	BAR_REGISTERS = 0,
	BAR_MEMORY = 2,

	REGISTER_DOORBELL = 12,
	REGISTERS = 16, /* bytes of BAR0 that are used */
	DOORBELL_PEER_SHIFT = 16,
	LARGEST_PEER = 0xffff,
};

static struct {
	struct semaphore seat; /* taken until there is a device */
	struct pci_dev *pci;
	void __iomem *registers;

	struct mutex lock; /* held by a thread that connects */
	u32 doorbell;      /* the value to write to the register */
	struct eventfd_ctx *kick, *call;
	wait_queue_head_t *head; /* kick's */
	wait_queue_entry_t wait; /* in head */
} wire;

/* Called by whoever writes to `kick`, under its lock, with interrupts off. */
static int ring(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	u64 count;

	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(wire.kick, &count);
		iowrite32(wire.doorbell, wire.registers + REGISTER_DOORBELL);
	}
	return 0;
}

static irqreturn_t interrupt(int irq, void *call)
{
	bell_eventfd_signal(call);
	return IRQ_HANDLED;
}

static void remember_head(struct file *file, wait_queue_head_t *head, poll_table *table)
{
	wire.head = head;
	add_wait_queue(head, &wire.wait);
}

static int connect_kick(int fd)
{
	struct file *file = eventfd_fget(fd);
	poll_table table;

	if (IS_ERR(file))
		return PTR_ERR(file);
	wire.kick = eventfd_ctx_fileget(file);
	init_waitqueue_func_entry(&wire.wait, ring);
	init_poll_funcptr(&table, remember_head);
	vfs_poll(file, &table);
	fput(file);
	return 0;
}

static void disconnect_kick(void)
{
	if (!wire.kick)
		return;
	remove_wait_queue(wire.head, &wire.wait);
	eventfd_ctx_put(wire.kick);
	wire.kick = NULL;
}

static int connect_call(int fd)
{
	struct eventfd_ctx *call = eventfd_ctx_fdget(fd);
	int error;

	if (IS_ERR(call))
		return PTR_ERR(call);
	error = request_irq(pci_irq_vector(wire.pci, 0), interrupt, 0, KBUILD_MODNAME, call);
	if (error)
		eventfd_ctx_put(call);
	else
		wire.call = call;
	return error;
}

static void disconnect_call(void)
{
	if (!wire.call)
		return;
	free_irq(pci_irq_vector(wire.pci, 0), wire.call);
	eventfd_ctx_put(wire.call);
	wire.call = NULL;
}

static int connect(const struct bare_wire_ends *ends)
{
	int error;

	lockdep_assert_held(&wire.lock);

	if (ends->peer > LARGEST_PEER)
		return -EINVAL;
	if (wire.call)
		return -EBUSY;
	error = connect_call(ends->call);
	if (error)
		return error;
	wire.doorbell = ends->peer << DOORBELL_PEER_SHIFT;
	error = connect_kick(ends->kick);
	if (error)
		disconnect_call();
	return error;
}

static long wire_ioctl(struct file *filp, unsigned int number, unsigned long user)
{
	struct bare_wire_ends ends;
	int error;

	if (number != BARE_WIRE_CONNECT)
		return -ENOTTY;
	if (copy_from_user(&ends, (void __user *)user, sizeof(ends)))
		return -EFAULT;
	mutex_lock(&wire.lock);
	error = connect(&ends);
	mutex_unlock(&wire.lock);
	return error;
}

static int wire_mmap(struct file *filp, struct vm_area_struct *vma)
{
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	return vm_iomap_memory(vma, pci_resource_start(wire.pci, BAR_MEMORY),
			       pci_resource_len(wire.pci, BAR_MEMORY));
}

static int wire_open(struct inode *inode, struct file *filp)
{
	return down_trylock(&wire.seat) ? -EBUSY : stream_open(inode, filp);
}

static int wire_release(struct inode *inode, struct file *filp)
{
	disconnect_kick();
	disconnect_call();
	up(&wire.seat);
	return 0;
}

static const struct file_operations file_operations = {
	.owner = THIS_MODULE,
	.open = wire_open,
	.release = wire_release,
	.mmap = wire_mmap,
	.unlocked_ioctl = wire_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice device_file = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = KBUILD_MODNAME,
	.fops = &file_operations,
	.mode = 0600,
};

/* A device without a memory has a BAR of length 0, and one with a lie any other. */
static int check_bar(struct pci_dev *pci, unsigned int bar, resource_size_t least)
{
	bool is_memory = pci_resource_flags(pci, bar) & IORESOURCE_MEM;
	resource_size_t size = is_memory ? pci_resource_len(pci, bar) : 0;

	if (size >= least)
		return 0;
	dev_err(&pci->dev, "BAR%u has %llu bytes of memory; it must have %llu or more\n", bar,
		(u64)size, (u64)least);
	return -ENODEV;
}

static int open_device(struct pci_dev *pci)
{
	int error = pcim_enable_device(pci);

	if (!error)
		error = check_bar(pci, BAR_REGISTERS, REGISTERS);
	if (!error)
		error = check_bar(pci, BAR_MEMORY,
				  BARE_WIRE_OFFSET + sizeof(struct bare_wire_memory));
	if (error)
		return error;
	wire.registers = devm_ioremap_resource(&pci->dev, &pci->resource[BAR_REGISTERS]);
	if (IS_ERR(wire.registers))
		return PTR_ERR(wire.registers);
	error = pci_alloc_irq_vectors(pci, 1, 1, PCI_IRQ_MSIX);
	if (error < 0)
		return error;
	pci_set_master(pci); /* an MSI is a write of the device's own */
	return 0;
}

static int wire_probe(struct pci_dev *pci, const struct pci_device_id *id)
{
	int error;

	if (cmpxchg(&wire.pci, NULL, pci))
		return dev_err_probe(&pci->dev, -EBUSY, "there is a bare wire already\n");
	error = open_device(pci);
	if (error)
		wire.pci = NULL;
	else
		up(&wire.seat);
	return error;
}

static void wire_remove(struct pci_dev *pci)
{
	down(&wire.seat);
	pci_free_irq_vectors(pci);
	wire.pci = NULL;
}

/* No MODULE_DEVICE_TABLE: the module must never be loaded by itself. */
static const struct pci_device_id ids[] = { { PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) },
					    {} };

static struct pci_driver driver = {
	.name = KBUILD_MODNAME,
	.id_table = ids,
	.probe = wire_probe,
	.remove = wire_remove,
};

static int __init wire_init(void)
{
	int error;

	sema_init(&wire.seat, 0);
	mutex_init(&wire.lock);
	error = misc_register(&device_file);
	if (error)
		return error;
	error = pci_register_driver(&driver);
	if (error)
		misc_deregister(&device_file);
	return error;
}

static void __exit wire_exit(void)
{
	misc_deregister(&device_file);
	pci_unregister_driver(&driver);
}

module_init(wire_init);
module_exit(wire_exit);

MODULE_DESCRIPTION("bellwire: a doorbell and an interrupt by eventfds, and nothing else");
MODULE_LICENSE("GPL");
