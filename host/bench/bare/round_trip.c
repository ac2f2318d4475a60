/* SPDX-License-Identifier: BSD-3-Clause */
/* bare_round_trip: the ring guest and an echo device, by plain system calls. */
#include "host/bench/bare/bare.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host/bench/bare/vm.h"
#include "guest-kmod/uapi/bellwire.h"
#include "vdev/transport/kvm/ring_guest.h"

#define GSI 24
#define RECORDS_SIZE (BARE_ROUND_TRIPS * RECORD_SIZE)

extern const unsigned char bellwire_ring_guest[GUEST_SIZE];

/* The device, an echo of queue 0, for a driver that can be trusted */

struct bare_device {
	struct bellwire_queue_control *control;
	struct bellwire_request *requests;
	struct bellwire_completion *completions;
	unsigned char *payload;
	__u32 entries, generation, completed;
	int interrupt; /* eventfd */
};

#define ENTRIES 256u

/* Formats `size` bytes of memory, with one queue, and returns their device. */
static struct bare_device bare_device_of(unsigned char *memory, __u64 size, int interrupt)
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
	const struct bellwire_request *request =
		&device->requests[device->completed % device->entries];
	struct bellwire_completion *completion =
		&device->completions[device->completed % device->entries];
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

/* Serves all requests that there are. */
static void bare_device_serve(struct bare_device *device)
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

struct bare_round_trip {
	struct bare_vm vm;
	int doorbell, interrupt; /* eventfds */
	int device_cpu;
	unsigned char *memory, *records;
	struct bare_device device;
	pthread_t thread;
	bool has_thread;
	bool stopping;
};

/* The device's thread */

static void *run_device(void *argument)
{
	struct bare_round_trip *trip = argument;
	struct pollfd doorbell = { .fd = trip->doorbell, .events = POLLIN };
	uint64_t rings;

	while (!__atomic_load_n(&trip->stopping, __ATOMIC_ACQUIRE)) {
		if (poll(&doorbell, 1, -1) > 0 &&
		    read(trip->doorbell, &rings, sizeof(rings)) == sizeof(rings))
			bare_device_serve(&trip->device);
	}
	return NULL;
}

static int start_device(struct bare_round_trip *trip)
{
	cpu_set_t cpus;

	errno = pthread_create(&trip->thread, NULL, run_device, trip);
	if (errno)
		return -1;
	trip->has_thread = true;
	if (trip->device_cpu < 0)
		return 0;
	CPU_ZERO(&cpus);
	CPU_SET(trip->device_cpu, &cpus);
	errno = pthread_setaffinity_np(trip->thread, sizeof(cpus), &cpus);
	return errno ? -1 : 0;
}

/* Its wires */

static int wire_device(struct bare_round_trip *trip)
{
	const struct kvm_irq_routing_entry route = {
		.gsi = GSI,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = { .address_lo = GUEST_APIC, .data = RING_VECTOR },
	};
	struct kvm_ioeventfd doorbell = { .addr = RING_DOORBELL,
					  .len = 4,
					  .fd = trip->doorbell,
					  .flags = KVM_IOEVENTFD_FLAG_DATAMATCH };
	struct kvm_irqfd interrupt = { .fd = trip->interrupt, .gsi = GSI };

	if (ioctl(trip->vm.vm, KVM_IOEVENTFD, &doorbell) != 0 ||
	    bare_vm_route(&trip->vm, &route, 1) != 0)
		return -1;
	return ioctl(trip->vm.vm, KVM_IRQFD, &interrupt);
}

static int build(struct bare_round_trip *trip)
{
	trip->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	trip->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bare_vm_open(&trip->vm) != 0 || trip->doorbell < 0 || trip->interrupt < 0 ||
	    bare_vm_map(&trip->vm, 1, RING_MEMORY, RING_MEMORY_SIZE, &trip->memory) != 0 ||
	    bare_vm_map(&trip->vm, 2, RING_RECORDS, RECORDS_SIZE, &trip->records) != 0)
		return -1;
	trip->device = bare_device_of(trip->memory, RING_MEMORY_SIZE, trip->interrupt);
	return wire_device(trip) != 0 ? -1 : start_device(trip);
}

struct bare_round_trip *bare_round_trip_create(int device_cpu)
{
	struct bare_round_trip *trip = calloc(1, sizeof(*trip));

	if (!trip)
		return NULL;
	trip->device_cpu = device_cpu;
	if (build(trip) == 0)
		return trip;
	bare_round_trip_destroy(trip);
	return NULL;
}

static void stop_device(struct bare_round_trip *trip)
{
	if (!trip->has_thread)
		return;
	__atomic_store_n(&trip->stopping, true, __ATOMIC_RELEASE);
	bare_ring(trip->doorbell);
	pthread_join(trip->thread, NULL);
}

void bare_round_trip_destroy(struct bare_round_trip *trip)
{
	const int why = errno;

	if (!trip)
		return;
	stop_device(trip);
	bare_vm_close(&trip->vm);
	if (trip->doorbell >= 0)
		close(trip->doorbell);
	if (trip->interrupt >= 0)
		close(trip->interrupt);
	bare_unmap(trip->records, RECORDS_SIZE);
	bare_unmap(trip->memory, RING_MEMORY_SIZE);
	free(trip);
	errno = why;
}

/* The guest */

/* 1: a doorbell; 0: another access that was answered; -1: no access of ours. */
static int answer(struct kvm_run *run, unsigned int requests)
{
	const uint64_t address = run->mmio.phys_addr;
	const uint32_t plan = address == RING_PLAN + RING_PLAN_REQUESTS ? requests :
			      address == RING_PLAN + RING_PLAN_DEPTH    ? 1 :
									  0;

	if (run->exit_reason != KVM_EXIT_MMIO)
		return -1;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	memcpy(run->mmio.data, &plan, sizeof(plan));
	return address == RING_DOORBELL;
}

static int run_guest(struct bare_vm *vm, unsigned int requests)
{
	for (int doorbells = 0;;) {
		int answered;

		if (bare_vm_run(vm) != 0)
			return -1;
		if (bare_vm_said(vm, GUEST_DONE))
			return doorbells;
		answered = answer(vm->run, requests);
		if (answered < 0) {
			errno = EIO;
			return -1;
		}
		doorbells += answered;
	}
}

int bare_round_trip_run(struct bare_round_trip *trip, unsigned int requests, uint64_t *ticks)
{
	int doorbells;

	memset(trip->records, 0, RECORDS_SIZE);
	if (bare_vm_load(&trip->vm, bellwire_ring_guest) != 0)
		return -1;
	doorbells = run_guest(&trip->vm, requests);
	for (unsigned int index = 0; index < requests; index++) {
		const unsigned char *record = trip->records + (size_t)index * RECORD_SIZE;
		uint64_t begin_at, end_at;

		memcpy(&begin_at, record + RECORD_SUBMITTED_AT, sizeof(begin_at));
		memcpy(&end_at, record + RECORD_TAKEN_AT, sizeof(end_at));
		ticks[index] = end_at - begin_at;
	}
	return doorbells;
}
