// SPDX-License-Identifier: GPL-2.0-only
/* What only the kernel can do with an eventfd, and eventfds that feed each other. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "selftest.h"

static int signal_eventfd(const struct session *session, int fd, __u32 times)
{
	return ioctl(session->fd, NOTIFY_LAB_SIGNAL,
		     &(struct notify_lab_signal){ .fd = fd, .times = times });
}

static short events(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN | POLLOUT };

	EXPECT(poll(&entry, 1, 0) >= 0);
	return entry.revents;
}

static void overflow(void)
{
	struct session session = open_session();
	int fd = new_eventfd(EFD_NONBLOCK);

	put(fd, UINT64_MAX - 1);
	EXPECT_ERROR(write(fd, &(uint64_t){ 1 }, 8), EAGAIN);
	EXPECT(events(fd) == POLLIN);
	EXPECT(signal_eventfd(&session, fd, 1) == 0);
	EXPECT(events(fd) & POLLERR);
	EXPECT(signal_eventfd(&session, fd, 5) == 0); /* it stays */
	EXPECT(get(fd) == UINT64_MAX);
	EXPECT(events(fd) == POLLOUT);
}

static void signal_adds(void)
{
	struct session session = open_session();
	int fd = new_eventfd(0);

	EXPECT(signal_eventfd(&session, fd, 7) == 0);
	EXPECT(get(fd) == 7);
	EXPECT_ERROR(signal_eventfd(&session, fd, 0), EINVAL);
	EXPECT_ERROR(signal_eventfd(&session, fd, NOTIFY_LAB_RECORDS + 1), EINVAL);
	EXPECT_ERROR(signal_eventfd(&session, session.fd, 1), EINVAL);
	EXPECT_ERROR(signal_eventfd(&session, -1, 1), EBADF);
}

static void overflown_is_received(void)
{
	for (__u32 receiver = NOTIFY_LAB_RECEIVE_EVENTFD_READ;
	     receiver <= NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK; receiver++) {
		struct session session = open_session();
		struct notify_lab_job request = job(0, receiver, 10);

		request.receive_fd = new_eventfd(0);
		put(request.receive_fd, UINT64_MAX - 1);
		EXPECT(signal_eventfd(&session, request.receive_fd, 1) == 0);
		EXPECT(start(&session, &request) == 0);
		EXPECT(done(&session).carried == UINT64_MAX);
	}
}

static void same_eventfd(void)
{
	struct session session = open_session();

	for (__u32 receiver = NOTIFY_LAB_RECEIVE_EVENTFD_READ;
	     receiver <= NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK; receiver++) {
		struct notify_lab_job request = job(NOTIFY_LAB_SEND_EVENTFD, receiver, 10);

		request.send_fd = new_eventfd(0);
		request.receive_fd = dup(request.send_fd);
		EXPECT_ERROR(start(&session, &request), ELOOP);
		EXPECT(info(&session).state == NOTIFY_LAB_IDLE);
	}
}

/* Each answers the other, until both have received their number. */
static void two_sessions(void)
{
	for (__u32 receiver = NOTIFY_LAB_RECEIVE_EVENTFD_READ;
	     receiver <= NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK; receiver++) {
		struct session one = open_session(), two = open_session();
		struct notify_lab_job request = job(NOTIFY_LAB_SEND_EVENTFD, receiver, 500);
		int first = new_eventfd(0), second = new_eventfd(0);

		request.receive_fd = first;
		request.send_fd = second;
		EXPECT(start(&one, &request) == 0);
		request.receive_fd = second;
		request.send_fd = first;
		EXPECT(start(&two, &request) == 0);
		put(first, 1);
		EXPECT(done(&one).received == 500);
		EXPECT(done(&two).received == 500);
		EXPECT(get(first) == 1); /* the last answer */
	}
}

const struct test eventfd_tests[] = {
	{ "eventfd: the kernel's signal makes it overflow, and poll say ERR", overflow, 0 },
	{ "eventfd: the signal command adds, and refuses what is not an eventfd", signal_adds, 0 },
	{ "eventfd: an overflown one is received", overflown_is_received, 0 },
	{ "eventfd: ELOOP for the same one to receive and to send", same_eventfd, 0 },
	{ "eventfd: two sessions that answer each other end", two_sessions, 0 },
	{ 0 },
};
