// SPDX-License-Identifier: GPL-2.0-only
/* Kernel -> user by signals: real-time ones, which carry a number, and fasync's. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "selftest.h"

enum { MANY = 1000, FEW = 200, SIGNAL = 40 };

static siginfo_t await_signal(int number)
{
	struct timespec limit = { .tv_sec = 5 };
	siginfo_t seen;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	EXPECT(sigtimedwait(&set, &seen, &limit) == number);
	return seen;
}

static void block_signal(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	EXPECT(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
}

static void signals(struct notify_lab_job request, __u32 context)
{
	struct session session = open_session();

	block_signal(SIGNAL);
	request.signal = SIGNAL;
	EXPECT(start(&session, &request) == 0);
	for (uint64_t i = 1; i <= request.count; i++) {
		EXPECT(await_signal(SIGNAL).si_int == (int)i);
		acknowledge(&session, i);
	}
	finish(&session, request.count, context);
}

/* A burst overflows the queue of signals, and waits. */
static void real_time_signals(void)
{
	signals(job(NOTIFY_LAB_SEND_SIGNAL, 0, MANY), NOTIFY_LAB_IN_THREAD);
	signals(paced(job(NOTIFY_LAB_SEND_SIGNAL, 0, FEW)), NOTIFY_LAB_IN_THREAD);
	signals(hardirq(job(NOTIFY_LAB_SEND_SIGNAL, 0, FEW)), NOTIFY_LAB_IN_HARDIRQ);
}

static void fasync(struct notify_lab_job request, __u32 context)
{
	struct session session = open_session();

	block_signal(SIGIO);
	EXPECT(fcntl(session.fd, F_SETOWN, getpid()) == 0);
	EXPECT(fcntl(session.fd, F_SETFL, O_ASYNC) == 0);
	EXPECT(start(&session, &request) == 0);
	for (uint64_t i = 1; i <= request.count; i++) {
		await_signal(SIGIO);
		acknowledge(&session, i);
	}
	finish(&session, request.count, context);
}

static void fasync_one_at_a_time(void)
{
	fasync(paced(job(NOTIFY_LAB_SEND_FASYNC, 0, FEW)), NOTIFY_LAB_IN_THREAD);
	fasync(hardirq(paced(job(NOTIFY_LAB_SEND_FASYNC, 0, FEW))), NOTIFY_LAB_IN_HARDIRQ);
}

const struct test signal_tests[] = {
	{ "send: real-time signals carry numbers in order", real_time_signals, 0 },
	{ "send: fasync, from a thread and a hard interrupt", fasync_one_at_a_time, 0 },
	{ 0 },
};
