// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a device: a front end creates it, sets its queues up, and adds it;
 * from then on user space sees it; finally it is removed. Process context.
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "device.h"
#include "eventfd.h"

static_assert(PAGE_SIZE == BELLWIRE_PAGE_SIZE, "queues are mapped page by page");

static DEFINE_IDA(bell_ids);

void bell_device_shut(struct bell_device *device)
{
	struct bell_file *file;

	mutex_lock(&device->lock);
	WRITE_ONCE(device->gone, true);
	list_for_each_entry(file, &device->files, link) {
		if (file->call)
			bell_eventfd_signal(file->call);
		bell_file_disconnect(file);
		wake_up_all(&file->waiters); /* exclusive waiters, too: no later wake-up comes */
	}
	WRITE_ONCE(device->held, false);
	mutex_unlock(&device->lock);
	wake_up_all(&device->released);
}

/* The next access to a mapping is a page fault. */
void bell_device_unmap(struct bell_device *device)
{
	struct bell_file *file;

	lockdep_assert_held(&device->lock);

	list_for_each_entry(file, &device->files, link)
		unmap_mapping_range(file->mapping, 0, 0, 1);
}

/* Any later access to a mapping is SIGBUS. */
static void take_pages_back(struct bell_device *device)
{
	mutex_lock(&device->lock);
	device->removed = true;
	bell_device_unmap(device);
	mutex_unlock(&device->lock);
}

struct bell_device *bell_device_create(struct device *parent, const struct bell_front *front)
{
	struct bell_device *device = kzalloc(sizeof(*device), GFP_KERNEL);

	if (!device)
		return NULL;
	kref_init(&device->ref);
	mutex_init(&device->lock);
	INIT_LIST_HEAD(&device->files);
	init_waitqueue_head(&device->released);
	bell_watch_init(device);
	device->parent = parent;
	device->front = front;
	return device;
}

static void bell_device_free(struct kref *ref)
{
	struct bell_device *device = container_of(ref, struct bell_device, ref);

	mutex_destroy(&device->lock);
	kfree(device);
}

void bell_device_put(struct bell_device *device)
{
	kref_put(&device->ref, bell_device_free);
}

static void init_queue(struct bell_device *device, unsigned int index)
{
	struct bell_queue *queue = &device->queues[index];

	queue->device = device;
	queue->index = index;
	spin_lock_init(&queue->lock);
	queue->control = (void *)device->memory + bell_queue_offset(queue);
	bell_records_init(queue);
	bell_look_init(queue);
	bell_gate_init(queue);
	/* A guest that was reset counts on from its old number, but is not ready yet. */
	queue->generation = READ_ONCE(queue->control->driver.generation);
	bell_queue_end(queue);
}

/* Needs memory and start; sets up the queues, ready for interrupts. */
int bell_device_open_memory(struct bell_device *device, u64 size)
{
	int error = bell_format_read(device, size);
	unsigned int i;

	if (error)
		return error;
	mutex_lock(&device->lock);
	device->queue_count = device->format.queues;
	for (i = 0; i < device->queue_count; i++)
		init_queue(device, i);
	mutex_unlock(&device->lock);
	return 0;
}

static int register_misc(struct bell_device *device)
{
	device->misc = (struct miscdevice){
		.minor = MISC_DYNAMIC_MINOR,
		.name = device->name,
		.fops = &bell_file_operations,
		.parent = device->parent,
	};
	return misc_register(&device->misc);
}

/* Needs registers and peer too, and queue_count lowered to the vectors that there are. */
int bell_device_add(struct bell_device *device)
{
	int error;

	device->id = ida_alloc(&bell_ids, GFP_KERNEL);
	if (device->id < 0) {
		dev_err(device->parent, "cannot allocate a number for the device file: %pe\n",
			ERR_PTR(device->id));
		return device->id;
	}
	snprintf(device->name, sizeof(device->name), "bellwire%d", device->id);

	error = register_misc(device);
	if (error) {
		dev_err(device->parent, "cannot create /dev/%s: %pe\n", device->name,
			ERR_PTR(error));
		ida_free(&bell_ids, device->id);
		return error;
	}
	bell_stats_add(device);
	dev_info(device->parent, "/dev/%s: %u queues of %u entries\n", device->name,
		 device->queue_count, device->format.ring_entries);
	return 0;
}

void bell_device_remove(struct bell_device *device)
{
	unsigned int i;

	bell_stats_remove(device);
	misc_deregister(&device->misc);
	bell_device_shut(device);
	take_pages_back(device);
	synchronize_rcu(); /* the last ring has left the registers */
	bell_watch_end(device);
	for (i = 0; i < device->queue_count; i++)
		bell_look_end(&device->queues[i]);
	ida_free(&bell_ids, device->id);
}
