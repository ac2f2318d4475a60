// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slow motion (BELLWIRE_STEP): each of the module's hops is held until the queue's
 * owner lets it happen.
 *
 * Nobody waits here. A hop that is held is remembered, and the command that lets it
 * happen does it, in process context. So a hop may be held in any context, and
 * whatever ends the queue only forgets what is held: a kick stays in its eventfd, a
 * request in its ring.
 */
#include <linux/poll.h>
#include <linux/string.h>

#include "device.h"

void bell_gate_init(struct bell_queue *queue)
{
	init_waitqueue_head(&queue->gate.waiters);
}

/* The first one that is held; NULL: none. */
static const struct bell_hop *first_held(const struct bell_gate *gate)
{
	unsigned int stage;

	for (stage = 0; stage < ARRAY_SIZE(gate->held); stage++)
		if (READ_ONCE(gate->held[stage]))
			return gate->held[stage];
	return NULL;
}

/* False: nobody steps any more, so do it now. */
bool bell_gate_hold(struct bell_queue *queue, const struct bell_hop *hop)
{
	struct bell_gate *gate = &queue->gate;
	unsigned long irq;
	bool on;

	spin_lock_irqsave(&gate->waiters.lock, irq);
	on = gate->on;
	if (on) {
		WRITE_ONCE(gate->held[hop->stage], hop);
		wake_up_locked_poll(&gate->waiters, EPOLLPRI);
	}
	spin_unlock_irqrestore(&gate->waiters.lock, irq);
	return on;
}

__poll_t bell_gate_poll(struct bell_queue *queue, struct file *filp, poll_table *table)
{
	poll_wait(filp, &queue->gate.waiters, table);
	return first_held(&queue->gate) ? EPOLLPRI : 0;
}

void bell_gate_show(const struct bell_queue *queue, struct bellwire_step *step)
{
	const struct bell_hop *hop = first_held(&queue->gate);

	step->held = BELLWIRE_STAGES;
	if (!hop)
		return;
	step->held = hop->stage;
	step->line = hop->line;
	strscpy(step->file, kbasename(hop->file), sizeof(step->file));
	strscpy(step->function, hop->name, sizeof(step->function));
}

static void set(struct bell_queue *queue, bool on)
{
	struct bell_gate *gate = &queue->gate;
	atomic_t *word = (atomic_t *)&queue->control->recording.recording;

	spin_lock_irq(&gate->waiters.lock);
	WRITE_ONCE(gate->on, on);
	spin_unlock_irq(&gate->waiters.lock);
	if (on)
		atomic_or(BELLWIRE_GUEST_STEPS, word);
	else
		atomic_andnot(BELLWIRE_GUEST_STEPS, word);
}

void bell_gate_close(struct bell_queue *queue)
{
	lockdep_assert_held(&queue->device->lock);

	set(queue, true);
	bell_look_forget(queue);
}

/* Does the first one that is held. False: there was none. */
static bool do_next(struct bell_queue *queue)
{
	struct bell_gate *gate = &queue->gate;
	const struct bell_hop *hop;

	lockdep_assert_held(&queue->device->lock);

	spin_lock_irq(&gate->waiters.lock);
	hop = first_held(gate);
	if (hop)
		WRITE_ONCE(gate->held[hop->stage], NULL);
	spin_unlock_irq(&gate->waiters.lock);
	if (hop)
		hop->go(queue);
	return hop;
}

void bell_gate_next(struct bell_queue *queue)
{
	do_next(queue);
}

void bell_gate_open(struct bell_queue *queue)
{
	lockdep_assert_held(&queue->device->lock);

	set(queue, false);
	while (do_next(queue))
		;
	bell_look_resume(queue);
}

void bell_gate_forget(struct bell_queue *queue)
{
	struct bell_gate *gate = &queue->gate;

	if (!READ_ONCE(gate->on))
		return;
	set(queue, false);
	spin_lock_irq(&gate->waiters.lock);
	memset(gate->held, 0, sizeof(gate->held));
	spin_unlock_irq(&gate->waiters.lock);
}
