// SPDX-License-Identifier: GPL-2.0-only
/*
 * A queue: claimed and given back by one file at a time, rung by the file's
 * worker, interrupted by its vector. The protocol is "Generation" in the uapi
 * header.
 */
#include <linux/err.h>
#include <linux/eventfd.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "device.h"
#include "eventfd.h"
#include "trace.h"
#include "worker.h"

static int ring(struct bell_queue *queue)
{
	struct bell_device *device = queue->device;
	int result = -ENODEV;
	u32 peer;

	rcu_read_lock();
	if (unlikely(READ_ONCE(device->held))) {
		result = 0; /* bell_queue_catch_up() rings */
	} else if (!READ_ONCE(device->gone)) {
		peer = READ_ONCE(device->memory->device.peer);
		bell_record(queue, BELLWIRE_RUNG, &queue->control->submit.submitted);
		bell_count(queue, BELL_DOORBELLS);
		trace_doorbell(queue, peer);
		bell_look_rung(queue);
		device->front->ring(queue, peer);
		bell_watch(device);
		result = 0;
	}
	rcu_read_unlock();
	return result;
}

static void write_doorbell(struct bell_queue *queue)
{
	ring(queue);
}

/* Any context, any number of callers at the same time, also while the device goes. */
int bell_queue_ring(struct bell_queue *queue)
{
	return bell_holds(queue, BELLWIRE_RUNG, write_doorbell) ? 0 : ring(queue);
}

/* Records that a worker took a kick. Any context. */
void bell_queue_kicked(struct bell_queue *queue)
{
	rcu_read_lock();
	bell_record(queue, BELLWIRE_KICKED, &queue->control->submit.submitted);
	rcu_read_unlock();
}

static void call_owner(struct bell_queue *queue, struct bell_file *owner)
{
	lockdep_assert_held(&queue->lock);

	atomic64_inc_return(&owner->pending); /* a full barrier: see bell_poll() */
	if (owner->call) {
		bell_record(queue, BELLWIRE_SIGNALLED, &queue->control->complete.completed);
		bell_eventfd_signal(owner->call);
		bell_count(queue, BELL_CALLS);
		trace_call(queue, atomic64_read(&queue->totals[BELL_CALLS]));
	}
	/* After the full barrier above: pairs with bell_poll(). */
	if (waitqueue_active(&owner->waiters))
		wake_up_poll(&owner->waiters, EPOLLIN | EPOLLRDNORM);
}

/* Signals the queue's owner, if there is one. */
void bell_queue_call(struct bell_queue *queue)
{
	unsigned long irq;

	spin_lock_irqsave(&queue->lock, irq);
	if (queue->owner)
		call_owner(queue, queue->owner);
	spin_unlock_irqrestore(&queue->lock, irq);
}

/* Called by the vector's handler. Interrupts of an unclaimed queue are counted, too. */
void bell_queue_interrupt(struct bell_queue *queue)
{
	rcu_read_lock();
	bell_record(queue, BELLWIRE_INTERRUPTED, &queue->control->complete.completed);
	bell_look_interrupted(queue);
	rcu_read_unlock();
	bell_count(queue, BELL_INTERRUPTS);
	trace_interrupt(queue, atomic64_read(&queue->totals[BELL_INTERRUPTS]));
	if (!bell_holds(queue, BELLWIRE_SIGNALLED, bell_queue_call))
		bell_queue_call(queue);
}

static bool has_worker(struct bell_queue *queue)
{
	unsigned long irq;
	bool has;

	spin_lock_irqsave(&queue->lock, irq);
	has = queue->owner && queue->owner->worker;
	spin_unlock_irqrestore(&queue->lock, irq);
	return has;
}

/* One kick, one ring and one interrupt replace all that were lost while the device was held. */
void bell_queue_catch_up(struct bell_queue *queue)
{
	bell_gate_forget(queue);
	if (has_worker(queue))
		bell_queue_kicked(queue);
	bell_queue_ring(queue);
	bell_queue_interrupt(queue);
}

/* Stores that no driver is ready: the next even generation, or this one if it is even. */
void bell_queue_end(struct bell_queue *queue)
{
	lockdep_assert_held(&queue->device->lock);

	if (queue->generation & 1)
		queue->generation++;
	WRITE_ONCE(queue->control->driver.generation, queue->generation);
}

/* The odd generation that a claim or a reset would begin now. */
u32 bell_queue_next_generation(const struct bell_queue *queue)
{
	u32 next = (queue->generation | 1) + 2;

	lockdep_assert_held(&queue->device->lock);

	/* The last owner could write the word, so the device may serve the next number already. */
	return READ_ONCE(queue->control->status.generation) == next ? next + 2 : next;
}

/* Steps 1 to 4 of "Generation" in the uapi header. */
void bell_queue_begin(struct bell_queue *queue, u32 generation)
{
	struct bellwire_queue_control *control = queue->control;

	lockdep_assert_held(&queue->device->lock);

	bell_gate_forget(queue);
	queue->generation = generation - 1;
	/* The device sees the even number before any of the zeroes. */
	smp_store_mb(control->driver.generation, queue->generation);

	control->driver = (struct bellwire_driver_line){ .generation = queue->generation };
	memset(&control->submit, 0, sizeof(control->submit));
	memset(&control->consume, 0, sizeof(control->consume));
	memset(control->sides[BELLWIRE_MODULE].last, 0, sizeof(control->sides->last));
	atomic_andnot(BELLWIRE_GUEST_RECORDS | BELLWIRE_GUEST_STEPS,
		      (atomic_t *)&control->recording.recording);

	bell_look_begin(queue); /* before the device can raise anything for it */
	/* The device sees the zeroes before the odd number. */
	smp_store_release(&control->driver.generation, ++queue->generation);
	trace_claim(queue, queue->generation);
	bell_queue_ring(queue);
}

static struct bell_queue *find_free(struct bell_device *device, u32 index)
{
	struct bell_queue *queue;

	for (queue = device->queues; queue < device->queues + device->queue_count; queue++)
		if (!queue->owner && (index == BELLWIRE_ANY_QUEUE || index == queue->index))
			return queue;
	return NULL;
}

static void set_owner(struct bell_queue *queue, struct bell_file *owner)
{
	lockdep_assert_held(&queue->device->lock);

	spin_lock_irq(&queue->lock);
	queue->owner = owner;
	spin_unlock_irq(&queue->lock);
}

/* The queue that the file would claim by that index. ERR_PTR: EINVAL, EBUSY. */
struct bell_queue *bell_queue_find(const struct bell_file *file, u32 index)
{
	struct bell_device *device = file->device;
	struct bell_queue *queue;

	lockdep_assert_held(&device->lock);

	if (index != BELLWIRE_ANY_QUEUE && index >= device->queue_count)
		return ERR_PTR(-EINVAL);
	queue = file->queue ? NULL : find_free(device, index);
	return queue ?: ERR_PTR(-EBUSY);
}

/* Makes a free queue the file's, which has none. */
void bell_queue_claim(struct bell_file *file, struct bell_queue *queue, u32 flags)
{
	unsigned int i;

	lockdep_assert_held(&file->device->lock);

	for (i = 0; i < BELL_COUNTS; i++)
		file->base[i] = atomic64_read(&queue->totals[i]);
	file->pid = task_tgid_nr(current);
	WRITE_ONCE(queue->look.off, flags & BELLWIRE_CLAIM_NO_LOOKS);
	set_owner(queue, file);
	/* Pairs with the acquire in the calls that do not take device->lock. */
	smp_store_release(&file->queue, queue);
}

/* Sets the eventfd that the interrupt handler signals. Returns the old one: the caller drops it. */
struct eventfd_ctx *bell_file_set_call(struct bell_file *file, struct eventfd_ctx *call)
{
	lockdep_assert_held(&file->device->lock);

	spin_lock_irq(&file->queue->lock);
	swap(file->call, call);
	spin_unlock_irq(&file->queue->lock);
	return call;
}

struct bell_worker *bell_file_set_worker(struct bell_file *file, struct bell_worker *worker)
{
	lockdep_assert_held(&file->device->lock);

	spin_lock_irq(&file->queue->lock);
	swap(file->worker, worker);
	spin_unlock_irq(&file->queue->lock);
	return worker;
}

/*
 * Gives back all that the file owns. Called at close and at unbind; whichever
 * comes second finds nothing to do.
 */
void bell_file_disconnect(struct bell_file *file)
{
	struct bell_queue *queue = file->queue;
	struct eventfd_ctx *call;

	lockdep_assert_held(&file->device->lock);

	if (!queue || queue->owner != file)
		return;
	bell_gate_forget(queue);
	bell_worker_destroy(bell_file_set_worker(file, NULL));
	call = bell_file_set_call(file, NULL);
	if (call)
		eventfd_ctx_put(call);
	bell_queue_end(queue);
	trace_release(queue, queue->generation);
	set_owner(queue, NULL);
}
