// SPDX-License-Identifier: GPL-2.0-only
/*
 * The module's records, in the shared memory: "Recording" in the uapi header.
 * Interrupt handlers, workers and processes write them, on any CPU, under a lock.
 */
#include <linux/timex.h>

#include "device.h"

void bell_records_init(struct bell_queue *queue)
{
	const struct bellwire_format *format = &queue->device->format;
	struct bell_records *records = &queue->records;

	raw_spin_lock_init(&records->lock);
	records->ring = (void *)queue->control + bellwire_records_offset(format->ring_entries,
									 format->trace_entries,
									 BELLWIRE_MODULE);
	records->written = READ_ONCE(queue->control->sides[BELLWIRE_MODULE].written);
}

static void write(struct bellwire_record *place, const struct bellwire_record *record)
{
	const u64 *words = (const void *)record;
	u64 *at = (void *)place;

	BUILD_BUG_ON(sizeof(*record) != 2 * sizeof(*words));
	/* A reader that sees a part of this record sees that the one before was written. */
	smp_store_release(&at[0], words[0]);
	smp_store_release(&at[1], words[1]); /* likewise */
}

static void write_locked(struct bell_queue *queue, const struct bellwire_record *record)
{
	struct bell_records *records = &queue->records;

	lockdep_assert_held(&records->lock);

	write(&records->ring[records->written & (queue->device->format.trace_entries - 1)], record);
	records->written++;
	/* A reader that sees the count sees the record. */
	smp_store_release(&queue->control->sides[BELLWIRE_MODULE].written, records->written);
}

void bell_record_it(struct bell_queue *queue, enum bellwire_stage stage, const u32 *index)
{
	struct bellwire_record record = { .stage = stage };
	unsigned long irq;

	if (!queue->device->format.trace_entries)
		return;
	raw_spin_lock_irqsave(&queue->records.lock, irq);
	record.generation = queue->generation;
	record.index = READ_ONCE(*index);
	rmb(); /* reads the clock after the index */
	record.ticks = get_cycles();
	write_locked(queue, &record);
	raw_spin_unlock_irqrestore(&queue->records.lock, irq);
}

void bell_record_recovery(struct bell_queue *queue, enum bellwire_recovery what, u32 index,
			  u64 ticks)
{
	const struct bellwire_record record = {
		.ticks = ticks,
		.stage = what,
		.generation = queue->generation,
		.index = index,
	};
	unsigned long irq;

	if (!queue->device->format.trace_entries || !READ_ONCE(queue->control->recording.recording))
		return;
	raw_spin_lock_irqsave(&queue->records.lock, irq);
	write_locked(queue, &record);
	raw_spin_unlock_irqrestore(&queue->records.lock, irq);
}
