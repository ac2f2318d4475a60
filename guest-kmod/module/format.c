// SPDX-License-Identifier: GPL-2.0-only
/*
 * The format of the shared memory: copied once, checked, and refused with a
 * reason. Process context, before the device is added.
 */
#include <linux/device.h>

#include "device.h"

/* The memory is formatted, but wrong: reports the value, and what it must be. */
static void report_words(const struct device *parent, const struct bellwire_format *format,
			 enum bellwire_format_fault fault, u64 size)
{
	switch (fault) {
	case BELLWIRE_FORMAT_BAD_SIZE:
		dev_err(parent, "the shared memory has %llu bytes, but its format says %llu\n",
			size, format->size);
		break;
	case BELLWIRE_FORMAT_BAD_QUEUES:
		dev_err(parent, "the shared memory's format says %u queues; it must be 1 to %u\n",
			format->queues, BELLWIRE_MAX_QUEUES);
		break;
	case BELLWIRE_FORMAT_BAD_RING:
		dev_err(parent,
			"the shared memory's format says %u ring entries; it must be a power of two from %u to %u\n",
			format->ring_entries, BELLWIRE_MIN_RING_ENTRIES, BELLWIRE_MAX_RING_ENTRIES);
		break;
	case BELLWIRE_FORMAT_BAD_TRACE:
		dev_err(parent,
			"the shared memory's format says %u records; it must be 0 or a power of two up to %u\n",
			format->trace_entries, BELLWIRE_MAX_TRACE_ENTRIES);
		break;
	case BELLWIRE_FORMAT_BAD_PLACE:
		dev_err(parent,
			"the shared memory's format says %u queues from %#llx on, %#llx bytes each: they overlap, are not page-aligned or do not fit in its %llu bytes\n",
			format->queues, format->queue_offset, format->queue_stride, size);
		break;
	default:
		dev_err(parent,
			"the shared memory's format has reserved words %*phN, which must be zero: is the device newer than version %u?\n",
			(int)sizeof(format->reserved), format->reserved, BELLWIRE_VERSION);
	}
}

/* A card must have formatted the memory when it is ready; an ivshmem device may start later. */
static void report_no_format(const struct bell_device *device, enum bellwire_format_fault fault)
{
	const struct bellwire_format *format = &device->format;
	const struct device *parent = device->parent;
	const char *what = fault == BELLWIRE_FORMAT_BLANK ? "has no bellwire format" :
							    "has another version";

	if (device->front->formatted_when_ready)
		dev_err(parent,
			"the card is ready, but its memory %s (magic %#llx, version %u): serve it by a device of bellwire version %u, and plug it in again\n",
			what, format->magic, format->version, BELLWIRE_VERSION);
	else
		dev_err(parent,
			"the shared memory %s (magic %#llx, version %u): start the device (bellwire version %u) first, then: echo %s > /sys/bus/%s/drivers/bellwire/bind\n",
			what, format->magic, format->version, BELLWIRE_VERSION, dev_name(parent),
			parent->bus->name);
}

int bell_format_read(struct bell_device *device, u64 size)
{
	const struct bellwire_format *shared = &device->memory->format;
	struct bellwire_format *format = &device->format;
	enum bellwire_format_fault fault;
	u64 magic;

	if (size < sizeof(*device->memory)) {
		dev_err(device->parent,
			"the shared memory has %llu bytes; it must have %zu or more: give it a MiB\n",
			size, sizeof(*device->memory));
		return -ENODEV;
	}
	/* Pairs with the release store of whoever formatted the memory. */
	magic = smp_load_acquire(&shared->magic);
	memcpy(format, shared, sizeof(*format));
	barrier(); /* the compiler must check the copy, not read the memory again */
	format->magic = magic;

	fault = bellwire_format_check(format, size);
	if (fault == BELLWIRE_FORMAT_OK)
		return 0;
	if (fault == BELLWIRE_FORMAT_BLANK || fault == BELLWIRE_FORMAT_BAD_VERSION)
		report_no_format(device, fault);
	else
		report_words(device->parent, format, fault, size);
	return -ENODEV;
}
