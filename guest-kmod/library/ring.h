/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The process's part of the ring: part 1 of the uapi header. Nothing in the
 * memory is trusted but the words that this process writes, of which it keeps
 * copies of its own.
 */
#ifndef BELLWIRE_GUEST_RING_H
#define BELLWIRE_GUEST_RING_H

#include <stdbool.h>

#include <bellwire/uapi/bellwire.h>

struct ring {
	struct bellwire_queue_control *control;
	struct bellwire_request *requests;
	struct bellwire_completion *completions;
	struct bellwire_record *records; /* this process's; trace_entries of them */
	__u32 entries;
	__u32 trace_entries;
	__u32 generation;
	__u32 submitted; /* written; up to `published` the device sees them */
	__u32 published;
	__u32 consumed;
	__u64 written; /* records */
};

/* A generation begins on the mapped queue. */
void ring_begin(struct ring *ring, void *map, const struct bellwire_claim *claim);

/* Whether the device serves that generation; before, nothing else is called. */
bool ring_served(const struct ring *ring);

__u32 ring_space(const struct ring *ring);

/* There must be space. */
void ring_put(struct ring *ring, const struct bellwire_request *request);

/* Makes all requests that were put visible. Returns whether the device wants to be rung. */
bool ring_publish(struct ring *ring);

/* -EAGAIN: there is no completion. -EPROTO: the queue is broken, or the device is. */
int ring_take(struct ring *ring, struct bellwire_completion *completion);

/* Asks for an interrupt. Returns whether there is no completion yet. */
bool ring_may_sleep(struct ring *ring);

/* After a sleep. */
void ring_note_awake(struct ring *ring);

#endif /* BELLWIRE_GUEST_RING_H */
