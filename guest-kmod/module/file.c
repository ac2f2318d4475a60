// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/bellwireN: open, release, read, poll and mmap; ioctl.c has the commands.
 * A mapping keeps its file, and so its queue, until it is unmapped too.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "device.h"

/* The misc device's lock keeps bell_device_remove() from running meanwhile. */
static int bell_open(struct inode *inode, struct file *filp)
{
	struct bell_device *device = container_of(filp->private_data, struct bell_device, misc);
	struct bell_file *file = kzalloc(sizeof(*file), GFP_KERNEL);

	if (!file)
		return -ENOMEM;
	kref_get(&device->ref);
	file->device = device;
	file->mapping = filp->f_mapping;
	init_waitqueue_head(&file->waiters);
	filp->private_data = file;

	mutex_lock(&device->lock);
	list_add_tail(&file->link, &device->files);
	mutex_unlock(&device->lock);
	return stream_open(inode, filp);
}

static int bell_release(struct inode *inode, struct file *filp)
{
	struct bell_file *file = filp->private_data;
	struct bell_device *device = file->device;

	bell_device_lock(device);
	bell_file_disconnect(file);
	list_del(&file->link);
	mutex_unlock(&device->lock);

	kfree(file);
	bell_device_put(device);
	return 0;
}

static bool readable(struct bell_file *file)
{
	return atomic64_read(&file->pending) || READ_ONCE(file->device->gone);
}

/* Takes the count of interrupts. With `wait`, waits until it is not zero. */
static int take_pending(struct bell_file *file, bool wait, u64 *count)
{
	/* Pairs with bell_queue_claim(). */
	if (!smp_load_acquire(&file->queue) && !READ_ONCE(file->device->gone))
		return -ENOTCONN;
	do {
		if (wait && wait_event_interruptible(file->waiters, readable(file)))
			return -ERESTARTSYS;
		if (READ_ONCE(file->device->gone))
			return -ENODEV;
		*count = atomic64_xchg(&file->pending, 0);
	} while (wait && !*count);
	return *count ? 0 : -EAGAIN;
}

/* Another reader may have gone to sleep while this one had the count. */
static void give_back(struct bell_file *file, u64 count)
{
	atomic64_add(count, &file->pending);
	wake_up_poll(&file->waiters, EPOLLIN | EPOLLRDNORM);
}

static ssize_t bell_read(struct file *filp, char __user *user, size_t size, loff_t *at)
{
	struct bell_file *file = filp->private_data;
	int error;
	u64 count;

	if (size < sizeof(count))
		return -EINVAL;
	error = take_pending(file, !(filp->f_flags & O_NONBLOCK), &count);
	if (error)
		return error;
	if (copy_to_user(user, &count, sizeof(count))) {
		give_back(file, count);
		return -EFAULT;
	}
	return sizeof(count);
}

static __poll_t bell_poll(struct file *filp, poll_table *table)
{
	struct bell_file *file = filp->private_data;
	/* Pairs with bell_queue_claim(). */
	struct bell_queue *queue = smp_load_acquire(&file->queue);
	__poll_t held;

	poll_wait(filp, &file->waiters, table);
	held = queue ? bell_gate_poll(queue, filp, table) : 0;
	smp_mb(); /* pairs with call_owner(): it sees the waiter, or this side sees the count */
	if (READ_ONCE(file->device->gone))
		return EPOLLHUP | EPOLLERR;
	return held | (atomic64_read(&file->pending) ? EPOLLIN | EPOLLRDNORM : 0);
}

/*
 * Pages are inserted one by one under the lock: whoever takes them back finds
 * the page inserted, or keeps it from being inserted. None while the device is held.
 */
static vm_fault_t bell_fault(struct vm_fault *vmf)
{
	struct bell_file *file = vmf->vma->vm_file->private_data;
	struct bell_device *device = file->device;
	vm_fault_t result = VM_FAULT_SIGBUS;
	phys_addr_t start;

	bell_device_lock(device);
	if (!device->removed && vmf->pgoff < PHYS_PFN(device->format.queue_stride)) {
		start = device->start + bell_queue_offset(file->queue);
		result = vmf_insert_pfn(vmf->vma, vmf->address, PHYS_PFN(start) + vmf->pgoff);
	}
	mutex_unlock(&device->lock);
	return result;
}

static const struct vm_operations_struct bell_vm_operations = {
	.fault = bell_fault,
};

/*
 * Does what vm_flags_init() does, which 6.1 lacks; newer kernels declare vm_flags
 * const. Nobody else uses the area yet.
 */
static void set_vm_flags(struct vm_area_struct *vma, vm_flags_t flags)
{
	*(vm_flags_t *)&vma->vm_flags |= flags;
}

static int bell_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct bell_file *file = filp->private_data;
	struct bell_device *device = file->device;
	unsigned long pages = PHYS_PFN(device->format.queue_stride);

	if (READ_ONCE(device->gone))
		return -ENODEV;
	/* Pairs with bell_queue_claim(). */
	if (!smp_load_acquire(&file->queue))
		return -ENOTCONN;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff >= pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;
	set_vm_flags(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_ops = &bell_vm_operations;
	return 0;
}

const struct file_operations bell_file_operations = {
	.owner = THIS_MODULE,
	.open = bell_open,
	.release = bell_release,
	.read = bell_read,
	.poll = bell_poll,
	.mmap = bell_mmap,
	.unlocked_ioctl = bell_file_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
