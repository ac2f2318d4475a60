// SPDX-License-Identifier: GPL-2.0-only
/* The format of the shared memory: copied once, checked, and refused with its reason. */
#include <linux/device.h>

#include "device.h"

/* Somebody formatted it, but not so that we could use it: what it says, and what can be. */
static void report_words(const struct device *parent, const struct bellwire_format *format,
			 enum bellwire_format_fault fault, u64 size)
{
	switch (fault) {
	case BELLWIRE_FORMAT_BAD_SIZE:
		dev_err(parent, "shared memory of %llu bytes, and its format says %llu\n", size,
			format->size);
		break;
	case BELLWIRE_FORMAT_BAD_QUEUES:
		dev_err(parent, "the shared memory's format says %u queues, and not 1 to %u\n",
			format->queues, BELLWIRE_MAX_QUEUES);
		break;
	case BELLWIRE_FORMAT_BAD_RING:
		dev_err(parent, "the shared memory's format says %u ring entries, and not a power of two from %u to %u\n",
			format->ring_entries, BELLWIRE_MIN_RING_ENTRIES,
			BELLWIRE_MAX_RING_ENTRIES);
		break;
	case BELLWIRE_FORMAT_BAD_TRACE:
		dev_err(parent, "the shared memory's format says %u records, and not 0 or a power of two up to %u\n",
			format->trace_entries, BELLWIRE_MAX_TRACE_ENTRIES);
		break;
	case BELLWIRE_FORMAT_BAD_PLACE:
		dev_err(parent, "the shared memory's format says %u queues from %#llx on, %#llx bytes each, which overlap or do not fit in its %llu bytes\n",
			format->queues, format->queue_offset, format->queue_stride, size);
		break;
	default:
		dev_err(parent, "the shared memory's format has reserved words %*phN, and not zeroes: is the device of a newer version than %u?\n",
			(int)sizeof(format->reserved), format->reserved, BELLWIRE_VERSION);
	}
}

static void report(const struct device *parent, const struct bellwire_format *format,
		   enum bellwire_format_fault fault, u64 size)
{
	if (fault != BELLWIRE_FORMAT_BLANK && fault != BELLWIRE_FORMAT_BAD_VERSION)
		return report_words(parent, format, fault, size);
	dev_err(parent,
		"shared memory %s (magic %#llx, version %u): start the device (bellwire version %u) first, then: echo %s > /sys/bus/%s/drivers/bellwire/bind\n",
		fault == BELLWIRE_FORMAT_BLANK ? "has no bellwire format" : "has another version",
		format->magic, format->version, BELLWIRE_VERSION, dev_name(parent),
		parent->bus->name);
}

int bell_format_read(struct bell_device *device, u64 size)
{
	const struct bellwire_format *shared = &device->memory->format;
	struct bellwire_format *format = &device->format;
	enum bellwire_format_fault fault;
	u64 magic;

	if (size < sizeof(*device->memory)) {
		dev_err(device->parent, "shared memory of %llu bytes, and not %zu or more: give it a MiB\n",
			size, sizeof(*device->memory));
		return -ENODEV;
	}
	/* Pairs with the release store of whoever formatted the memory. */
	magic = smp_load_acquire(&shared->magic);
	memcpy(format, shared, sizeof(*format));
	barrier(); /* what is checked is the copy, and not read again */
	format->magic = magic;

	fault = bellwire_format_check(format, size);
	if (fault == BELLWIRE_FORMAT_OK)
		return 0;
	report(device->parent, format, fault, size);
	return -ENODEV;
}
