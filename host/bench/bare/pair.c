/* SPDX-License-Identifier: BSD-3-Clause */
/* bare_pair: two threads, and a lane of entries in each direction. */
#include "host/bench/bare/bare.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <x86intrin.h>

#define PAIR_LINE 64

struct entry {
	_Alignas(PAIR_LINE) uint64_t cookie;
	uint32_t place, length; /* the payload's; PAIR_END: the far thread's end */
	uint64_t rest[6];       /* goes along */
};
#define PAIR_END UINT32_MAX

/* One way. Its writer and its reader have each a view of their own of it. */
struct lane {
	_Alignas(PAIR_LINE) uint32_t written;
	struct entry entries[BARE_ENTRIES];
	int event, epoll;
};

struct bare_pair {
	struct lane requests, completions;
	_Alignas(PAIR_LINE) unsigned char input[BARE_ENTRIES][BARE_PAYLOAD];
	unsigned char output[BARE_ENTRIES][BARE_PAYLOAD];
	/* the near thread's: */
	_Alignas(PAIR_LINE) uint32_t sent, taken;
	struct entry last;
	/* fixed, while they run: */
	uint32_t published;
	int far_cpu;
	bool spins;
};

/* A lane */

static void publish(struct lane *lane, uint32_t until)
{
	__atomic_store_n(&lane->written, until, __ATOMIC_RELEASE);
}

/* The writer publishes what is left when it has no more. */
static void put(struct lane *lane, uint32_t index, struct entry entry, uint32_t published)
{
	lane->entries[index % BARE_ENTRIES] = entry;
	if ((index + 1) % published == 0)
		publish(lane, index + 1);
}

static uint32_t written(const struct lane *lane)
{
	return __atomic_load_n(&lane->written, __ATOMIC_ACQUIRE);
}

/* Only needed where the other side sleeps. */
static void wake_reader(const struct lane *lane)
{
	const uint64_t one = 1;

	if (write(lane->event, &one, sizeof(one)) != sizeof(one))
		abort();
}

/* Until there is an entry with that index. Returns how many are written. */
static uint32_t wait_for(const struct lane *lane, uint32_t index, bool spins)
{
	struct epoll_event ready;
	uint64_t count;

	while (written(lane) == index) {
		if (spins)
			_mm_pause();
		else if (epoll_wait(lane->epoll, &ready, 1, -1) < 1 ||
			 read(lane->event, &count, sizeof(count)) != sizeof(count))
			abort();
	}
	return written(lane);
}

/* The far thread */

static void *serve_far(void *argument)
{
	struct bare_pair *pair = argument;

	for (uint32_t done = 0;;) {
		const uint32_t until = wait_for(&pair->requests, done, pair->spins);

		for (; done != until; done++) {
			const struct entry request = pair->requests.entries[done % BARE_ENTRIES];

			if (request.length == PAIR_END)
				return NULL;
			if (request.length > 0)
				memcpy(pair->output[request.place], pair->input[request.place],
				       request.length);
			put(&pair->completions, done, request, pair->published);
		}
		publish(&pair->completions, done);
		if (!pair->spins)
			wake_reader(&pair->completions);
	}
}

static int start_far(struct bare_pair *pair, pthread_t *thread)
{
	pthread_attr_t attributes;
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(pair->far_cpu < 0 ? 0 : pair->far_cpu, &cpus);
	pthread_attr_init(&attributes);
	if (pair->far_cpu >= 0)
		pthread_attr_setaffinity_np(&attributes, sizeof(cpus), &cpus);
	errno = pthread_create(thread, &attributes, serve_far, pair);
	pthread_attr_destroy(&attributes);
	return errno ? -1 : 0;
}

/* The near one */

static void send_request(struct bare_pair *pair, uint32_t bytes)
{
	const uint32_t place = pair->sent % BARE_ENTRIES;

	if (bytes > 0 && bytes != PAIR_END)
		memset(pair->input[place], (int)pair->sent, bytes);
	put(&pair->requests, pair->sent,
	    (struct entry){ .cookie = pair->sent, .place = place, .length = bytes },
	    pair->published);
	pair->sent++;
}

static void take_completion(struct bare_pair *pair)
{
	pair->last = pair->completions.entries[pair->taken % BARE_ENTRIES];
	if (pair->last.cookie != pair->taken++)
		abort();
}

/* Takes all that is there; where one was the last of its batch, notes how long that took. */
static void exchange_all(struct bare_pair *pair, const struct bare_load *load, uint64_t *ticks)
{
	const uint32_t requests = load->batches * load->batch;
	uint64_t before = __rdtsc();

	while (pair->taken < requests) {
		uint32_t until;

		while (pair->sent < requests && pair->sent - pair->taken < load->depth)
			send_request(pair, load->bytes);
		publish(&pair->requests, pair->sent);
		if (!pair->spins)
			wake_reader(&pair->requests);
		until = wait_for(&pair->completions, pair->taken, pair->spins);
		while (pair->taken != until) {
			take_completion(pair);
			if (pair->taken % load->batch == 0) {
				const uint64_t now = __rdtsc();

				*ticks++ = now - before;
				before = now;
			}
		}
	}
}

int bare_pair_run(struct bare_pair *pair, const struct bare_load *load, uint64_t *ticks)
{
	pthread_t thread;

	pair->published = load->published;
	pair->sent = pair->taken = 0;
	pair->requests.written = pair->completions.written = 0;
	if (start_far(pair, &thread) != 0)
		return -1;
	exchange_all(pair, load, ticks);
	send_request(pair, PAIR_END);
	publish(&pair->requests, pair->sent);
	if (!pair->spins)
		wake_reader(&pair->requests);
	pthread_join(thread, NULL);
	return 0;
}

/* Its wires */

static int open_lane(struct lane *lane)
{
	struct epoll_event readable = { .events = EPOLLIN };

	lane->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	lane->epoll = epoll_create1(EPOLL_CLOEXEC);
	return epoll_ctl(lane->epoll, EPOLL_CTL_ADD, lane->event, &readable);
}

static void close_lane(const struct lane *lane)
{
	if (lane->event < 0)
		return;
	close(lane->event);
	close(lane->epoll);
}

struct bare_pair *bare_pair_create(int far_cpu, bool spins)
{
	struct bare_pair *pair = aligned_alloc(PAIR_LINE, sizeof(*pair));

	if (!pair)
		return NULL;
	memset(pair, 0, sizeof(*pair));
	pair->far_cpu = far_cpu;
	pair->spins = spins;
	pair->requests.event = pair->completions.event = -1;
	if (open_lane(&pair->requests) == 0 && open_lane(&pair->completions) == 0)
		return pair;
	bare_pair_destroy(pair);
	return NULL;
}

void bare_pair_destroy(struct bare_pair *pair)
{
	const int why = errno;

	if (!pair)
		return;
	close_lane(&pair->requests);
	close_lane(&pair->completions);
	free(pair);
	errno = why;
}
