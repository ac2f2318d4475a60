// SPDX-License-Identifier: GPL-2.0-only
/* The PCI device is reset, by sysfs, while files of it are open, mapped, waited for and rung. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

static void reset_pci(void)
{
	if (!reset_device())
		skip("the kernel has no way to reset this device at its place");
}

static void *read_once(void *fd)
{
	uint64_t count = 0;

	EXPECT(read(*(int *)fd, &count, sizeof(count)) == sizeof(count) && count);
	return NULL;
}

static void *poll_once(void *fd)
{
	struct pollfd entry = { .fd = *(int *)fd, .events = POLLIN };

	EXPECT(poll(&entry, 1, 30000) == 1 && entry.revents == POLLIN);
	return NULL;
}

/* An interrupt during a reset is lost, so waiters are woken afterwards and check again. */
static void waiters_wake(void)
{
	int polled = quiet(0), fd = quiet(0), call = new_eventfd(0);
	pthread_t threads[3];

	EXPECT(set_call(fd, call) == 0);
	pthread_create(&threads[0], NULL, read_once, &fd);
	pthread_create(&threads[1], NULL, poll_once, &polled);
	pthread_create(&threads[2], NULL, poll_once, &call);
	pause_ms(50); /* they sleep */
	reset_pci();
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void nothing_else_changes(void)
{
	int fd = quiet(O_NONBLOCK), kick = new_eventfd(0);
	struct bellwire_queue_control *map = map_queue(fd);
	struct bellwire_info before = info(fd);
	uint64_t count;

	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_CALLBACK) == 0);
	reset_pci();
	EXPECT(info(fd).generation == before.generation && info(fd).queue == before.queue);
	EXPECT(map->driver.generation == before.generation);
	EXPECT_SOON(map->status.generation == before.generation);
	EXPECT_SOON(read(fd, &count, sizeof(count)) == sizeof(count));
	ring_eventfd(kick, 1);
	EXPECT_SOON(info(fd).kicks == before.kicks + 1);
	reset(fd); /* and it answers */
	EXPECT_SOON(map->status.generation == info(fd).generation);
}

static struct traffic {
	int fd, kick;
	uint64_t kicks;
	volatile bool over;
} traffic;

/* Of the last page of the queue, which is payload: each word must be as it was written. */
static void *write_all_the_time(void *size)
{
	volatile uint64_t *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, traffic.fd,
				       *(uint64_t *)size - 4096);

	EXPECT(page != MAP_FAILED);
	page[0] = 0;
	for (uint64_t i = 0; !traffic.over; i++) {
		EXPECT(page[0] == i);
		page[0] = i + 1;
	}
	return NULL;
}

static void *kick_all_the_time(void *unused)
{
	for (; !traffic.over; traffic.kicks++) {
		ring_eventfd(traffic.kick, 1);
		EXPECT(ioctl(traffic.fd, BELLWIRE_RING) == 0);
		EXPECT(info(traffic.fd).queue == 0);
	}
	return unused;
}

static void reset_under_traffic(void)
{
	uint64_t size = map_size();
	pthread_t threads[2];

	traffic.fd = open_device(O_RDWR);
	traffic.kick = new_eventfd(0);
	EXPECT(claim(traffic.fd, 0) == 0);
	EXPECT(set_kick(traffic.fd, traffic.kick, BELLWIRE_WORKER_POLL) == 0);
	pthread_create(&threads[0], NULL, write_all_the_time, &size);
	pthread_create(&threads[1], NULL, kick_all_the_time, NULL);
	for (int i = 0; i < 3; i++) {
		pause_ms(20);
		reset_pci();
	}
	traffic.over = true;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	EXPECT_SOON(drained(traffic.kick));
	EXPECT(traffic.kicks > 0 && info(traffic.fd).kicks > 0);
}

/* Files come and go meanwhile, and queues with them. */
static void *claim_all_the_time(void *unused)
{
	while (!traffic.over)
		close(claimed());
	return unused;
}

static void under_claims(void)
{
	pthread_t thread;
	int fd;

	pthread_create(&thread, NULL, claim_all_the_time, NULL);
	for (int i = 0; i < 3; i++)
		reset_pci();
	traffic.over = true;
	pthread_join(thread, NULL);
	fd = open_device(O_RDWR);
	EXPECT(info(fd).queues_free == info(fd).queues);
}

static void unbound_after_it(void)
{
	int fd = claimed();

	reset_pci();
	unbind();
	EXPECT_ERROR(ioctl(fd, BELLWIRE_RING), ENODEV);
	bind();
	quiet(0);
}

const struct test reset_tests[] = {
	{ "a PCI reset wakes processes that read, poll and wait for the call", waiters_wake, 0 },
	{ "after a PCI reset queue, mapping and worker are as before", nothing_else_changes, 0 },
	{ "PCI resets under traffic lose no word and no kick", reset_under_traffic, 300 },
	{ "PCI resets while queues are claimed", under_claims, 300 },
	{ "after a PCI reset it can be unbound and bound", unbound_after_it, 0 },
	{ 0 },
};
