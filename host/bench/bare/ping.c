/* SPDX-License-Identifier: BSD-3-Clause */
/* bare_ping: eventfds alone, from thread to thread and back. */
#include "host/bench/bare/bare.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What a thread waits for. */
struct wait_set {
	unsigned int count;
	int *events;
	int epoll; /* -1: it reads events[0] */
};

struct bare_ping {
	struct wait_set doorbells, answers;
	pthread_t thread;
	bool has_thread;
	bool stopping;
};

/* Returns the index of an eventfd that had a count, which is taken; or -1. */
static int wait_for_one(const struct wait_set *set)
{
	struct epoll_event ready = { .data.u32 = 0 };
	uint64_t count;

	if (set->epoll >= 0 && epoll_wait(set->epoll, &ready, 1, -1) < 1)
		return -1;
	if (read(set->events[ready.data.u32], &count, sizeof(count)) != sizeof(count))
		return -1;
	return (int)ready.data.u32;
}

static int add_one(int event)
{
	const uint64_t one = 1;

	return write(event, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

static void *answer_all(void *argument)
{
	struct bare_ping *ping = argument;

	for (;;) {
		if (wait_for_one(&ping->doorbells) < 0 ||
		    __atomic_load_n(&ping->stopping, __ATOMIC_ACQUIRE))
			return NULL;
		add_one(ping->answers.events[0]);
	}
}

int bare_ping_ring(struct bare_ping *ping, unsigned int doorbell)
{
	if (add_one(ping->doorbells.events[doorbell]) != 0)
		return -1;
	return wait_for_one(&ping->answers) < 0 ? -1 : 0;
}

static int add_event(struct wait_set *set, unsigned int index, bool blocking)
{
	struct epoll_event readable = { .events = EPOLLIN, .data.u32 = index };

	set->events[index] = eventfd(0, EFD_CLOEXEC | (blocking ? 0 : EFD_NONBLOCK));
	if (set->events[index] < 0)
		return -1;
	set->count = index + 1;
	return blocking ? 0 : epoll_ctl(set->epoll, EPOLL_CTL_ADD, set->events[index], &readable);
}

static int open_set(struct wait_set *set, unsigned int count, bool blocking)
{
	set->events = calloc(count, sizeof(*set->events));
	if (!set->events)
		return -1;
	set->epoll = blocking ? -1 : epoll_create1(EPOLL_CLOEXEC);
	while (set->count < count)
		if (add_event(set, set->count, blocking) != 0)
			return -1;
	return 0;
}

static void close_set(struct wait_set *set)
{
	while (set->count > 0)
		close(set->events[--set->count]);
	if (set->epoll >= 0)
		close(set->epoll);
	free(set->events);
}

static int start_thread(struct bare_ping *ping, int cpu)
{
	cpu_set_t cpus;

	errno = pthread_create(&ping->thread, NULL, answer_all, ping);
	if (errno)
		return -1;
	ping->has_thread = true;
	if (cpu < 0)
		return 0;
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	errno = pthread_setaffinity_np(ping->thread, sizeof(cpus), &cpus);
	return errno ? -1 : 0;
}

struct bare_ping *bare_ping_create(unsigned int doorbells, int far_cpu, bool blocking)
{
	struct bare_ping *ping = calloc(1, sizeof(*ping));

	if (!ping)
		return NULL;
	ping->doorbells.epoll = ping->answers.epoll = -1;
	if (open_set(&ping->doorbells, doorbells, blocking) == 0 &&
	    open_set(&ping->answers, 1, blocking) == 0 && start_thread(ping, far_cpu) == 0)
		return ping;
	bare_ping_destroy(ping);
	return NULL;
}

void bare_ping_destroy(struct bare_ping *ping)
{
	const int why = errno;

	if (!ping)
		return;
	if (ping->has_thread) {
		__atomic_store_n(&ping->stopping, true, __ATOMIC_RELEASE);
		add_one(ping->doorbells.events[0]);
		pthread_join(ping->thread, NULL);
	}
	close_set(&ping->doorbells);
	close_set(&ping->answers);
	free(ping);
	errno = why;
}
