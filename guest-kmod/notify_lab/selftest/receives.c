// SPDX-License-Identifier: GPL-2.0-only
/* User -> kernel: nothing is lost; numbers arrive in order, and in the right context. */
#define _GNU_SOURCE
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "selftest.h"

enum { MANY = 1000, FEW = 200 };

static const struct notify_lab_record *records(const struct session *session)
{
	return session->map->receive_records;
}

static void check_order(const struct session *session, uint64_t count, __u32 context)
{
	struct notify_lab_info seen = done(session);

	EXPECT(seen.received == count && seen.carried == count && seen.sent == 0);
	EXPECT(session->map->received == count);
	for (uint64_t i = 0; i < count; i++) {
		EXPECT(records(session)[i].number == i + 1);
		EXPECT(records(session)[i].context == context);
		EXPECT(i == 0 || records(session)[i].at >= records(session)[i - 1].at);
	}
}

static void bytes(void)
{
	for (const struct link_kind *kind = link_kinds; kind->name; kind++) {
		struct session session = open_session();
		struct link link = kind->open();
		struct notify_lab_job request = job(0, kind->receive, MANY);

		request.receive_fd = link.in;
		EXPECT(start(&session, &request) == 0);
		for (uint64_t i = 1; i <= MANY; i++) {
			put(link.out, i);
			if (kind->paced)
				EXPECT_SOON(info(&session).received == i);
		}
		check_order(&session, MANY, NOTIFY_LAB_IN_THREAD);
	}
}

static void by_ioctl(void)
{
	struct session session = open_session();
	struct notify_lab_job request = job(0, NOTIFY_LAB_RECEIVE_IOCTL, MANY);

	EXPECT(start(&session, &request) == 0);
	for (uint64_t i = 1; i <= MANY; i++) {
		EXPECT(ioctl(session.fd, NOTIFY_LAB_NOTIFY, &i) == 0);
		EXPECT(info(&session).received == i);
	}
	EXPECT_ERROR(ioctl(session.fd, NOTIFY_LAB_NOTIFY, &(uint64_t){ 1 }), ENOTCONN);
	check_order(&session, MANY, NOTIFY_LAB_IN_PROCESS);
	EXPECT(info(&session).wakeups == 0);
}

static void by_write(void)
{
	struct session session = open_session();
	struct notify_lab_job request = job(0, NOTIFY_LAB_RECEIVE_WRITE, MANY);

	EXPECT(start(&session, &request) == 0);
	for (uint64_t i = 1; i <= MANY; i++)
		put(session.fd, i);
	EXPECT_ERROR(write(session.fd, &(uint64_t){ 1 }, 8), ENOTCONN);
	check_order(&session, MANY, NOTIFY_LAB_IN_PROCESS);
}

static void by_netlink(void)
{
	struct session session = open_session();
	struct notify_lab_job request = job(0, NOTIFY_LAB_RECEIVE_GENL, FEW);
	int fd = open_netlink();

	EXPECT(start(&session, &request) == 0);
	for (uint64_t i = 1; i <= FEW; i++)
		EXPECT(put_notice(fd, info(&session).session, i) == 0);
	EXPECT(put_notice(fd, info(&session).session, 1) == ENOTCONN);
	check_order(&session, FEW, NOTIFY_LAB_IN_PROCESS);
}

/* The sum of what was taken; each record in its context. */
static uint64_t taken(const struct session *session, __u32 context)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < session->map->received; i++) {
		EXPECT(records(session)[i].number > 0);
		EXPECT(records(session)[i].context == context);
		sum += records(session)[i].number;
	}
	return sum;
}

static void eventfd_adds_up(__u32 receiver, __u32 context, int flags)
{
	struct session session = open_session();
	struct notify_lab_job request = job(0, receiver, MANY);
	int fd = new_eventfd(flags);

	put(fd, 3); /* is in it already */
	request.receive_fd = fd;
	EXPECT(start(&session, &request) == 0);
	for (uint64_t sent = 3; sent < MANY; sent++)
		put(fd, 1);
	EXPECT(done(&session).carried == MANY);
	EXPECT(taken(&session, context) == MANY);
	EXPECT(!readable(fd));
}

static const struct worker {
	__u32 receiver, context;
} workers[] = {
	{ NOTIFY_LAB_RECEIVE_EVENTFD_READ, NOTIFY_LAB_IN_THREAD },
	{ NOTIFY_LAB_RECEIVE_EVENTFD_POLL, NOTIFY_LAB_IN_THREAD },
	{ NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK, NOTIFY_LAB_IN_PROCESS },
};
enum { WORKERS = sizeof(workers) / sizeof(*workers) };

static void eventfds(void)
{
	for (int i = 0; i < WORKERS; i++)
		eventfd_adds_up(workers[i].receiver, workers[i].context, 0);
}

static void semaphores(void)
{
	for (int i = 0; i < WORKERS; i++)
		eventfd_adds_up(workers[i].receiver, workers[i].context, EFD_SEMAPHORE);
}

/* It has been counted before the write returns. */
static void callback_is_at_once(void)
{
	struct session session = open_session();
	struct notify_lab_job request = job(0, NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK, FEW);

	request.receive_fd = new_eventfd(0);
	EXPECT(start(&session, &request) == 0);
	for (uint64_t i = 1; i < FEW; i++) {
		put(request.receive_fd, 1);
		EXPECT(info(&session).received == i);
	}
	EXPECT(info(&session).state == NOTIFY_LAB_RUNNING);
}

static void page(void)
{
	struct session session = open_session();
	struct notify_lab_job request = job(0, NOTIFY_LAB_RECEIVE_PAGE, MANY);

	EXPECT(start(&session, &request) == 0);
	pause_ms(50); /* until it only looks once per tick */
	for (uint64_t i = 1; i <= MANY; i++)
		__atomic_store_n(&session.map->rung, i, __ATOMIC_RELEASE);
	EXPECT(done(&session).carried == MANY);
	EXPECT(records(&session)[session.map->received - 1].number == MANY);
}

/* A garbled datagram is counted, and the next one received. */
static void garbled(void)
{
	const struct link_kind *unix_dgram = &link_kinds[2];
	struct session session = open_session();
	struct link link = unix_dgram->open();
	struct notify_lab_job request = job(0, unix_dgram->receive, 2);

	request.receive_fd = link.in;
	EXPECT(start(&session, &request) == 0);
	EXPECT(write(link.out, "", 0) == 0);
	EXPECT(write(link.out, "short", 5) == 5);
	EXPECT(write(link.out, "far too long", 12) == 12);
	put(link.out, 1);
	EXPECT_SOON(info(&session).received == 1);
	EXPECT(info(&session).errors == 3 && info(&session).error == EMSGSIZE);
	EXPECT(info(&session).state == NOTIFY_LAB_RUNNING);
}

/* When its last writer is gone, nothing more can come. */
static void hung_up(void)
{
	for (const struct link_kind *kind = link_kinds; kind->name; kind++) {
		bool stream = kind->receive == NOTIFY_LAB_RECEIVE_PIPE ||
			      kind->receive == NOTIFY_LAB_RECEIVE_UNIX_STREAM ||
			      kind->receive == NOTIFY_LAB_RECEIVE_TCP;
		struct session session = open_session();
		struct link link = kind->open();
		struct notify_lab_job request = job(0, kind->receive, 2);

		if (!stream)
			continue;
		request.receive_fd = link.in;
		EXPECT(start(&session, &request) == 0);
		close(link.out);
		EXPECT(ioctl(session.fd, NOTIFY_LAB_WAIT) == 0);
		EXPECT(info(&session).state == NOTIFY_LAB_FAILED && info(&session).error == EPIPE);
	}
}

const struct test receive_tests[] = {
	{ "receive: pipes and sockets, numbers in order", bytes, 0 },
	{ "receive: ioctl, at once, without a thread", by_ioctl, 0 },
	{ "receive: write, without a thread", by_write, 0 },
	{ "receive: generic netlink", by_netlink, 0 },
	{ "receive: eventfd counts add up, by read, poll and callback", eventfds, 0 },
	{ "receive: semaphore eventfds add up, by read, poll and callback", semaphores, 0 },
	{ "receive: the callback has it before the write returns", callback_is_at_once, 0 },
	{ "receive: the page", page, 0 },
	{ "receive: a garbled datagram is counted, and passed over", garbled, 0 },
	{ "receive: EPIPE when the last writer is gone", hung_up, 0 },
	{ 0 },
};
