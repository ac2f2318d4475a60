// SPDX-License-Identifier: GPL-2.0-only
/*
 * Holds the traffic while the PCI device is reset under the driver (by sysfs,
 * for example) or sleeps with the machine: then its registers and memory may not
 * answer, and its interrupts are lost. Mapped pages are taken back, so that a
 * process that touches them waits in the page fault.
 *
 * The driver core calls hold and go_on in pairs, perhaps from different threads,
 * and does not call remove() in between.
 */
#include <linux/device.h>
#include <linux/rcupdate.h>

#include "device.h"

void bell_device_lock(struct bell_device *device)
{
	mutex_lock(&device->lock);
	while (device->held) {
		mutex_unlock(&device->lock);
		wait_event(device->released, !READ_ONCE(device->held));
		mutex_lock(&device->lock);
	}
}

void bell_device_hold(struct bell_device *device)
{
	unsigned int i;

	mutex_lock(&device->lock);
	WRITE_ONCE(device->held, !device->gone);
	bell_device_unmap(device);
	mutex_unlock(&device->lock);

	synchronize_rcu(); /* the last ring, and the last interrupt that records */
	bell_watch_end(device);
	for (i = 0; i < device->queue_count; i++)
		bell_look_end(&device->queues[i]);
	if (device->held && device->front->stop)
		device->front->stop(device);
}

static void release(struct bell_device *device)
{
	mutex_lock(&device->lock);
	WRITE_ONCE(device->held, false);
	mutex_unlock(&device->lock);
	wake_up_all(&device->released);
}

void bell_device_go_on(struct bell_device *device)
{
	unsigned int i;

	if (!device->held) /* the device is gone */
		return;
	if (device->front->restart && device->front->restart(device)) {
		dev_err(device->parent,
			"/dev/%s: the device did not come back from its reset, and all requests in flight have failed: plug it in again\n",
			device->name);
		bell_device_shut(device);
		return;
	}
	bell_watch_begin(device);
	release(device);
	for (i = 0; i < device->queue_count; i++)
		bell_queue_catch_up(&device->queues[i]);
	dev_info(device->parent, "/dev/%s: the device was reset; its requests continue\n",
		 device->name);
}
