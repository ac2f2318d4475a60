// SPDX-License-Identifier: GPL-2.0-only
/*
 * Looks at a queue whose doorbell or interrupt may not have come, and does what
 * it would have done. The rule stands in the uapi header, at the claim; what is
 * missing is found as in vdev/ring/hang.hpp.
 *
 * A queue is looked at from a ring on, until nobody waits for anything; one work
 * does that, whose time adapts. Rings and interrupts find it running, and at most
 * one of each between two looks has its time measured. All that is read of the
 * shared memory may be a lie: then, at worst, a ring or a call is needless.
 */
#include <linux/bits.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/timex.h>

#include "device.h"
#include "trace.h"

/* What is missing: a signal, and the index of the other side that it was due for; or nothing. */
#define NOTHING 0ULL
#define UNSERVED BIT_ULL(32) /* of a generation that begins */
#define AWAITED BIT_ULL(33)  /* by whoever sleeps */

static bool below(u32 index, u32 other)
{
	return (s32)(index - other) < 0;
}

static bool served(const struct bell_queue *queue)
{
	return READ_ONCE(queue->control->status.generation) == READ_ONCE(queue->generation);
}

static bool broken(const struct bell_queue *queue)
{
	return READ_ONCE(queue->control->status.status) != BELLWIRE_QUEUE_OK;
}

static u32 reached(const struct bell_queue *queue, enum bellwire_side side,
		   enum bellwire_stage stage)
{
	return READ_ONCE(queue->control->sides[side].last[stage]);
}

/* The device sleeps, and has not taken a request that it was rung for. */
static u64 missing_doorbell(const struct bell_queue *queue)
{
	u32 event = READ_ONCE(queue->control->doorbell.doorbell_event);

	if (!served(queue))
		return UNSERVED;
	if (broken(queue) || !below(event, READ_ONCE(queue->control->submit.submitted)) ||
	    !below(event, reached(queue, BELLWIRE_MODULE, BELLWIRE_RUNG)) ||
	    below(event, reached(queue, BELLWIRE_DEVICE, BELLWIRE_TAKEN)))
		return NOTHING;
	return AWAITED | event;
}

/* The process sleeps, there is a completion that it did not take, and no interrupt came for it. */
static u64 awaited_interrupt(const struct bell_queue *queue)
{
	u32 event = READ_ONCE(queue->control->consume.interrupt_event);

	if (!served(queue))
		return NOTHING;
	if (!READ_ONCE(queue->look.begun))
		return UNSERVED;
	if (event != READ_ONCE(queue->control->consume.consumed) ||
	    !below(event, READ_ONCE(queue->control->complete.completed)) ||
	    below(event, reached(queue, BELLWIRE_MODULE, BELLWIRE_INTERRUPTED)))
		return NOTHING;
	return AWAITED | event;
}

/* Likewise, and the device has raised it. */
static u64 missing_interrupt(const struct bell_queue *queue)
{
	u64 awaited = awaited_interrupt(queue);

	if (awaited & AWAITED &&
	    !below((u32)awaited, reached(queue, BELLWIRE_DEVICE, BELLWIRE_RAISED)))
		return NOTHING;
	return awaited;
}

static bool in_flight(const struct bell_queue *queue)
{
	return !broken(queue) && READ_ONCE(queue->control->submit.submitted) !=
					 READ_ONCE(queue->control->complete.completed);
}

static bool waits(const struct bell_queue *queue)
{
	const struct bell_look *look = &queue->look;
	u64 interrupt;

	if (in_flight(queue) || missing_doorbell(queue) || look->rang_for)
		return true;
	smp_rmb(); /* what was in flight until now is seen as completed */
	interrupt = awaited_interrupt(queue);
	return interrupt && interrupt != look->recovered;
}

/*
 * Doorbells of this generation that the device has not counted. Its count is read
 * first: so one that is on its way may be too many, and never too few.
 */
static s64 uncounted(const struct bell_queue *queue)
{
	u64 counted = served(queue) ? READ_ONCE(queue->control->status.doorbells) : 0;

	return atomic64_read(&queue->totals[BELL_DOORBELLS]) - queue->look.doorbells_before -
	       counted;
}

/*
 * The device took what it was rung for a second time. If it has counted both
 * rings, the first was only late: the device was paused, for instance. Of one that
 * was restarted meanwhile nothing is known.
 */
void bell_look_settle(struct bell_queue *queue)
{
	struct bell_look *look = &queue->look;
	u64 rang_for = look->rang_for;

	lockdep_assert_held(&queue->device->lock);

	if (!rang_for || rang_for == missing_doorbell(queue))
		return;
	look->rang_for = NOTHING;
	if (READ_ONCE(queue->device->memory->device.incarnation) != look->incarnation ||
	    uncounted(queue) < look->uncounted)
		return;
	bell_count(queue, BELL_RECOVERED_DOORBELLS);
	trace_recovered(queue, BELLWIRE_HOP_DOORBELL);
	bell_record_recovery(queue, BELLWIRE_RECOVERED_DOORBELL, (u32)rang_for, look->rang_at);
}

static void ring_again(struct bell_queue *queue, u64 missing)
{
	struct bell_look *look = &queue->look;

	if (!look->rang_for) {
		look->rang_for = missing;
		look->rang_at = get_cycles();
		look->uncounted = uncounted(queue);
		look->incarnation = READ_ONCE(queue->device->memory->device.incarnation);
	}
	bell_queue_ring(queue);
}

static void recover_interrupt(struct bell_queue *queue, u64 missing)
{
	if (queue->look.recovered == missing)
		return;
	queue->look.recovered = missing;
	bell_count(queue, BELL_RECOVERED_INTERRUPTS);
	trace_recovered(queue, BELLWIRE_HOP_INTERRUPT);
	bell_record_recovery(queue, BELLWIRE_RECOVERED_INTERRUPT, (u32)missing, get_cycles());
	bell_queue_call(queue);
}

/*
 * A time is of no use if the signal that ends it is replaced, or if the completion
 * is there already: then nobody may have asked for an interrupt.
 */
static void take_sample(struct bell_look *look, bool replaced)
{
	int sample = atomic_read_acquire(&look->sample);
	bool useless = replaced || !below(look->completed, look->until);

	if (sample == BELL_SAMPLE_ENDED)
		bell_look_time_measured(&look->time, look->took);
	if (sample == BELL_SAMPLE_ENDED || (useless && sample == BELL_SAMPLE_RUNS))
		atomic_cmpxchg_release(&look->sample, sample, BELL_SAMPLE_WANTED);
}

/* A hop that is held is neither missing nor late. */
static void see_nothing(struct bell_look *look)
{
	look->doorbell = NOTHING;
	look->interrupt = NOTHING;
}

static void look_at(struct bell_queue *queue)
{
	struct bell_look *look = &queue->look;
	u64 doorbell = missing_doorbell(queue), interrupt = missing_interrupt(queue);
	bool again = doorbell && doorbell == look->doorbell;
	bool recover = interrupt && interrupt == look->interrupt;
	u32 completed = READ_ONCE(queue->control->complete.completed);
	bool changed = completed != look->completed || doorbell != look->doorbell ||
		       interrupt != look->interrupt;

	bell_look_time_looked(&look->time, changed);
	look->doorbell = doorbell;
	look->interrupt = interrupt;
	look->completed = completed;
	take_sample(look, again || recover);
	bell_look_settle(queue);
	if (again)
		ring_again(queue, doorbell);
	if (recover)
		recover_interrupt(queue, interrupt);
}

static void start(struct bell_look *look)
{
	u64 us = div_u64(bell_look_time_ns(&look->time), NSEC_PER_USEC);

	schedule_delayed_work(&look->work, usecs_to_jiffies(us));
}

/* Whether to look again. */
static bool look_once(struct bell_queue *queue)
{
	struct bell_device *device = queue->device;
	bool again = false;

	mutex_lock(&device->lock);
	if (!device->gone && !device->held && queue->owner && !queue->look.off) {
		if (bell_steps(queue))
			see_nothing(&queue->look);
		else
			look_at(queue);
		again = waits(queue);
		if (!again) {
			/* Pairs with bell_look_rung(): one of the two sees a new request. */
			smp_store_mb(queue->look.active, false);
			again = waits(queue) && !xchg(&queue->look.active, true);
		}
	} else {
		WRITE_ONCE(queue->look.active, false);
	}
	mutex_unlock(&device->lock);
	return again;
}

static void look_work(struct work_struct *work)
{
	struct bell_look *look = container_of(to_delayed_work(work), struct bell_look, work);

	if (look_once(container_of(look, struct bell_queue, look)))
		start(look);
}

void bell_look_init(struct bell_queue *queue)
{
	INIT_DELAYED_WORK(&queue->look.work, look_work);
}

void bell_look_begin(struct bell_queue *queue)
{
	struct bell_look *look = &queue->look;

	lockdep_assert_held(&queue->device->lock);

	look->doorbells_before = atomic64_read(&queue->totals[BELL_DOORBELLS]);
	WRITE_ONCE(look->begun, false);
	look->doorbell = NOTHING;
	look->interrupt = NOTHING;
	look->rang_for = NOTHING;
	look->recovered = NOTHING;
	look->completed = 0;
	look->time = (struct bell_look_time){};
	atomic_set(&look->sample, BELL_SAMPLE_WANTED);
}

static void begin_sample(struct bell_queue *queue)
{
	struct bell_look *look = &queue->look;

	if (likely(atomic_read(&look->sample) != BELL_SAMPLE_WANTED) ||
	    atomic_cmpxchg(&look->sample, BELL_SAMPLE_WANTED, BELL_SAMPLE_BEGINS) !=
		    BELL_SAMPLE_WANTED)
		return;
	look->until = READ_ONCE(queue->control->submit.submitted);
	look->since = ktime_get_ns();
	atomic_set_release(&look->sample, BELL_SAMPLE_RUNS);
}

void bell_look_rung(struct bell_queue *queue)
{
	struct bell_look *look = &queue->look;

	if (READ_ONCE(look->off) || !READ_ONCE(queue->owner))
		return;
	if (!bell_steps(queue))
		begin_sample(queue);
	smp_mb(); /* pairs with smp_store_mb() in look_once() */
	if (!READ_ONCE(look->active) && !xchg(&look->active, true))
		start(look);
}

void bell_look_interrupted(struct bell_queue *queue)
{
	struct bell_look *look = &queue->look;
	u64 took;

	/* One that comes before the generation is served was raised for an earlier one. */
	if (unlikely(!READ_ONCE(look->begun)) && served(queue))
		WRITE_ONCE(look->begun, true);
	if (likely(atomic_read_acquire(&look->sample) != BELL_SAMPLE_RUNS) ||
	    READ_ONCE(queue->device->held) || bell_steps(queue) ||
	    below(READ_ONCE(queue->control->complete.completed), look->until))
		return;
	took = ktime_get_ns() - look->since;
	if (atomic_cmpxchg(&look->sample, BELL_SAMPLE_RUNS, BELL_SAMPLE_BEGINS) != BELL_SAMPLE_RUNS)
		return;
	look->took = took;
	atomic_set_release(&look->sample, BELL_SAMPLE_ENDED);
}

/* What is measured just now would be the time of a person. */
void bell_look_forget(struct bell_queue *queue)
{
	atomic_cmpxchg(&queue->look.sample, BELL_SAMPLE_RUNS, BELL_SAMPLE_WANTED);
}

/* Somebody may wait for what comes now. */
void bell_look_resume(struct bell_queue *queue)
{
	rcu_read_lock();
	bell_look_rung(queue);
	rcu_read_unlock();
}

void bell_look_end(struct bell_queue *queue)
{
	cancel_delayed_work_sync(&queue->look.work);
	WRITE_ONCE(queue->look.active, false);
}
