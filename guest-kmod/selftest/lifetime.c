// SPDX-License-Identifier: GPL-2.0-only
/* Closing in any order, what remains visible afterwards, and loading and unloading of the module.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "selftest.h"

/* The four resources that a process holds, and how it drops each. */
struct holdings {
	int fd, call, kick;
	struct bellwire_queue_control *map;
};

static void drop_file(struct holdings *all)
{
	close(all->fd);
}
static void drop_call(struct holdings *all)
{
	close(all->call);
}
static void drop_kick(struct holdings *all)
{
	close(all->kick);
}
static void drop_map(struct holdings *all)
{
	munmap(all->map, sizeof(*all->map));
}

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
	static const char *const events[] = { "kick", "doorbell", "interrupt",
					      "call", "claim",    "release" };
	char path[128];

	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL);
	for (unsigned int i = 0; i < sizeof(events) / sizeof(*events); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/tracing/events/bellwire/%s/enable",
			 events[i]);
		EXPECT(access(path, W_OK) == 0);
	}
}

static void removal_refused(void)
{
	int fd = open_device(O_RDWR);

	EXPECT(!remove_module() && errno == EAGAIN);
	unbind();
	EXPECT(!remove_module() && errno == EAGAIN);
	close(fd);
	EXPECT(remove_module());
}

static void module_20_times(void)
{
	for (int i = 0; i < 20; i++) {
		int fd = claimed();

		EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
		close(fd);
		EXPECT(remove_module());
		EXPECT(access(options.device, F_OK) != 0);
		EXPECT(insert_module());
	}
}

static bool is_card(void)
{
	unsigned int id = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/misc/%s/device/device",
		 strrchr(options.device, '/') + 1);
	file = fopen(path, "r");
	EXPECT(file && fscanf(file, "%x", &id) == 1);
	fclose(file);
	return id == BELLWIRE_CARD_ID;
}

/* The number is in the memory, so a new module continues from the old one's. */
static void generation_outlives_module(void)
{
	struct bellwire_claim claim = { 0 };
	uint32_t first;
	int fd;

	if (is_card())
		skip("a card's memory is its driver's, and goes with it");
	fd = open_device(O_RDWR);
	EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
	first = claim.generation;
	unbind();
	close(fd);
	EXPECT(remove_module() && insert_module());
	fd = open_device(O_RDWR);
	claim = (struct bellwire_claim){ 0 };
	EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
	EXPECT((int32_t)(claim.generation - first) > 0 && claim.generation & 1);
}

const struct test lifetime_tests[] = {
	{ "file, mapping, call and kick may be closed in any order", any_order, 0 },
	{ "debugfs shows the owner; totals outlive it", debugfs, 0 },
	{ "the tracepoints are there", tracepoints, 0 },
	{ "rmmod is refused while a file is open", removal_refused, 0 },
	{ "rmmod and insmod, 20 times", module_20_times, 300 },
	{ "the generation goes on after the module was removed", generation_outlives_module, 0 },
	{ 0 },
};
