// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notices that a device has died. Watching begins with a ring, and ends when the
 * device sleeps and nobody waits for a completion: an idle device costs nothing,
 * and its death is noticed at the next ring.
 *
 * A device that beats is alive. One that does not beat may only be slow, or may
 * have stopped normally; its registers show whether it has died.
 */
#include <linux/device.h>

#include "device.h"

/* More than two beats; a dead device is noticed within a second. */
#define PERIOD msecs_to_jiffies(250)

/* Any word may be a lie; then, at worst, the device is watched needlessly or not at all. */
static bool waits(const struct bell_queue *queue)
{
	const struct bellwire_queue_control *control = queue->control;

	return READ_ONCE(queue->owner) &&
	       (READ_ONCE(control->status.generation) != READ_ONCE(queue->generation) ||
		READ_ONCE(control->submit.submitted) != READ_ONCE(control->complete.completed));
}

static bool anybody_waits(const struct bell_device *device)
{
	unsigned int i;

	for (i = 0; i < device->queue_count; i++)
		if (waits(&device->queues[i]))
			return true;
	return false;
}

static bool beats(struct bell_device *device)
{
	u32 last_beat = device->last_beat;

	device->last_beat = READ_ONCE(device->memory->device.beat);
	return device->last_beat != last_beat;
}

static void look_after(struct work_struct *work)
{
	struct bell_device *device = container_of(work, struct bell_device, watch.work);
	bool awake = beats(device);

	if (!awake && device->front->lost(device)) {
		dev_err(device->parent,
			"/dev/%s: the device has died, and all requests in flight have failed: plug it in again\n",
			device->name);
		bell_device_shut(device);
		return;
	}
	if (awake || anybody_waits(device)) {
		schedule_delayed_work(&device->watch, PERIOD);
		return;
	}
	/* Pairs with bell_watch(): a request that is submitted now is seen by one of the two. */
	smp_store_mb(device->watched, false);
	if (anybody_waits(device))
		bell_watch(device);
}

void bell_watch_init(struct bell_device *device)
{
	INIT_DELAYED_WORK(&device->watch, look_after);
}

void bell_watch_begin(struct bell_device *device)
{
	WRITE_ONCE(device->watched, false);
}

/* To be called after a ring: its request is visible then. */
void bell_watch(struct bell_device *device)
{
	if (!device->front->lost)
		return;
	smp_mb(); /* pairs with smp_store_mb() in look_after() */
	if (!READ_ONCE(device->watched) && !xchg(&device->watched, true))
		schedule_delayed_work(&device->watch, PERIOD);
}

void bell_watch_end(struct bell_device *device)
{
	cancel_delayed_work_sync(&device->watch);
}
