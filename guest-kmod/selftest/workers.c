// SPDX-License-Identifier: GPL-2.0-only
/* Kick to doorbell, by each worker. The counters tell, so no device is needed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

enum { FIRST = BELLWIRE_WORKER_READ, LAST = BELLWIRE_WORKER_CALLBACK };

static bool drained(int eventfd)
{
	return poll(&(struct pollfd){ .fd = eventfd, .events = POLLIN }, 1, 0) == 0;
}

/* A claim rings once by itself. */
static uint64_t doorbells(int fd)
{
	return info(fd).doorbells - 1;
}

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

static void read_rings(void) { kick_rings(BELLWIRE_WORKER_READ); }
static void poll_rings(void) { kick_rings(BELLWIRE_WORKER_POLL); }
static void callback_rings(void) { kick_rings(BELLWIRE_WORKER_CALLBACK); }

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
		ring_eventfd(kick, 0); /* wakes nobody, or in vain */
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
		skip("the device has but one queue");
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

/* Names of this module's threads, from /proc; -1 if there is no such. */
static bool thread_exists(const char *name)
{
	char path[64], comm[64];

	for (int pid = 2; pid < 32768; pid++) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		int fd = open(path, O_RDONLY);
		ssize_t length = fd < 0 ? 0 : read(fd, comm, sizeof(comm) - 1);

		if (fd >= 0)
			close(fd);
		if (length > 0 && !strncmp(comm, name, length - 1) && !name[length - 1])
			return true;
	}
	return false;
}

static void threads(void)
{
	int fd = open_device(O_RDWR), kick = new_eventfd(0);
	char name[32];

	EXPECT(claim(fd, 0) == 0);
	snprintf(name, sizeof(name), "bellwire/%s:0", strpbrk(options.device, "0123456789"));
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_READ) == 0 && thread_exists(name));
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_POLL) == 0 && thread_exists(name));
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_CALLBACK) == 0 && !thread_exists(name));
}

/* Writers and those who replace workers run against each other here. */
static struct race {
	int fd, eventfd;
	volatile bool over;
} race;

static void *replace_workers(void *unused)
{
	for (uint32_t i = 0; !race.over; i++)
		EXPECT(set_kick(race.fd, race.eventfd, FIRST + i % LAST) == 0);
	return unused;
}

static void replaced_under_traffic(void)
{
	pthread_t thread;

	race.fd = claimed();
	race.eventfd = new_eventfd(0);
	EXPECT(set_kick(race.fd, race.eventfd, FIRST) == 0);
	EXPECT(pthread_create(&thread, NULL, replace_workers, NULL) == 0);
	for (int i = 0; i < 2000; i++) {
		uint64_t before = info(race.fd).doorbells;

		ring_eventfd(race.eventfd, 1);
		EXPECT_SOON(info(race.fd).doorbells > before && drained(race.eventfd));
	}
	race.over = true;
	pthread_join(thread, NULL);
}

/*
 * A count that has gone has rung; one that hasn't is there for the next worker.
 * On one CPU the real-time policy makes kick and stop reach the thread as one.
 */
static void stopped_at_once(void)
{
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	for (uint32_t i = 0; i < 900; i++) {
		int fd = claimed(), kick = new_eventfd(0);
		uint64_t kicks;

		EXPECT(set_kick(fd, kick, FIRST + i % LAST) == 0);
		if (i % 2)
			yield(); /* its thread sleeps by now, or hasn't begun */
		ring_eventfd(kick, 1);
		EXPECT(set_kick(fd, -1, BELLWIRE_WORKER_NONE) == 0);
		kicks = info(fd).kicks;
		EXPECT(kicks == drained(kick) && doorbells(fd) == kicks);
		close(kick);
		close(fd);
	}
}

static long open_files(void)
{
	FILE *file = fopen("/proc/sys/fs/file-nr", "re");
	long count;

	EXPECT(file && fscanf(file, "%ld", &count) == 1);
	fclose(file);
	return count;
}

/* The kernel's count is exact to some dozen a CPU. */
static void no_leak(void)
{
	int fd = claimed();
	long before = open_files();

	for (uint32_t i = 0; i < 3000; i++) {
		int kick = new_eventfd(0), call = new_eventfd(0);

		EXPECT(set_kick(fd, kick, FIRST + i % LAST) == 0);
		EXPECT_ERROR(set_kick(fd, kick, BELLWIRE_WORKER_NONE), EINVAL);
		EXPECT(set_call(fd, call) == 0);
		close(kick);
		close(call);
	}
	EXPECT(open_files() < before + 1000);
}

static void *steal_counts(void *unused)
{
	uint64_t count;

	while (!race.over)
		if (poll(&(struct pollfd){ .fd = race.eventfd, .events = POLLIN }, 1, 1) > 0)
			EXPECT(read(race.eventfd, &count, sizeof(count)) == sizeof(count) || errno == EINTR);
	return unused;
}

/* A read worker that was woken for a count that is gone sleeps again; it must still end. */
static void stolen_under_stop(void)
{
	pthread_t thief;

	race.fd = claimed();
	race.eventfd = new_eventfd(0);
	EXPECT(pthread_create(&thief, NULL, steal_counts, NULL) == 0);
	for (int i = 0; i < 300; i++) {
		EXPECT(set_kick(race.fd, race.eventfd, BELLWIRE_WORKER_READ) == 0);
		ring_eventfd(race.eventfd, 1);
		EXPECT(set_kick(race.fd, -1, BELLWIRE_WORKER_NONE) == 0);
	}
	race.over = true;
	ring_eventfd(race.eventfd, 1); /* should the thief have been robbed */
	pthread_join(thief, NULL);
}

static void killed_with_worker(uint32_t worker)
{
	int fd = open_device(O_RDWR);
	pid_t pid = fork();

	if (pid == 0) {
		int own = open_device(O_RDWR), kick = new_eventfd(0);

		claim(own, 0);
		map_queue(own);
		set_kick(own, kick, worker);
		for (;;)
			ring_eventfd(kick, 1);
	}
	EXPECT_SOON(info(fd).queues_free == info(fd).queues - 1);
	pause_ms(20);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT(info(fd).queues_free == info(fd).queues);
	EXPECT(claim(fd, 0) == 0);
	close(fd);
}

static void killed(void)
{
	for (uint32_t worker = FIRST; worker <= LAST; worker++)
		killed_with_worker(worker);
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
	{ "worker read: still rings if the eventfd is made non-blocking later", made_nonblocking_later, 0 },
	{ "without a worker nobody takes the count", no_worker_no_ring, 0 },
	{ "read and poll have a thread of their own, callback has none", threads, 0 },
	{ "no kick is lost while workers are replaced under traffic", replaced_under_traffic, 60 },
	{ "a worker that is stopped right after a kick has rung or left it", stopped_at_once, 60 },
	{ "workers and eventfds that were replaced are gone", no_leak, 60 },
	{ "worker read: ends though its count is stolen", stolen_under_stop, 60 },
	{ "a process killed under traffic leaves its queue free", killed, 0 },
	{ "all queues at once, each its own doorbells", every_queue_at_once, 0 },
	{ 0 },
};
