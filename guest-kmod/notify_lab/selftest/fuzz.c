// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random jobs on random fds from some processes at once. Any return value is
 * accepted; the test is that every job ends and the kernel's log stays clean.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

enum { PROCESSES = 3, FILES = 10, MILLISECONDS = 1000 };

static unsigned int seed;
static int fds[FILES];
static struct session session;

static unsigned int any(unsigned int below)
{
	return rand_r(&seed) % below;
}

static int any_fd(void)
{
	return any(4) ? fds[any(FILES)] : -1;
}

static void replace_session(void)
{
	close_session(&session);
	session = open_session();
}

static void replace_fds(void)
{
	unsigned int at = any(FILES - 1);
	struct link link = { new_eventfd(any(2) ? O_NONBLOCK : 0), -1 };

	if (any(3))
		link = link_kinds[any(6)].open();
	close(fds[at]);
	close(fds[at + 1]);
	fds[at] = link.in;
	fds[at + 1] = link.out;
}

static void start_any(void)
{
	struct notify_lab_job request = {
		.send = any(NOTIFY_LAB_SENDERS + 1),
		.receive = any(NOTIFY_LAB_RECEIVERS + 1),
		.send_fd = any_fd(),
		.receive_fd = any_fd(),
		.count = 1 + any(300),
		.cpu = (int)any(3) - 1,
	};

	if (any(3) == 0)
		*(any(2) ? &request.send : &request.receive) = 0;
	if (any(3) == 0) {
		request.flags = any(5);
		request.gap_us = any(500);
	}
	request.signal = request.send == NOTIFY_LAB_SEND_SIGNAL ? SIGUSR1 : 0;
	request.port = request.send == NOTIFY_LAB_SEND_GENL_UNICAST ? any(9000) : 0;
	start(&session, &request);
}

static void use_any(void)
{
	uint64_t number = any(5);
	int fd = any(3) ? any_fd() : session.fd;

	fcntl(fd, F_SETFL, O_NONBLOCK | (any(8) ? 0 : O_ASYNC));
	if (any(2))
		(void)!write(fd, &number, any(8) ? 8 : any(8));
	else
		(void)!read(fd, &number, 8);
	ioctl(session.fd, NOTIFY_LAB_NOTIFY, &number);
	ioctl(session.fd, NOTIFY_LAB_SIGNAL, &(struct notify_lab_signal){ any_fd(), any(100) });
}

static void spoil(void)
{
	acknowledge(&session, any(300));
	session.map->rung += any(3);
}

static void stop(void)
{
	ioctl(session.fd, NOTIFY_LAB_STOP);
	info(&session);
}

static void (*const calls[])(void) = {
	replace_session, replace_fds, start_any, start_any, start_any,
	use_any,         use_any,     spoil,     stop,
};

static void play(unsigned int number)
{
	uint64_t end = now_ms() + MILLISECONDS;

	seed = number;
	signal(SIGUSR1, SIG_IGN);
	signal(SIGIO, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	memset(fds, -1, sizeof(fds));
	session = open_session();
	while (now_ms() < end)
		calls[any(sizeof(calls) / sizeof(*calls))]();
	_exit(0);
}

static void random_calls(void)
{
	for (unsigned int i = 1; i <= PROCESSES; i++)
		if (fork() == 0)
			play(i);
	for (int i = 0, status; i < PROCESSES; i++) {
		EXPECT(wait(&status) > 0);
		EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
}

const struct test fuzz_tests[] = {
	{ "random calls", random_calls, 0 },
	{ 0 },
};
