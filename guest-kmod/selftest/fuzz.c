// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random calls from some processes at once, while the driver is unbound and
 * bound. Any return value is accepted; the kernel's log decides.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

enum { PROCESSES = 4, FILES = 6 };

static struct process {
	unsigned int random;
	int fds[FILES]; /* of any kind */
	void *map;
} self;

static unsigned int any(unsigned int below)
{
	return rand_r(&self.random) % below;
}

static int any_fd(void)
{
	return any(8) ? self.fds[any(FILES)] : (int)any(5) - 2;
}

static void replace_fd(void)
{
	unsigned int which = any(FILES);

	close(self.fds[which]);
	self.fds[which] = any(2) ? open(options.device, O_RDWR | O_NONBLOCK | O_CLOEXEC) :
				   eventfd(any(3), any(2) ? EFD_NONBLOCK : any(2) * EFD_SEMAPHORE);
}

static void any_claim(void)
{
	struct bellwire_claim claim = { .queue = any(2) ? BELLWIRE_ANY_QUEUE : any(8),
					.flags = any(3) };

	ioctl(any_fd(), any(3) ? BELLWIRE_CLAIM : BELLWIRE_RESET, &claim);
}

static void any_call(void)
{
	set_call(any_fd(), any_fd());
}

static void any_kick(void)
{
	set_kick(any_fd(), any_fd(), any(5));
}

static void any_ring(void)
{
	uint64_t one = 1;
	int fd = any_fd();

	if (fd > 2 && any(2))
		poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, 0) == 1 ?
			write(fd, &one, 8) :
			0;
	else
		ioctl(fd, any(2) ? BELLWIRE_KICK : BELLWIRE_RING);
}

static void any_step(void)
{
	struct bellwire_step step = { .action = any(5) };

	ioctl(any_fd(), BELLWIRE_STEP, &step);
}

static void any_command(void)
{
	char argument[256];

	memset(argument, any(256), sizeof(argument));
	ioctl(any_fd(), _IOC(any(4), 0xbe, any(10), any(200)), any(5) ? argument : NULL);
}

static void any_read(void)
{
	uint64_t count;
	int fd = any_fd();

	if (poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) == 1 && fd > 2)
		fcntl(fd, F_GETFL) & O_NONBLOCK ? read(fd, &count, sizeof(count)) : 0;
}

static void any_map(void)
{
	size_t size = 4096 * (1 + any(40));

	if (self.map != MAP_FAILED)
		munmap(self.map, size);
	self.map = mmap(NULL, size, PROT_READ | PROT_WRITE, any(9) ? MAP_SHARED : MAP_PRIVATE,
			any_fd(), 4096 * any(3));
	if (self.map != MAP_FAILED)
		*(volatile char *)self.map =
			any(256); /* SIGBUS ends the process; another one is started */
}

static void (*const actions[])(void) = {
	replace_fd, any_claim, any_call,    any_kick, any_ring,
	any_ring,   any_step,  any_command, any_read, any_map,
};

static void run_process(unsigned int seed)
{
	self.random = seed;
	self.map = MAP_FAILED;
	for (int i = 0; i < FILES; i++)
		self.fds[i] = -1;
	for (;;)
		actions[any(sizeof(actions) / sizeof(*actions))]();
}

static pid_t start_process(unsigned int seed)
{
	pid_t pid = fork();

	EXPECT(pid >= 0);
	if (pid == 0)
		run_process(seed);
	return pid;
}

static void fuzz(void)
{
	uint64_t end = now_ms() + options.fuzz_seconds * 1000;
	unsigned int seed = options.seed, rounds = 0;
	pid_t pids[PROCESSES] = { 0 };

	for (int i = 0; now_ms() < end; i = (i + 1) % PROCESSES, rounds++) {
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
		pids[i] = start_process(seed++);
		pause_ms(25);
		if (rounds % 8 == 7) {
			unbind();
			pause_ms(5);
			bind();
		}
	}
	printf("# seeds %u to %u, %u processes\n", options.seed, seed - 1, rounds);
	for (int i = 0; i < PROCESSES; i++)
		if (pids[i] > 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], NULL, 0);
		}
	EXPECT(info(open_device(O_RDWR)).queues_free == info(open_device(O_RDWR)).queues);
}

const struct test fuzz_tests[] = {
	{ "random calls of some processes, while it is unbound and bound", fuzz, 300 },
	{ 0 },
};
