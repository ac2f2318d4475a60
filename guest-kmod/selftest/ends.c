// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way for a queue to end, all against each other: two processes claim
 * queues, set workers and calls, and kick, while a thread of theirs closes the
 * file or takes the eventfds back at any moment, another signals all the time,
 * and the parent kills them, unbinds the driver, and removes the module.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

enum { RACERS = 2, TURNS = 200 };

/* What happened; shared with the racers. */
struct tally {
	atomic_uint rounds; /* a queue was claimed, and its file closed by somebody */
	atomic_uint gone;   /* calls that found the device gone */
	atomic_uint closed; /* calls that found the file closed */
};

static struct tally *tally;

static struct {
	int kick, call;
	atomic_int fd; /* the device's file; anybody may close it */
} racer;

/* What the header says of a call whose file is closed, or loses its device, meanwhile. */
static void judge(long result, const char *what)
{
	if (result >= 0)
		return;
	if (errno == ENODEV)
		atomic_fetch_add(&tally->gone, 1);
	else if (errno == EBADF)
		atomic_fetch_add(&tally->closed, 1);
	else if (errno != ENOTCONN && errno != EBUSY && errno != EINTR) {
		printf("# %s: %s\n", what, strerror(errno));
		EXPECT(!"an error that the header names");
	}
}

static void *signal_always(void *unused)
{
	for (;;) {
		ring_eventfd(racer.kick, 1);
		judge(ioctl(racer.fd, BELLWIRE_KICK), "KICK");
		yield();
	}
	return unused;
}

static void *end_anything(void *seed)
{
	unsigned int random = (uintptr_t)seed;

	for (;;) {
		switch (rand_r(&random) % 4) {
		case 0: judge(close(racer.fd), "close"); break;
		case 1: judge(set_kick(racer.fd, -1, BELLWIRE_WORKER_NONE), "SET_KICK"); break;
		case 2: judge(set_call(racer.fd, -1), "SET_CALL"); break;
		case 3:
			judge(ioctl(racer.fd, BELLWIRE_RESET, &(struct bellwire_claim){ 0 }),
			      "RESET");
			break;
		}
		yield();
	}
	return NULL;
}

static void race_once(unsigned int round)
{
	int fd = open(options.device, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		EXPECT(errno == ENOENT || errno == ENODEV || errno == ENXIO);
		yield();
		return;
	}
	atomic_store(&racer.fd, fd);
	judge(ioctl(fd, BELLWIRE_CLAIM, &(struct bellwire_claim){ .queue = BELLWIRE_ANY_QUEUE }),
	      "CLAIM");
	judge(set_call(fd, racer.call), "SET_CALL");
	judge(set_kick(fd, racer.kick, FIRST + round % LAST), "SET_KICK");
	judge(ioctl(fd, BELLWIRE_RING), "RING");
	judge(close(fd), "close");
	atomic_fetch_add(&tally->rounds, 1);
}

static _Noreturn void run_racer(uintptr_t seed)
{
	pthread_t thread;

	racer.kick = new_eventfd(0);
	racer.call = new_eventfd(0);
	racer.fd = -1;
	EXPECT(pthread_create(&thread, NULL, signal_always, NULL) == 0);
	EXPECT(pthread_create(&thread, NULL, end_anything, (void *)seed) == 0);
	for (unsigned int round = 0;; round++)
		race_once(round);
}

static pid_t start_racer(unsigned int seed)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0)
		run_racer(seed);
	return pid;
}

/* It ends by our hand alone: a failed check would end it by an exit. */
static void end_racer(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	EXPECT(waitpid(pid, &status, 0) == pid);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void unbind_for_a_moment(void)
{
	unbind();
	yield();
	bind();
}

/* With files open it is refused, so the driver is unbound, if need be, until they are closed. */
static void reload(void)
{
	bool removed = remove_module();

	if (!removed) {
		EXPECT(errno == EAGAIN);
		unbind();
		EXPECT_SOON(remove_module());
	}
	EXPECT(insert_module());
}

/* What the parent does is spread over the rounds. */
static void await_turn(unsigned int turn, const pid_t *racers)
{
	while (tally->rounds < (uint64_t)options.rounds * turn / TURNS) {
		for (unsigned int i = 0; i < RACERS; i++)
			EXPECT(waitpid(racers[i], NULL, WNOHANG) == 0);
		pause_ms(1);
	}
}

static void all_ends(void)
{
	pid_t racers[RACERS];
	unsigned int turn, seed = options.seed;

	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	EXPECT(tally != MAP_FAILED);
	for (unsigned int i = 0; i < RACERS; i++)
		racers[i] = start_racer(seed++);
	for (turn = 0; turn < TURNS; turn++) {
		await_turn(turn, racers);
		switch (turn % 4) {
		case 0:
		case 2: unbind_for_a_moment(); break;
		case 1: reload(); break;
		default:
			end_racer(racers[seed % RACERS]);
			racers[seed % RACERS] = start_racer(seed);
			seed++;
		}
	}
	await_turn(TURNS, racers);
	for (unsigned int i = 0; i < RACERS; i++)
		end_racer(racers[i]);
	printf("# %u rounds; %u calls found the file closed, %u the device gone; %u times unbound, %u removed, %u killed\n",
	       tally->rounds, tally->closed, tally->gone, turn / 2, turn / 4, seed - options.seed);
	EXPECT(tally->closed && tally->gone);
	EXPECT(info(open_device(O_RDWR)).queues_free == info(open_device(O_RDWR)).queues);
	EXPECT(claim(open_device(O_RDWR), 0) == 0);
}

const struct test end_tests[] = {
	{ "close, SET_KICK, signals, unbind, rmmod and SIGKILL against each other", all_ends, 600 },
	{ 0 },
};
