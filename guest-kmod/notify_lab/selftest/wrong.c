// SPDX-License-Identifier: GPL-2.0-only
/* Wrong fds, no receiver on the other side, and malformed netlink messages. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/netlink.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "selftest.h"

static int send_to(const struct session *session, __u32 sender, int fd)
{
	struct notify_lab_job request = job(sender, 0, 1);

	request.send_fd = fd;
	return start(session, &request);
}

static int receive_from(const struct session *session, __u32 receiver, int fd)
{
	struct notify_lab_job request = job(0, receiver, 1);

	request.receive_fd = fd;
	return start(session, &request);
}

static void wrong_eventfd(void)
{
	struct session session = open_session();
	int closed = fcntl(new_eventfd(0), F_DUPFD, 500);

	close(closed);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_EVENTFD, -1), EBADF);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_EVENTFD, closed), EBADF);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_EVENTFD, session.fd), EINVAL);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_EVENTFD, open("/dev/null", O_RDWR)), EINVAL);
	for (__u32 i = NOTIFY_LAB_RECEIVE_EVENTFD_READ; i <= NOTIFY_LAB_RECEIVE_EVENTFD_CALLBACK;
	     i++) {
		EXPECT_ERROR(receive_from(&session, i, closed), EBADF);
		EXPECT_ERROR(receive_from(&session, i, session.fd), EINVAL);
	}
	EXPECT_ERROR(receive_from(&session, NOTIFY_LAB_RECEIVE_EVENTFD_READ,
				  new_eventfd(EFD_NONBLOCK)),
		     EINVAL);
	EXPECT(info(&session).state == NOTIFY_LAB_IDLE);
}

/* The wrong end of a pipe gives the same error as a closed fd. */
static void wrong_pipe(void)
{
	struct session session = open_session();
	struct link link = open_fifo();

	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_PIPE, link.in), EBADF);
	EXPECT_ERROR(receive_from(&session, NOTIFY_LAB_RECEIVE_PIPE, link.out), EBADF);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_PIPE, new_eventfd(0)), EINVAL);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_PIPE, session.fd), EINVAL);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_PIPE, open("/dev/null", O_RDWR)), EINVAL);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_PIPE, open("/tmp", O_PATH)), EBADF);
}

static void wrong_socket(void)
{
	struct session session = open_session();
	int unix_dgram = socket(AF_UNIX, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);

	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_UDP, unix_dgram), EAFNOSUPPORT);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_UNIX_STREAM, unix_dgram), EPROTOTYPE);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_UDP, tcp), EPROTOTYPE);
	EXPECT_ERROR(send_to(&session, NOTIFY_LAB_SEND_UNIX_STREAM, tcp), EAFNOSUPPORT);
	EXPECT_ERROR(receive_from(&session, NOTIFY_LAB_RECEIVE_UNIX_DGRAM, tcp), EAFNOSUPPORT);
	EXPECT_ERROR(receive_from(&session, NOTIFY_LAB_RECEIVE_TCP, unix_dgram), EAFNOSUPPORT);
	EXPECT_ERROR(receive_from(&session, NOTIFY_LAB_RECEIVE_TCP, session.fd), ENOTSOCK);
	EXPECT_ERROR(receive_from(&session, NOTIFY_LAB_RECEIVE_TCP, new_eventfd(0)), ENOTSOCK);
	EXPECT_ERROR(receive_from(&session, NOTIFY_LAB_RECEIVE_UDP, open_netlink()), EAFNOSUPPORT);
}

/* Sending without a receiver fails the job, and its errno says why. */
static void nobody(void)
{
	static const struct {
		__u32 send;
		int error;
	} cases[] = {
		{ NOTIFY_LAB_SEND_UNIX_DGRAM, ENOTCONN },
		{ NOTIFY_LAB_SEND_UNIX_STREAM, ENOTCONN },
	};
	struct session session = open_session();

	for (unsigned int i = 0; i < 2; i++) {
		EXPECT(send_to(&session, cases[i].send,
			       socket(AF_UNIX, i ? SOCK_STREAM : SOCK_DGRAM, 0)) == 0);
		EXPECT(ioctl(session.fd, NOTIFY_LAB_WAIT) == 0);
		EXPECT(info(&session).state == NOTIFY_LAB_FAILED && info(&session).sent == 0);
		EXPECT(info(&session).error == cases[i].error && info(&session).errors == 1);
	}
}

static void nobody_on_netlink(void)
{
	struct session session = open_session();
	struct notify_lab_job request = job(NOTIFY_LAB_SEND_GENL_UNICAST, 0, 1);

	request.port = 0x7fffffff;
	EXPECT(start(&session, &request) == 0);
	EXPECT(ioctl(session.fd, NOTIFY_LAB_WAIT) == 0);
	EXPECT(info(&session).state == NOTIFY_LAB_FAILED && info(&session).error == ECONNREFUSED);
	request = job(NOTIFY_LAB_SEND_GENL_MULTICAST, 0, 1);
	EXPECT(start(&session, &request) == 0);
	EXPECT(ioctl(session.fd, NOTIFY_LAB_WAIT) == 0);
	EXPECT(info(&session).state == NOTIFY_LAB_FAILED && info(&session).error == ESRCH);
}

static void bad_netlink(void)
{
	struct {
		struct nlattr head;
		__u32 value;
	} session_only = { { NLA_HDRLEN + 4, NOTIFY_LAB_ATTR_SESSION }, 1 };
	struct {
		struct nlattr head;
		__u32 value;
	} too_long = { { NLA_HDRLEN + 400, NOTIFY_LAB_ATTR_NUMBER }, 1 };
	struct {
		struct nlattr head;
		__u32 value;
	} short_number = { { NLA_HDRLEN + 4, NOTIFY_LAB_ATTR_NUMBER }, 1 };
	struct {
		struct nlattr head;
		__u32 value;
	} unknown = { { NLA_HDRLEN + 4, 9 }, 1 };
	struct session session = open_session();
	int fd = open_netlink();

	EXPECT(put_raw(fd, "", 0) == EINVAL);
	EXPECT(put_raw(fd, "\x01", 1) == EINVAL);
	EXPECT(put_raw(fd, &session_only, sizeof(session_only)) == EINVAL);
	EXPECT(put_raw(fd, &too_long, sizeof(too_long)) == EINVAL);
	EXPECT(put_raw(fd, &short_number, sizeof(short_number)) != 0);
	EXPECT(put_raw(fd, &unknown, sizeof(unknown)) == EINVAL);
	EXPECT(put_notice(fd, 0x7ffffff, 1) == ENOENT);
	EXPECT(put_notice(fd, info(&session).session, 1) == ENOTCONN);
}

const struct test wrong_tests[] = {
	{ "error: EBADF, EINVAL for what is not an eventfd", wrong_eventfd, 0 },
	{ "error: EBADF, EINVAL for what is not that end of a pipe", wrong_pipe, 0 },
	{ "error: ENOTSOCK, EAFNOSUPPORT, EPROTOTYPE for the wrong socket", wrong_socket, 0 },
	{ "error: a job that sends to nobody fails", nobody, 0 },
	{ "error: netlink to nobody fails", nobody_on_netlink, 0 },
	{ "error: truncated and garbled netlink", bad_netlink, 0 },
	{ 0 },
};
