// SPDX-License-Identifier: BSD-3-Clause
/*
 * bare-ring COUNT: the guest's end of the bare wire. It does what `bell ring
 * --payload 56` does by default, and prints what `bell ring --ktap` prints, with
 * the same clock; it fills and checks each payload in the same way.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "guest-kmod/bare/uapi/bare_wire.h"
#include "guest-kmod/selftest/ktap.h"
#include "guest-kmod/uapi/bellwire.h"

#define DEVICE "/dev/bare_wire"
#define PATIENCE 10 /* seconds without a completion */
#define MOST_RINGS 10000000

struct wire {
	struct bare_wire_memory *memory;
	int kick, call; /* eventfds */
	uint64_t calls; /* how often `call` was signalled */
};

struct figures {
	uint64_t rings, completions, corrupted;
	uint64_t *times; /* of each completion, in ticks of the TSC */
	double us_each;  /* µs per tick */
};

static void fail(const char *what)
{
	fprintf(stderr, "bare-ring: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

/* The mapping was taken away. */
static void on_bus_error(int number)
{
	static const char gone[] = "bare-ring: " DEVICE ": the device is gone: it was removed\n";

	(void)number;
	if (write(STDERR_FILENO, gone, sizeof(gone) - 1) < 0)
		_exit(2);
	_exit(1);
}

static struct wire open_wire(void)
{
	struct wire wire = { .kick = eventfd(0, EFD_CLOEXEC),
			     .call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	struct bare_wire_ends ends = { .kick = wire.kick, .call = wire.call };
	const int file = open(DEVICE, O_RDWR | O_CLOEXEC);
	const struct bellwire_header *header;

	if (file < 0)
		fail(DEVICE);
	header = mmap(NULL, BARE_WIRE_OFFSET + sizeof(*wire.memory), PROT_READ | PROT_WRITE,
		      MAP_SHARED, file, 0);
	if (header == MAP_FAILED)
		fail("the shared memory");
	wire.memory = (void *)((unsigned char *)header + BARE_WIRE_OFFSET);
	ends.peer = header->device.peer; /* written by a switchboard */
	if (ioctl(file, BARE_WIRE_CONNECT, &ends) != 0)
		fail("BARE_WIRE_CONNECT");
	return wire;
}

static void fill(struct bare_wire_entry *entry, uint64_t number)
{
	uint64_t word = (number + 1) * 0x9E3779B97F4A7C15;

	for (size_t index = 0; index < sizeof(entry->payload) / sizeof(word); index++) {
		word ^= word << 13, word ^= word >> 7, word ^= word << 17;
		entry->payload[index] = word;
	}
}

/* False: there was no call within a second. */
static bool wait_for_call(struct wire *wire)
{
	struct pollfd call = { .fd = wire->call, .events = POLLIN };
	uint64_t count;

	if (poll(&call, 1, 1000) <= 0 || read(wire->call, &count, sizeof(count)) != sizeof(count))
		return false;
	wire->calls += count;
	return true;
}

/* False: there was no completion. */
static bool ring(struct wire *wire, uint64_t number, struct bare_wire_entry *completion)
{
	const uint64_t one = 1;
	int idle = 0;

	__atomic_store_n(&wire->memory->request.number, number, __ATOMIC_RELEASE);
	if (write(wire->kick, &one, sizeof(one)) != sizeof(one))
		fail("the kick");
	do {
		idle += !wait_for_call(wire);
		if (idle == PATIENCE)
			return false;
	} while (__atomic_load_n(&wire->memory->completion.number, __ATOMIC_ACQUIRE) != number);
	*completion = wire->memory->completion;
	return true;
}

static struct figures ring_all(struct wire *wire, uint64_t count)
{
	struct figures figures = { .times = calloc(count, sizeof(uint64_t)) };
	const uint64_t before = wire->memory->completion.number; /* perhaps of an earlier run */
	const uint64_t began_ticks = __rdtsc();
	const double began_us = now_us();
	struct bare_wire_entry completion;

	if (!figures.times)
		fail("memory for the times");
	while (figures.rings < count) {
		const uint64_t number = before + ++figures.rings;
		const uint64_t began = __rdtsc();

		fill(&wire->memory->request, number);
		if (!ring(wire, number, &completion))
			break;
		figures.times[figures.completions++] = __rdtsc() - began;
		figures.corrupted += memcmp(completion.payload, wire->memory->request.payload,
					    sizeof(completion.payload)) != 0;
	}
	figures.us_each = (now_us() - began_us) / (double)(__rdtsc() - began_ticks);
	return figures;
}

static int by_size(const void *left, const void *right)
{
	const uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

/* By nearest rank, as vdev/core/statistics.hpp; the times are sorted. */
static double percentile_us(const struct figures *figures, unsigned int percent)
{
	const uint64_t rank = (figures->completions * percent + 99) / 100;

	if (figures->completions == 0)
		return 0;
	return figures->us_each * (double)figures->times[rank ? rank - 1 : 0];
}

/* Returns whether all was well. */
static bool report_figures(struct ktap *report, const struct figures *figures, uint64_t calls)
{
	const bool good = figures->completions == figures->rings && figures->corrupted == 0;

	qsort(figures->times, figures->completions, sizeof(*figures->times), by_size);
	printf("# {\"device\":\"bare\",\"depth\":1,\"rings\":%ju,\"completions\":%ju,"
	       "\"corrupted\":%ju,\"calls\":%ju,\"p50_us\":%.1f,\"p99_us\":%.1f}\n",
	       (uintmax_t)figures->rings, (uintmax_t)figures->completions,
	       (uintmax_t)figures->corrupted, (uintmax_t)calls, percentile_us(figures, 50),
	       percentile_us(figures, 99));
	if (figures->completions != figures->rings)
		printf("# no answer for %d s; is bare-peer running on the host?\n", PATIENCE);
	return ktap_result(report, good, "bare wire");
}

int main(int argc, char **argv)
{
	const unsigned long count = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	struct figures figures;
	struct ktap report;
	struct wire wire;
	bool good;

	if (count < 1 || count > MOST_RINGS) {
		fprintf(stderr, "usage: bare-ring COUNT (1 to %d)\n", MOST_RINGS);
		return 2;
	}
	signal(SIGBUS, on_bus_error);
	report = ktap_begin(1);
	wire = open_wire();
	figures = ring_all(&wire, count);
	good = report_figures(&report, &figures, wire.calls);
	if (fflush(stdout) != 0 || ferror(stdout))
		fail("standard output");
	return good ? 0 : 1;
}
