/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/bench/bare_device.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRIES 256u

struct bare_device bare_device_of(unsigned char *memory, __u64 size, int interrupt)
{
	unsigned char *queue = memory + BELLWIRE_HEADER_SIZE;
	struct bare_device device = {
		.control = (void *)queue,
		.requests = (void *)(queue + BELLWIRE_QUEUE_CONTROL_SIZE),
		.payload = queue + bellwire_payload_offset(ENTRIES, 0),
		.entries = ENTRIES,
		.interrupt = interrupt,
	};

	device.completions = (void *)(device.requests + ENTRIES);
	*(struct bellwire_format *)memory = (struct bellwire_format){
		.magic = BELLWIRE_MAGIC,
		.version = BELLWIRE_VERSION,
		.queues = 1,
		.size = size,
		.queue_offset = BELLWIRE_HEADER_SIZE,
		.queue_stride = size - BELLWIRE_HEADER_SIZE,
		.ring_entries = ENTRIES,
	};
	return device;
}

void bare_ring(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		abort();
}

static void begin(struct bare_device *device, uint32_t generation)
{
	struct bellwire_queue_control *control = device->control;

	device->generation = generation;
	device->completed = 0;
	control->complete.completed = 0;
	control->doorbell.doorbell_event = 0;
	__atomic_store_n(&control->status.generation, generation, __ATOMIC_RELEASE);
	bare_ring(device->interrupt);
}

static void echo(struct bare_device *device)
{
	const struct bellwire_request *request = &device->requests[device->completed % device->entries];
	struct bellwire_completion *completion = &device->completions[device->completed % device->entries];
	const uint32_t before = device->completed++;
	uint32_t event;

	memcpy(device->payload + request->output_offset, device->payload + request->input_offset,
	       request->input_length);
	*completion = (struct bellwire_completion){
		.cookie = request->cookie,
		.length = request->input_length,
	};
	__atomic_store_n(&device->control->complete.completed, device->completed, __ATOMIC_SEQ_CST);
	event = __atomic_load_n(&device->control->consume.interrupt_event, __ATOMIC_SEQ_CST);
	if (bellwire_event_passed(event, device->completed, before))
		bare_ring(device->interrupt);
}

static uint32_t submitted(const struct bare_device *device)
{
	return __atomic_load_n(&device->control->submit.submitted, __ATOMIC_SEQ_CST);
}

void bare_device_serve(struct bare_device *device)
{
	const uint32_t generation =
		__atomic_load_n(&device->control->driver.generation, __ATOMIC_ACQUIRE);

	if (generation % 2 == 0)
		return;
	if (generation != device->generation)
		begin(device, generation);
	do {
		while (submitted(device) != device->completed)
			echo(device);
		__atomic_store_n(&device->control->doorbell.doorbell_event, device->completed,
				 __ATOMIC_SEQ_CST);
	} while (submitted(device) != device->completed);
}

