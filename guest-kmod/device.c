// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device's life: created by a front end, its memory's format checked, added
 * (from then on user space sees it), removed. Process context only.
 */
#include <linux/device.h>
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/poll.h>
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
		wake_up_poll(&file->waiters, EPOLLHUP | EPOLLERR);
	}
	mutex_unlock(&device->lock);
}

/* A later touch of a mapping is SIGBUS. */
static void take_pages_back(struct bell_device *device)
{
	struct bell_file *file;

	mutex_lock(&device->lock);
	device->removed = true;
	list_for_each_entry(file, &device->files, link)
		unmap_mapping_range(file->mapping, 0, 0, 1);
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

static const char *const format_faults[] = {
	[BELLWIRE_FORMAT_BLANK] = "has no bellwire format",
	[BELLWIRE_FORMAT_BAD_VERSION] = "has another version",
	[BELLWIRE_FORMAT_BAD_SIZE] = "has another size than its format says",
	[BELLWIRE_FORMAT_BAD_QUEUES] = "has a bad number of queues",
	[BELLWIRE_FORMAT_BAD_RING] = "has a bad number of ring entries",
	[BELLWIRE_FORMAT_BAD_PLACE] = "has queues that overlap or leave it",
	[BELLWIRE_FORMAT_BAD_TRACE] = "has a bad number of records",
	[BELLWIRE_FORMAT_BAD_RESERVED] = "has reserved words that are not zero",
};

/* Copies the format out of the shared memory, once, and checks the copy. */
static int read_format(struct bell_device *device, u64 size)
{
	const struct bellwire_format *shared = &device->memory->format;
	struct bellwire_format *format = &device->format;
	enum bellwire_format_fault fault;
	u64 magic;

	if (size < sizeof(*device->memory)) {
		dev_err(device->parent, "shared memory of %llu bytes is too small: give it a MiB\n",
			size);
		return -ENODEV;
	}
	/* Pairs with the release store of whoever formatted the memory. */
	magic = smp_load_acquire(&shared->magic);
	memcpy(format, shared, sizeof(*format));
	format->magic = magic;

	fault = bellwire_format_check(format, size);
	if (fault == BELLWIRE_FORMAT_OK)
		return 0;
	dev_err(device->parent,
		"shared memory %s (magic %#llx, version %u): start the device (bellwire version %u) first, then: echo %s > /sys/bus/%s/drivers/bellwire/bind\n",
		format_faults[fault], magic, format->version, BELLWIRE_VERSION,
		dev_name(device->parent), device->parent->bus->name);
	return -ENODEV;
}

static void init_queue(struct bell_device *device, unsigned int index)
{
	struct bell_queue *queue = &device->queues[index];

	queue->device = device;
	queue->index = index;
	spin_lock_init(&queue->lock);
	queue->control = (void *)device->memory + bell_queue_offset(queue);
	bell_records_init(queue);
	/* A guest that was reset goes on from its old number, but isn't ready. */
	queue->generation = READ_ONCE(queue->control->driver.generation);
	bell_queue_end(queue);
}

/* Needs memory and start; sets up the queues, ready for interrupts. */
int bell_device_open_memory(struct bell_device *device, u64 size)
{
	int error = read_format(device, size);
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
	device->misc = (struct miscdevice) {
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
	if (device->id < 0)
		return device->id;
	snprintf(device->name, sizeof(device->name), "bellwire%d", device->id);

	error = register_misc(device);
	if (error) {
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
	bell_stats_remove(device);
	misc_deregister(&device->misc);
	bell_device_shut(device);
	take_pages_back(device);
	synchronize_rcu(); /* the last ring has left the registers */
	bell_watch_end(device);
	ida_free(&bell_ids, device->id);
}
