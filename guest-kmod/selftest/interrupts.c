// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts, as read, poll and the call eventfd show them. They come from a
 * device, which answers each new generation with one.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "selftest.h"
#include "slow_buffer.h"

short poll_now(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };

	EXPECT(poll(&entry, 1, 0) >= 0);
	return entry.revents;
}

void reset(int fd)
{
	EXPECT(ioctl(fd, BELLWIRE_RESET, &(struct bellwire_claim){ 0 }) == 0);
}

int quiet(int flags)
{
	int fd = open_device(O_RDWR | flags);
	struct bellwire_queue_control *map;
	uint64_t count;

	EXPECT(claim(fd, BELLWIRE_ANY_QUEUE) >= 0);
	map = map_queue(fd);
	need_interrupt(fd);
	EXPECT_SOON(map->status.generation == map->driver.generation);
	pause_ms(20);
	EXPECT(read(fd, &count, sizeof(count)) == sizeof(count) && count >= 1);
	return fd;
}

static void read_counts(void)
{
	int fd = quiet(0);
	uint64_t count = 0, before = info(fd).interrupts;

	EXPECT(poll_now(fd) == 0);
	reset(fd);
	EXPECT(read(fd, &count, sizeof(count)) == sizeof(count));
	EXPECT(count >= 1 && count == info(fd).interrupts - before);
	EXPECT_ERROR(read(fd, &count, 7), EINVAL);
}

static void nonblocking_read(void)
{
	int fd = quiet(O_NONBLOCK);
	uint64_t count;

	EXPECT_ERROR(read(fd, &count, sizeof(count)), EAGAIN);
	reset(fd);
	EXPECT_SOON(poll_now(fd) == POLLIN);
	EXPECT(read(fd, &count, sizeof(count)) == sizeof(count));
	EXPECT(poll_now(fd) == 0);
}

static void bad_buffer_keeps_count(void)
{
	int fd = quiet(O_NONBLOCK);

	reset(fd);
	EXPECT_SOON(poll_now(fd) == POLLIN);
	EXPECT_ERROR(syscall(0 /* read */, fd, 8, 8), EFAULT);
	EXPECT(poll_now(fd) == POLLIN);
}

static void ignore(int signal)
{
	(void)signal;
}

static void interrupted_read(void)
{
	int fd = quiet(0);
	struct sigaction action = { .sa_handler = ignore };
	uint64_t count;

	sigaction(SIGALRM, &action, NULL);
	ualarm(20000, 0);
	EXPECT_ERROR(read(fd, &count, sizeof(count)), EINTR);
}

/* One more may come between two looks. */
static bool all_counted(int fd, int call, uint64_t *taken)
{
	uint64_t count;

	if (read(call, &count, sizeof(count)) == sizeof(count))
		*taken += count;
	return *taken > 0 && *taken == info(fd).calls;
}

static void call(void)
{
	int fd = quiet(0), call = new_eventfd(O_NONBLOCK);
	uint64_t count, taken = 0;

	EXPECT(set_call(fd, call) == 0);
	reset(fd);
	EXPECT_SOON(all_counted(fd, call, &taken));

	EXPECT(set_call(fd, -1) == 0);
	count = info(fd).interrupts;
	reset(fd);
	EXPECT_SOON(info(fd).interrupts > count);
	EXPECT(poll_now(call) == 0);
}

static void call_replaced(void)
{
	int fd = quiet(0), first = new_eventfd(0), second = new_eventfd(0);

	EXPECT(set_call(fd, first) == 0);
	EXPECT(set_call(fd, second) == 0);
	reset(fd);
	EXPECT_SOON(poll_now(second) == POLLIN);
	EXPECT(poll_now(first) == 0);
}

/* Each interrupt rings a doorbell, for which the device has nothing to do. */
static void call_is_kick(void)
{
	int fd = quiet(0), both = new_eventfd(0);
	uint64_t before = info(fd).doorbells;

	EXPECT(set_call(fd, both) == 0);
	EXPECT(set_kick(fd, both, BELLWIRE_WORKER_CALLBACK) == 0);
	reset(fd);
	EXPECT_SOON(info(fd).doorbells >= before + 2);
	EXPECT(set_kick(fd, -1, BELLWIRE_WORKER_NONE) == 0);
}

static void call_closed(void)
{
	int fd = quiet(0), call = new_eventfd(0);

	EXPECT(set_call(fd, call) == 0);
	close(call);
	reset(fd);
	EXPECT_SOON(info(fd).calls >= 1);
}

/* Its ring, and then its interrupt. */
static void recorded(void)
{
	int fd = quiet(0);
	struct bellwire_queue_control *map = map_queue(fd);
	const volatile __u64 *written = &map->sides[BELLWIRE_MODULE].written;
	uint64_t before = *written;

	__atomic_fetch_or(&map->recording.recording, BELLWIRE_HOST_RECORDS, __ATOMIC_SEQ_CST);
	reset(fd);
	EXPECT_SOON(*written >= before + 2);
	__atomic_fetch_and(&map->recording.recording, ~BELLWIRE_HOST_RECORDS, __ATOMIC_SEQ_CST);
}

static void every_vector(void)
{
	int fds[BELLWIRE_MAX_QUEUES];
	uint32_t queues = info(quiet(0)).queues;

	for (uint32_t i = 0; i + 1 < queues; i++) {
		fds[i] = claimed();
		EXPECT_SOON(info(fds[i]).interrupts >= 1);
	}
	for (uint32_t i = 0; i + 1 < queues; i++)
		EXPECT_SOON(poll_now(fds[i]) == POLLIN);
}

/* Readers that take turns: each interrupt is counted by one of them. */
static void *reader(void *fd)
{
	uint64_t count = 0;

	EXPECT(read(*(int *)fd, &count, sizeof(count)) == sizeof(count) && count);
	return NULL;
}

static void two_readers(void)
{
	int fd = quiet(0);
	pthread_t threads[2];
	uint64_t before = info(fd).interrupts;

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, reader, &fd);
	for (int i = 0; i < 4; i++, before = info(fd).interrupts) {
		reset(fd);
		EXPECT_SOON(info(fd).interrupts > before);
		pause_ms(5);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

struct reading {
	int fd;
	void *into;
};

static void *failing_reader(void *arguments)
{
	const struct reading *reading = arguments;

	EXPECT_ERROR(read(reading->fd, reading->into, 8), EFAULT);
	return NULL;
}

/* The one that fails has the count when the other one looks. */
static void failed_reader_wakes_another(void)
{
	struct slow_buffer buffer = slow_buffer();
	int fd = quiet(0);
	struct reading failing = { fd, buffer.page };
	pthread_t first, second;

	pthread_create(&first, NULL, failing_reader, &failing);
	reset(fd);
	slow_buffer_await(&buffer);
	EXPECT(poll_now(fd) == 0);
	pthread_create(&second, NULL, reader, &fd);
	pause_ms(100); /* it sleeps */
	slow_buffer_fail(&buffer);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
}

const struct test interrupt_tests[] = {
	{ "read waits for interrupts and counts them", read_counts, 0 },
	{ "a non-blocking read gives EAGAIN", nonblocking_read, 0 },
	{ "EFAULT of a read leaves the count", bad_buffer_keeps_count, 0 },
	{ "a signal interrupts a read", interrupted_read, 0 },
	{ "the call eventfd is signalled until it is removed", call, 0 },
	{ "a second call eventfd replaces the first", call_replaced, 0 },
	{ "call and kick may be the same eventfd", call_is_kick, 0 },
	{ "a call eventfd that the process closed is harmless", call_closed, 0 },
	{ "an interrupt is recorded", recorded, 0 },
	{ "every queue has its vector", every_vector, 0 },
	{ "two readers share the interrupts", two_readers, 0 },
	{ "a reader whose buffer faults wakes another", failed_reader_wakes_another, 0 },
	{ 0 },
};
