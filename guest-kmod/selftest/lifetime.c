// SPDX-License-Identifier: GPL-2.0-only
/* Close in any order, unbind under use, and the module's coming and going. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

/* The four things that a process holds, and how it drops each. */
struct holdings {
	int fd, call, kick;
	struct bellwire_queue_control *map;
};

static void drop_file(struct holdings *all) { close(all->fd); }
static void drop_call(struct holdings *all) { close(all->call); }
static void drop_kick(struct holdings *all) { close(all->kick); }
static void drop_map(struct holdings *all) { munmap(all->map, sizeof(*all->map)); }

static void (*const drops[])(struct holdings *) = { drop_file, drop_call, drop_kick, drop_map };

static void hold(struct holdings *all, uint32_t worker)
{
	all->fd = open_device(O_RDWR);
	EXPECT(claim(all->fd, 0) == 0);
	all->call = new_eventfd(0);
	all->kick = new_eventfd(0);
	EXPECT(set_call(all->fd, all->call) == 0);
	EXPECT(set_kick(all->fd, all->kick, worker) == 0);
	all->map = map_queue(all->fd);
	ring_eventfd(all->kick, 1);
}

static void drop_in_order(int order, uint32_t worker)
{
	struct holdings all;
	unsigned int left = 0xf;

	hold(&all, worker);
	for (int choices = 4; choices > 0; order /= choices--) {
		int choice = order % choices, which = 0;

		for (;; which++)
			if (left & 1u << which && choice-- == 0)
				break;
		left &= ~(1u << which);
		drops[which](&all);
	}
}

static void any_order(void)
{
	for (int order = 0; order < 24; order++)
		for (uint32_t worker = 1; worker <= BELLWIRE_WORKER_CALLBACK; worker++)
			drop_in_order(order, worker);
	EXPECT(info(open_device(O_RDWR)).queues_free == info(open_device(O_RDWR)).queues);
}

static void debugfs(void)
{
	int fd = open_device(O_RDWR), kick = new_eventfd(0);
	unsigned int queue, pid, generation;
	long long kicks, doorbells, before;
	char line[256], worker[16];

	debugfs_line(0, line, sizeof(line));
	EXPECT(sscanf(line, "%u %u %15s %u %lld", &queue, &pid, worker, &generation, &before) == 5);
	EXPECT(pid == 0 && !strcmp(worker, "none") && generation % 2 == 0);

	EXPECT(claim(fd, 0) == 0 && set_kick(fd, kick, BELLWIRE_WORKER_CALLBACK) == 0);
	ring_eventfd(kick, 1);
	debugfs_line(0, line, sizeof(line));
	EXPECT(sscanf(line, "%u %u %15s %u %lld", &queue, &pid, worker, &generation, &kicks) == 5);
	EXPECT(pid == (unsigned int)getpid() && !strcmp(worker, "callback") && generation % 2 == 1);
	EXPECT(kicks == before + 1);

	close(fd);
	debugfs_line(0, line, sizeof(line));
	EXPECT(sscanf(line, "%*u %u %*s %u %lld %lld", &pid, &generation, &kicks, &doorbells) == 4);
	EXPECT(pid == 0 && generation % 2 == 0 && kicks == before + 1 && doorbells > kicks);
}

static void tracepoints(void)
{
	static const char *const events[] = { "kick", "doorbell", "interrupt", "call", "claim", "release" };
	char path[128];

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	for (unsigned int i = 0; i < sizeof(events) / sizeof(*events); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/tracing/events/bellwire/%s/enable", events[i]);
		EXPECT(access(path, W_OK) == 0);
	}
}

/* Two waiters for the moment of unbind. */
static void *blocked_read(void *fd)
{
	uint64_t count;

	while (read(*(int *)fd, &count, sizeof(count)) == sizeof(count))
		; /* interrupts from before */
	EXPECT(errno == ENODEV);
	return NULL;
}

static void *blocked_poll(void *fd)
{
	struct pollfd entry = { .fd = *(int *)fd };

	EXPECT(poll(&entry, 1, 5000) == 1 && entry.revents == (POLLHUP | POLLERR));
	return NULL;
}

static void unbind_wakes(void)
{
	int fds[2] = { claimed(), open_device(O_RDWR) };
	pthread_t threads[3];

	pthread_create(&threads[0], NULL, blocked_read, &fds[0]);
	pthread_create(&threads[1], NULL, blocked_poll, &fds[0]);
	pthread_create(&threads[2], NULL, blocked_poll, &fds[1]); /* has no queue */
	pause_ms(20);
	unbind();
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static void unbound_calls(void)
{
	int fd = claimed(), kick = new_eventfd(0);
	uint64_t count;

	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_READ) == 0);
	unbind();
	EXPECT(access(options.device, F_OK) != 0);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_CLAIM, &(struct bellwire_claim){ 0 }), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_RESET, &(struct bellwire_claim){ 0 }), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_INFO, &(struct bellwire_info){ 0 }), ENODEV);
	EXPECT_ERROR(set_call(fd, -1), ENODEV);
	EXPECT_ERROR(set_kick(fd, kick, BELLWIRE_WORKER_POLL), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_KICK), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_RING), ENODEV);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_CLAIM, NULL), ENODEV);
	EXPECT_ERROR(ioctl(fd, _IO(0xbe, 0x7f)), ENODEV);
	EXPECT_ERROR(read(fd, &count, sizeof(count)), ENODEV);
	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	ring_eventfd(kick, 1); /* nobody waits for it now */
}

static sigjmp_buf bus_error;

static void on_bus_error(int signal)
{
	siglongjmp(bus_error, signal);
}

static bool touch_fails(volatile char *at)
{
	if (sigsetjmp(bus_error, 1))
		return true;
	*at = 1;
	return false;
}

static void unbound_mapping(void)
{
	int fd = claimed();
	volatile char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	EXPECT(map != MAP_FAILED);
	signal(SIGBUS, on_bus_error);
	EXPECT(!touch_fails(map + 4095)); /* the second page isn't there yet */
	unbind();
	EXPECT(touch_fails(map + 4095));
	EXPECT(touch_fails(map + 4096));
	bind();
	EXPECT(touch_fails(map));
}

static void rebind(void)
{
	int old = claimed(), fd;

	for (int i = 0; i < 5; i++) {
		unbind();
		bind();
		fd = open_device(O_RDWR);
		EXPECT(info(fd).queues_free == info(fd).queues);
		EXPECT(claim(fd, 0) == 0);
		EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
		EXPECT_ERROR(ioctl(old, BELLWIRE_RING), ENODEV);
		close(old);
		old = fd;
	}
}

static void *ring_until_gone(void *fd)
{
	while (ioctl(*(int *)fd, BELLWIRE_RING) == 0)
		;
	EXPECT(errno == ENODEV);
	return NULL;
}

/* Of an eventfd with a worker, whose rings come to nothing in the end. */
static void *kick_until_gone(void *fd)
{
	while (ioctl(*(int *)fd, BELLWIRE_KICK) == 0)
		;
	EXPECT(errno == ENODEV);
	return NULL;
}

static void unbind_under_traffic(void)
{
	for (uint32_t round = 0; round < 12; round++) {
		int fd = claimed(), kick = new_eventfd(0);
		pthread_t ringer, kicker;

		EXPECT(set_kick(fd, kick, 1 + round % BELLWIRE_WORKER_CALLBACK) == 0);
		pthread_create(&ringer, NULL, ring_until_gone, &fd);
		pthread_create(&kicker, NULL, kick_until_gone, &fd);
		pause_ms(5 + round);
		unbind();
		pthread_join(ringer, NULL);
		pthread_join(kicker, NULL);
		close(kick);
		close(fd);
		bind();
	}
}

/* The page is taken back from whoever just maps and touches it, too. */
static void *map_until_gone(void *fd)
{
	for (;;) {
		volatile char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, *(int *)fd, 0);

		if (map == MAP_FAILED)
			break;
		munmap((void *)map, 4096);
	}
	EXPECT(errno == ENODEV);
	return NULL;
}

static void unbind_under_mmap(void)
{
	for (int round = 0; round < 10; round++) {
		int fd = claimed();
		pthread_t threads[2];

		for (int i = 0; i < 2; i++)
			pthread_create(&threads[i], NULL, map_until_gone, &fd);
		pause_ms(3);
		unbind();
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		close(fd);
		bind();
	}
}

static void removal_refused(void)
{
	int fd = open_device(O_RDWR);

	EXPECT_ERROR(remove_module(), EAGAIN);
	unbind();
	EXPECT_ERROR(remove_module(), EAGAIN);
	close(fd);
	EXPECT(remove_module() == 0);
}

static void module_20_times(void)
{
	for (int i = 0; i < 20; i++) {
		int fd = claimed();

		EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
		close(fd);
		EXPECT(remove_module() == 0);
		EXPECT(access(options.device, F_OK) != 0);
		EXPECT(insert_module() == 0);
	}
}

/* The number is in the memory, so a new module goes on from the old one's. */
static void generation_outlives_module(void)
{
	struct bellwire_claim claim = { 0 };
	uint32_t first;
	int fd = open_device(O_RDWR);

	EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
	first = claim.generation;
	unbind();
	close(fd);
	EXPECT(remove_module() == 0 && insert_module() == 0);
	fd = open_device(O_RDWR);
	claim = (struct bellwire_claim){ 0 };
	EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
	EXPECT((int32_t)(claim.generation - first) > 0 && claim.generation & 1);
}

const struct test lifetime_tests[] = {
	{ "file, mapping, call and kick may be closed in any order", any_order, 0 },
	{ "debugfs shows the owner; totals outlive it", debugfs, 0 },
	{ "the tracepoints are there", tracepoints, 0 },
	{ "unbind wakes those who read and poll", unbind_wakes, 0 },
	{ "after unbind every call is ENODEV", unbound_calls, 0 },
	{ "after unbind a touch of the mapping is SIGBUS", unbound_mapping, 0 },
	{ "it can be bound again, with old files open", rebind, 0 },
	{ "unbind under traffic, with each worker", unbind_under_traffic, 60 },
	{ "unbind while others map", unbind_under_mmap, 60 },
	{ "rmmod is refused while a file is open", removal_refused, 0 },
	{ "rmmod and insmod, 20 times", module_20_times, 60 },
	{ "the generation goes on after the module was removed", generation_outlives_module, 0 },
	{ 0 },
};
