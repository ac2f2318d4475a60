// SPDX-License-Identifier: BSD-3-Clause
#include "ring.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define LOAD(word, order) __atomic_load_n(&(word), __ATOMIC_##order)
#define STORE(word, value, order) __atomic_store_n(&(word), value, __ATOMIC_##order)
#define MOST_MORE 255u /* of a record */

/* The clock of the records, read after all earlier loads. */
static __u64 ticks(void)
{
#ifdef __x86_64__
	__builtin_ia32_lfence();
	return __builtin_ia32_rdtsc();
#else
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
#endif
}

static struct bellwire_side_line *own_line(const struct ring *ring)
{
	return &ring->control->sides[BELLWIRE_PROCESS];
}

/* Word by word, so that a reader sees which records are being overwritten: see "Recording". */
static void write_record(struct ring *ring, struct bellwire_record record)
{
	__u64 words[2];
	__u64 *to = (__u64 *)&ring->records[ring->written++ & (ring->trace_entries - 1)];

	memcpy(words, &record, sizeof(words));
	STORE(to[0], words[0], RELEASE);
	STORE(to[1], words[1], RELEASE);
}

static bool recording(const struct ring *ring)
{
	return ring->trace_entries && LOAD(ring->control->recording.recording, RELAXED);
}

/* The requests from `first` to before `end` reached the stage. */
static void note(struct ring *ring, enum bellwire_stage stage, __u32 first, __u32 end)
{
	STORE(own_line(ring)->last[stage], end, RELAXED);
	if (!recording(ring))
		return;
	for (const __u64 now = ticks(); first != end;) {
		const __u32 more = end - first - 1 < MOST_MORE ? end - first - 1 : MOST_MORE;

		write_record(ring, (struct bellwire_record){ .ticks = now,
							     .stage = stage,
							     .more = more,
							     .generation = ring->generation,
							     .index = first });
		first += more + 1;
	}
	STORE(own_line(ring)->written, ring->written, RELEASE);
}

void ring_note_awake(struct ring *ring)
{
	const __u32 completed = LOAD(ring->control->complete.completed, ACQUIRE);

	STORE(own_line(ring)->last[BELLWIRE_AWAKE], completed, RELAXED);
	if (!recording(ring))
		return;
	write_record(ring, (struct bellwire_record){ .ticks = ticks(),
						     .stage = BELLWIRE_AWAKE,
						     .generation = ring->generation,
						     .index = completed });
	STORE(own_line(ring)->written, ring->written, RELEASE);
}

void ring_begin(struct ring *ring, void *map, const struct bellwire_claim *claim)
{
	char *const bytes = map;
	/* A reset's answer has no sizes that differ from the claim's. */
	const __u32 entries = claim->ring_entries, trace_entries = claim->trace_entries;

	*ring = (struct ring){
		.control = map,
		.requests = (void *)(bytes + BELLWIRE_QUEUE_CONTROL_SIZE),
		.completions = (void *)(bytes + BELLWIRE_QUEUE_CONTROL_SIZE +
					entries * sizeof(struct bellwire_request)),
		.records = (void *)(bytes + bellwire_records_offset(entries, trace_entries,
								    BELLWIRE_PROCESS)),
		.entries = entries,
		.trace_entries = trace_entries,
		.generation = claim->generation,
	};
	ring->written = LOAD(own_line(ring)->written, RELAXED);
	for (unsigned int stage = 0; stage < BELLWIRE_STAGES; ++stage)
		STORE(own_line(ring)->last[stage], 0, RELAXED);
}

bool ring_served(const struct ring *ring)
{
	return LOAD(ring->control->status.generation, ACQUIRE) == ring->generation;
}

__u32 ring_space(const struct ring *ring)
{
	return ring->entries - (ring->submitted - ring->consumed);
}

void ring_put(struct ring *ring, const struct bellwire_request *request)
{
	ring->requests[ring->submitted++ & (ring->entries - 1)] = *request;
}

bool ring_publish(struct ring *ring)
{
	const __u32 before = ring->published;

	ring->published = ring->submitted;
	note(ring, BELLWIRE_SUBMITTED, before, ring->published);
	STORE(ring->control->submit.submitted, ring->published, SEQ_CST);
	return bellwire_event_passed(LOAD(ring->control->doorbell.doorbell_event, SEQ_CST),
				     ring->published, before);
}

/* Each word is read once. */
static void copy_completion(const struct ring *ring, struct bellwire_completion *to)
{
	const __u64 *from = (const __u64 *)&ring->completions[ring->consumed & (ring->entries - 1)];
	__u64 words[sizeof(*to) / sizeof(__u64)];

	for (size_t word = 0; word < sizeof(words) / sizeof(*words); ++word)
		words[word] = LOAD(from[word], RELAXED);
	memcpy(to, words, sizeof(words));
}

int ring_take(struct ring *ring, struct bellwire_completion *completion)
{
	const __u32 completed = LOAD(ring->control->complete.completed, ACQUIRE);

	if (completed == ring->consumed)
		return LOAD(ring->control->status.status, ACQUIRE) == BELLWIRE_QUEUE_OK ? -EAGAIN :
											  -EPROTO;
	if (completed - ring->consumed > ring->published - ring->consumed)
		return -EPROTO;
	note(ring, BELLWIRE_CONSUMED, ring->consumed, ring->consumed + 1);
	copy_completion(ring, completion);
	STORE(ring->control->consume.consumed, ++ring->consumed, RELEASE);
	return 0;
}

bool ring_may_sleep(struct ring *ring)
{
	STORE(ring->control->consume.interrupt_event, ring->consumed, SEQ_CST);
	return LOAD(ring->control->complete.completed, SEQ_CST) == ring->consumed;
}
