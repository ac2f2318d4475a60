// SPDX-License-Identifier: GPL-2.0-only
/* A job ends in any state: by STOP, close, a kill; and the module can be removed only when no
 * session is left. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "selftest.h"

enum { MANY = NOTIFY_LAB_RECORDS };

/* Nobody reads, so its thread sleeps in the middle of a send. */
static void start_full(const struct session *session, const struct link_kind *kind)
{
	struct notify_lab_job request = job(kind->send, 0, MANY);

	request.send_fd = kind->open().out;
	EXPECT(start(session, &request) == 0);
}

/* Nobody writes, so it sleeps in a read. */
static void start_empty(const struct session *session, const struct link_kind *kind)
{
	struct notify_lab_job request = job(0, kind->receive, MANY);

	request.receive_fd = kind->open().in;
	EXPECT(start(session, &request) == 0);
}

static void start_eventfd(const struct session *session, const struct link_kind *kind)
{
	static __u32 which;
	struct notify_lab_job request = job(0, NOTIFY_LAB_RECEIVE_EVENTFD_READ + which++ % 3, MANY);

	(void)kind;
	request.receive_fd = new_eventfd(0);
	EXPECT(start(session, &request) == 0);
}

static void start_page(const struct session *session, const struct link_kind *kind)
{
	struct notify_lab_job request = job(0, NOTIFY_LAB_RECEIVE_PAGE, MANY);

	(void)kind;
	EXPECT(start(session, &request) == 0);
}

static void start_timer(const struct session *session, const struct link_kind *kind)
{
	struct notify_lab_job request = job(NOTIFY_LAB_SEND_DEVICE, 0, MANY);

	(void)kind;
	request.flags = NOTIFY_LAB_HARDIRQ;
	request.gap_us = 1000;
	EXPECT(start(session, &request) == 0);
}

static void start_unanswered(const struct session *session, const struct link_kind *kind)
{
	struct notify_lab_job request = paced(job(NOTIFY_LAB_SEND_PAGE, 0, MANY));

	(void)kind;
	EXPECT(start(session, &request) == 0);
}

typedef void (*starter)(const struct session *session, const struct link_kind *kind);
static const starter starters[] = {
	start_full, start_empty, start_eventfd, start_page, start_timer, start_unanswered,
};
enum { STARTERS = sizeof(starters) / sizeof(*starters) };

static void stop(const struct session *session)
{
	EXPECT(ioctl(session->fd, NOTIFY_LAB_STOP) == 0);
	/* UDP never fills: it may be done */
	EXPECT(info(session).state == NOTIFY_LAB_STOPPED || info(session).state == NOTIFY_LAB_DONE);
	EXPECT(ioctl(session->fd, NOTIFY_LAB_WAIT) == 0);
	close_session(session);
}

static void end_everything(void (*end)(const struct session *))
{
	for (int i = 0; i < STARTERS; i++)
		for (const struct link_kind *kind = link_kinds; kind->name; kind++) {
			struct session session = open_session();

			starters[i](&session, kind);
			pause_ms(3);
			end(&session);
		}
}

static void stop_everything(void)
{
	end_everything(stop);
}
static void close_everything(void)
{
	end_everything(close_session);
}

static void kill_everything(void)
{
	for (int i = 0; i < STARTERS; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			struct session session = open_session();

			starters[i](&session, &link_kinds[i]);
			pause();
		}
		pause_ms(10);
		EXPECT(kill(pid, SIGKILL) == 0);
		EXPECT(waitpid(pid, NULL, 0) == pid);
	}
}

/* The caller of START is gone, and its session lives on in a child. */
static void orphan(void)
{
	struct session session = open_session();
	struct notify_lab_job request = paced(job(NOTIFY_LAB_SEND_SIGNAL, 0, 10));
	pid_t pid = fork();

	if (pid == 0) {
		signal(SIGUSR1, SIG_IGN);
		request.signal = SIGUSR1;
		_exit(start(&session, &request) == 0 ? 0 : 1);
	}
	EXPECT(waitpid(pid, NULL, 0) == pid);
	acknowledge(&session, 100);
	EXPECT(ioctl(session.fd, NOTIFY_LAB_WAIT) == 0);
	EXPECT(info(&session).state == NOTIFY_LAB_FAILED ||
	       info(&session).state == NOTIFY_LAB_DONE);
}

static void *wait_for_end(void *session)
{
	EXPECT(ioctl(((struct session *)session)->fd, NOTIFY_LAB_WAIT) == 0);
	return NULL;
}

static void stop_wakes_waiter(void)
{
	struct session session = open_session();
	pthread_t thread;

	start_page(&session, NULL);
	pthread_create(&thread, NULL, wait_for_end, &session);
	pause_ms(10);
	EXPECT(ioctl(session.fd, NOTIFY_LAB_STOP) == 0);
	pthread_join(thread, NULL);
}

/* The user may write anything into the map. */
static void spoiled_map(void)
{
	struct session session = open_session();
	struct notify_lab_job request = paced(job(NOTIFY_LAB_SEND_DEVICE, 0, 20));

	EXPECT(start(&session, &request) == 0);
	for (uint64_t sum = 0; sum < 20; sum += get(session.fd)) {
		session.map->sent = session.map->received = UINT64_MAX;
		acknowledge(&session, UINT64_MAX - sum);
	}
	EXPECT(done(&session).sent == 20);
}

static void module_stays(void)
{
	struct session session = open_session();

	start_page(&session, NULL);
	EXPECT(!unload_module("notify_lab") && errno == EAGAIN);
	close(session.fd);
	EXPECT(!unload_module("notify_lab") && errno == EAGAIN); /* its mapping */
	munmap(session.map, sizeof(*session.map));
	EXPECT(unload_module("notify_lab"));
}

static void module_goes(void)
{
	for (int i = 0; i < 10; i++) {
		struct session session = open_session();

		starters[i % STARTERS](&session, &link_kinds[i % 6]);
		close_session(&session);
		EXPECT(unload_module("notify_lab"));
		EXPECT(load_module(module_path));
		EXPECT_SOON(access(DEVICE, F_OK) == 0);
	}
}

const struct test lifetime_tests[] = {
	{ "life: STOP ends every job", stop_everything, 0 },
	{ "life: close ends every job", close_everything, 0 },
	{ "life: a kill ends every job", kill_everything, 0 },
	{ "life: a signal to a process that is gone", orphan, 0 },
	{ "life: STOP wakes a process that waits for the end", stop_wakes_waiter, 0 },
	{ "life: overwriting the map changes no count", spoiled_map, 0 },
	{ "life: the module stays while a session is open or mapped", module_stays, 0 },
	{ "life: rmmod and insmod, 10 times", module_goes, 0 },
	{ 0 },
};
