// SPDX-License-Identifier: GPL-2.0-only
/* Workers that are replaced, stopped and killed, or whose counts are taken by others, while kicks
 * come. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

/* Writers and threads that replace workers run against each other. */
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
	for (int i = 0; i < 1000; i++) {
		uint64_t before = info(race.fd).doorbells;

		ring_eventfd(race.eventfd, 1);
		EXPECT_SOON(info(race.fd).doorbells > before && drained(race.eventfd));
	}
	race.over = true;
	pthread_join(thread, NULL);
}

/*
 * A count that was taken has rung; one that was not is there for the next
 * worker. On one CPU the real-time policy makes kick and stop reach the thread
 * as one.
 */
static void stopped_at_once(void)
{
	sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){ .sched_priority = 1 });
	for (uint32_t i = 0; i < 300; i++) {
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

/* The kernel's count is exact to a few dozen per CPU. */
static void no_leak(void)
{
	int fd = claimed();
	long before = open_files();

	for (uint32_t i = 0; i < 1000; i++) {
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
			EXPECT(read(race.eventfd, &count, sizeof(count)) == sizeof(count) ||
			       errno == EINTR);
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
	ring_eventfd(race.eventfd, 1); /* if another thread took the count first */
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

const struct test race_tests[] = {
	{ "no kick is lost while workers are replaced under traffic", replaced_under_traffic, 300 },
	{ "a worker that is stopped right after a kick has rung or left it", stopped_at_once, 300 },
	{ "workers and eventfds that were replaced are gone", no_leak, 300 },
	{ "worker read: ends though its count is stolen", stolen_under_stop, 300 },
	{ "a process killed under traffic leaves its queue free", killed, 0 },
	{ 0 },
};
