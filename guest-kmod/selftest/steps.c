// SPDX-License-Identifier: GPL-2.0-only
/* Slow motion: hops that are held, done one by one, done together, and forgotten. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "selftest.h"

static int step(int fd, uint32_t action, struct bellwire_step *answer)
{
	*answer = (struct bellwire_step){ .action = action };
	return ioctl(fd, BELLWIRE_STEP, answer);
}

static void act(int fd, uint32_t action)
{
	struct bellwire_step answer;

	EXPECT(step(fd, action, &answer) == 0);
}

static uint32_t held(int fd)
{
	struct bellwire_step answer;

	EXPECT(step(fd, BELLWIRE_STEP_SHOW, &answer) == 0);
	return answer.held;
}

static bool urgent(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLPRI }, 1, 0) == 1;
}

static void errors(void)
{
	int fd = open_device(O_RDWR);
	struct bellwire_step answer;

	EXPECT_ERROR(step(fd, BELLWIRE_STEP_SHOW, &answer), ENOTCONN);
	EXPECT(claim(fd, BELLWIRE_ANY_QUEUE) >= 0);
	EXPECT_ERROR(step(fd, BELLWIRE_STEP_OFF + 1, &answer), EINVAL);
	answer = (struct bellwire_step){ .reserved = 1 };
	EXPECT_ERROR(ioctl(fd, BELLWIRE_STEP, &answer), EINVAL);
	EXPECT(step(fd, BELLWIRE_STEP_NEXT, &answer) == 0 && answer.held == BELLWIRE_STAGES);
}

/* From now on its hops are held. Returns a kick eventfd that has a count of 1. */
static int kick_held(int fd, uint32_t worker)
{
	int kick = new_eventfd(0);

	EXPECT(set_kick(fd, kick, worker) == 0);
	act(fd, BELLWIRE_STEP_ON);
	ring_eventfd(kick, 1);
	return kick;
}

static int kicked(int *kick, uint32_t worker)
{
	int fd = quiet(0);

	*kick = kick_held(fd, worker);
	return fd;
}

static void kick_and_doorbell(uint32_t worker)
{
	int kick, fd = kicked(&kick, worker);
	uint64_t before = info(fd).doorbells;
	struct bellwire_step answer;

	EXPECT_SOON(held(fd) == BELLWIRE_KICKED);
	EXPECT(urgent(fd) && !drained(kick) && info(fd).kicks == 0);
	EXPECT(step(fd, BELLWIRE_STEP_NEXT, &answer) == 0);
	EXPECT(answer.held == BELLWIRE_KICKED && answer.line > 0);
	EXPECT(strcmp(answer.file, "worker.c") == 0 && strcmp(answer.function, "take_kick") == 0);

	EXPECT(held(fd) == BELLWIRE_RUNG && urgent(fd) && drained(kick));
	EXPECT(info(fd).kicks == 1 && info(fd).doorbells == before);
	EXPECT(step(fd, BELLWIRE_STEP_NEXT, &answer) == 0);
	EXPECT(strcmp(answer.file, "queue.c") == 0);
	EXPECT(strcmp(answer.function, "write_doorbell") == 0);
	EXPECT(held(fd) == BELLWIRE_STAGES && info(fd).doorbells == before + 1);
}

static void with_callback(void)
{
	kick_and_doorbell(BELLWIRE_WORKER_CALLBACK);
}

static void with_poll(void)
{
	kick_and_doorbell(BELLWIRE_WORKER_POLL);
}

static void with_read(void)
{
	int kick, fd = kicked(&kick, BELLWIRE_WORKER_READ);

	EXPECT_SOON(held(fd) == BELLWIRE_RUNG);
	EXPECT(drained(kick) && info(fd).kicks == 1);
}

/* The device answers a request, whatever was in its entry before. */
static void call_held(void)
{
	int fd = quiet(O_NONBLOCK), call = new_eventfd(0);
	volatile struct bellwire_queue_control *map = map_queue(fd);
	uint64_t before = info(fd).interrupts;

	EXPECT(set_call(fd, call) == 0);
	act(fd, BELLWIRE_STEP_ON);
	map->submit.submitted = 1;
	EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
	EXPECT(held(fd) == BELLWIRE_RUNG && map->complete.completed == 0);
	act(fd, BELLWIRE_STEP_NEXT);
	EXPECT_SOON(held(fd) == BELLWIRE_SIGNALLED);
	EXPECT(info(fd).interrupts > before && drained(call) && !(poll_now(fd) & POLLIN));
	act(fd, BELLWIRE_STEP_NEXT);
	EXPECT(!drained(call) && poll_now(fd) & POLLIN && held(fd) == BELLWIRE_STAGES);
}

/* Longer than the looks wait, so what was held is not recovered. */
static void nothing_recovered(void)
{
	int fd = quiet(0);
	volatile struct bellwire_queue_control *map = map_queue(fd);
	uint64_t before = info(fd).doorbells;

	map->submit.submitted = 1;
	act(fd, BELLWIRE_STEP_ON);
	EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
	pause_ms(3 * BELLWIRE_LOOK_MOST_MS);
	EXPECT(held(fd) == BELLWIRE_RUNG && info(fd).doorbells == before);
	act(fd, BELLWIRE_STEP_OFF);
	EXPECT_SOON(map->complete.completed == 1);
	EXPECT(info(fd).recovered_doorbells == 0 && info(fd).recovered_interrupts == 0);
}

static void off(void)
{
	int kick, fd = kicked(&kick, BELLWIRE_WORKER_CALLBACK);
	uint64_t before = info(fd).doorbells;

	act(fd, BELLWIRE_STEP_OFF);
	EXPECT(drained(kick) && info(fd).doorbells == before + 1 && held(fd) == BELLWIRE_STAGES);
	ring_eventfd(kick, 1);
	EXPECT(drained(kick) && info(fd).doorbells == before + 2);
}

static void closed(void)
{
	int fd = claimed(), kick = kick_held(fd, BELLWIRE_WORKER_CALLBACK);
	uint32_t queue = info(fd).queue;

	close(fd);
	EXPECT(!drained(kick)); /* nobody took it */
	fd = open_device(O_RDWR);
	EXPECT(claim(fd, queue) == (int)queue);
	EXPECT(held(fd) == BELLWIRE_STAGES && !urgent(fd));
	EXPECT(!(map_queue(fd)->recording.recording & BELLWIRE_GUEST_STEPS));
}

static void begun_anew(void)
{
	int kick, fd = kicked(&kick, BELLWIRE_WORKER_CALLBACK);

	reset(fd);
	EXPECT(held(fd) == BELLWIRE_STAGES);
	ring_eventfd(kick, 1); /* takes both */
	EXPECT(drained(kick) && info(fd).kicks == 1);
}

static void unbound(void)
{
	int kick, fd = kicked(&kick, BELLWIRE_WORKER_POLL);
	struct bellwire_step answer;

	unbind();
	EXPECT_ERROR(step(fd, BELLWIRE_STEP_NEXT, &answer), ENODEV);
}

static void unloaded(void)
{
	int fd = claimed(), kick = kick_held(fd, BELLWIRE_WORKER_CALLBACK);

	EXPECT(!remove_module()); /* it is in use */
	close(fd);
	EXPECT(remove_module());
	EXPECT(!drained(kick));
}

static void pci_reset(void)
{
	int kick, fd = kicked(&kick, BELLWIRE_WORKER_CALLBACK);

	if (!reset_device())
		skip("the kernel has no way to reset this device at its place");
	EXPECT(held(fd) == BELLWIRE_STAGES);
	ring_eventfd(kick, 1);
	EXPECT(drained(kick));
}

const struct test step_tests[] = {
	{ "slow motion: errors", errors, 0 },
	{ "slow motion: kick and doorbell are held; worker callback", with_callback, 0 },
	{ "slow motion: kick and doorbell are held; worker poll", with_poll, 0 },
	{ "slow motion: the worker read takes the kick; the doorbell is held", with_read, 0 },
	{ "slow motion: the call after an interrupt is held", call_held, 0 },
	{ "slow motion: what is held is not recovered", nothing_recovered, 30 },
	{ "slow motion: its end does what is held", off, 0 },
	{ "slow motion: a close forgets what is held", closed, 0 },
	{ "slow motion: a new generation forgets what is held", begun_anew, 0 },
	{ "slow motion: an unbind forgets what is held", unbound, 0 },
	{ "slow motion: the module goes when its last file is closed", unloaded, 0 },
	{ "slow motion: a reset of the device ends it", pci_reset, 0 },
	{ 0 },
};
