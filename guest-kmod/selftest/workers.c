// SPDX-License-Identifier: GPL-2.0-only
/* From kick to doorbell, by each worker. The counters show it, so no device is needed. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "selftest.h"

static void ring(void)
{
	int fd = claimed();

	for (uint64_t i = 1; i <= 100; i++) {
		EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
		EXPECT(doorbells(fd) == i);
	}
	EXPECT(info(fd).kicks == 0);
}

static void kick_rings(uint32_t worker)
{
	int fd = claimed(), kick = new_eventfd(0);

	EXPECT(set_kick(fd, kick, worker) == 0);
	EXPECT(info(fd).worker == worker);
	for (uint64_t i = 1; i <= 200; i++) {
		if (i % 2)
			ring_eventfd(kick, 3);
		else
			EXPECT(ioctl(fd, BELLWIRE_KICK) == 0);
		EXPECT_SOON(info(fd).kicks == i && doorbells(fd) == i);
	}
	EXPECT(drained(kick));
}

static void read_rings(void)
{
	kick_rings(BELLWIRE_WORKER_READ);
}
static void poll_rings(void)
{
	kick_rings(BELLWIRE_WORKER_POLL);
}
static void callback_rings(void)
{
	kick_rings(BELLWIRE_WORKER_CALLBACK);
}

/* The callback has rung before the write returns. */
static void callback_is_at_once(void)
{
	int fd = claimed(), kick = new_eventfd(0);

	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_CALLBACK) == 0);
	ring_eventfd(kick, 1);
	EXPECT(doorbells(fd) == 1);
}

static void pending_count(void)
{
	for (uint32_t worker = FIRST; worker <= LAST; worker++) {
		int fd = claimed(), kick = new_eventfd(0);

		ring_eventfd(kick, 5);
		EXPECT(set_kick(fd, kick, worker) == 0);
		EXPECT_SOON(doorbells(fd) == 1 && drained(kick));
		close(fd);
	}
}

static void semaphore(void)
{
	for (uint32_t worker = FIRST; worker <= LAST; worker++) {
		int fd = claimed(), kick = new_eventfd(EFD_SEMAPHORE);

		EXPECT(set_kick(fd, kick, worker) == 0);
		ring_eventfd(kick, 0); /* wakes nobody, or without effect */
		ring_eventfd(kick, 1);
		EXPECT_SOON(doorbells(fd) == 1);
		EXPECT(drained(kick));
		close(fd);
	}
}

static void full_count(void)
{
	for (uint32_t worker = FIRST; worker <= LAST; worker++) {
		int fd = claimed(), kick = new_eventfd(0);

		ring_eventfd(kick, UINT64_MAX - 1);
		EXPECT(set_kick(fd, kick, worker) == 0);
		EXPECT_SOON(doorbells(fd) == 1 && drained(kick));
		close(fd);
	}
}

/* The same eventfd may ring more than one queue: each count rings one. */
static void shared_eventfd(void)
{
	int first = claimed(), second = open_device(O_RDWR), kick = new_eventfd(0);

	if (claim(second, BELLWIRE_ANY_QUEUE) < 0)
		skip("the device has only one queue");
	EXPECT(set_kick(first, kick, BELLWIRE_WORKER_POLL) == 0);
	EXPECT(set_kick(second, kick, BELLWIRE_WORKER_CALLBACK) == 0);
	for (uint64_t i = 1; i <= 50; i++) {
		ring_eventfd(kick, 1);
		EXPECT_SOON(doorbells(first) + doorbells(second) == i);
	}
}

static void closed_eventfd_still_kicks(void)
{
	for (uint32_t worker = FIRST; worker <= LAST; worker++) {
		int fd = claimed(), kick = new_eventfd(0);

		EXPECT(set_kick(fd, kick, worker) == 0);
		close(kick);
		EXPECT(ioctl(fd, BELLWIRE_KICK) == 0);
		EXPECT_SOON(doorbells(fd) == 1);
		close(fd);
	}
}

static void made_nonblocking_later(void)
{
	int fd = claimed(), kick = new_eventfd(0);

	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_READ) == 0);
	EXPECT(fcntl(kick, F_SETFL, O_NONBLOCK) == 0);
	for (uint64_t i = 1; i <= 5; i++) {
		ring_eventfd(kick, 1);
		EXPECT_SOON(doorbells(fd) == i);
	}
	EXPECT(set_kick(fd, -1, BELLWIRE_WORKER_NONE) == 0);
}

static void no_worker_no_ring(void)
{
	int fd = claimed(), kick = new_eventfd(0);

	for (uint32_t worker = FIRST; worker <= LAST; worker++) {
		EXPECT(set_kick(fd, kick, worker) == 0);
		EXPECT(set_kick(fd, -1, BELLWIRE_WORKER_NONE) == 0);
		ring_eventfd(kick, 1);
		pause_ms(5);
		EXPECT(info(fd).doorbells == 1);
		EXPECT(!drained(kick));
		EXPECT(read(kick, &(uint64_t){ 0 }, 8) == 8);
	}
}

/* Whether a process has this name; the kernel's threads are such. */
static bool thread_exists(const char *name)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	bool found = false;

	EXPECT(processes);
	while (!found && (entry = readdir(processes))) {
		char path[300], comm[64];

		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		int fd = open(path, O_RDONLY);
		ssize_t length = fd < 0 ? 0 : read(fd, comm, sizeof(comm) - 1);

		if (fd >= 0)
			close(fd);
		found = length > 0 && !strncmp(comm, name, length - 1) && !name[length - 1];
	}
	closedir(processes);
	return found;
}

static void threads(void)
{
	int fd = open_device(O_RDWR), kick = new_eventfd(0);
	char name[32];

	EXPECT(claim(fd, 0) == 0);
	snprintf(name, sizeof(name), "bellwire/%s:0", strpbrk(options.device, "0123456789"));
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_READ) == 0 && thread_exists(name));
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_POLL) == 0 && thread_exists(name));
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_CALLBACK) == 0);
	EXPECT_SOON(!thread_exists(name)); /* kthread_stop() returns before it has left /proc */
}

static void every_queue_at_once(void)
{
	int fds[BELLWIRE_MAX_QUEUES], kicks[BELLWIRE_MAX_QUEUES];
	uint32_t queues = info(open_device(O_RDWR)).queues;

	for (uint32_t i = 0; i < queues; i++) {
		fds[i] = claimed();
		kicks[i] = new_eventfd(0);
		EXPECT(set_kick(fds[i], kicks[i], FIRST + i % LAST) == 0);
	}
	for (uint32_t i = 0; i < queues; i++)
		for (uint32_t n = 0; n < i + 1; n++) {
			ring_eventfd(kicks[i], 1);
			EXPECT_SOON(doorbells(fds[i]) == n + 1);
		}
	for (uint32_t i = 0; i < queues; i++)
		EXPECT(doorbells(fds[i]) == i + 1);
}

const struct test worker_tests[] = {
	{ "the ring command rings once each time", ring, 0 },
	{ "worker read: a kick rings, written or by command", read_rings, 0 },
	{ "worker poll: a kick rings, written or by command", poll_rings, 0 },
	{ "worker callback: a kick rings, written or by command", callback_rings, 0 },
	{ "worker callback: rings before the write returns", callback_is_at_once, 0 },
	{ "a count that stands in the eventfd rings at once", pending_count, 0 },
	{ "semaphore eventfds ring", semaphore, 0 },
	{ "a full eventfd rings", full_count, 0 },
	{ "one eventfd, two queues: each count rings once", shared_eventfd, 0 },
	{ "the kick command works after the eventfd was closed", closed_eventfd_still_kicks, 0 },
	{ "worker read: still rings if the eventfd is made non-blocking later",
	  made_nonblocking_later, 0 },
	{ "without a worker nobody takes the count", no_worker_no_ring, 0 },
	{ "read and poll have a thread of their own, callback has none", threads, 0 },
	{ "all queues at once, each its own doorbells", every_queue_at_once, 0 },
	{ 0 },
};
