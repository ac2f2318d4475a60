// SPDX-License-Identifier: GPL-2.0-only
/* Sessions and jobs. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

struct session open_session(void)
{
	struct session session = { .fd = open(DEVICE, O_RDWR | O_CLOEXEC) };

	EXPECT(session.fd >= 0);
	session.map =
		mmap(NULL, sizeof(*session.map), PROT_READ | PROT_WRITE, MAP_SHARED, session.fd, 0);
	EXPECT(session.map != MAP_FAILED);
	return session;
}

void close_session(const struct session *session)
{
	EXPECT(munmap(session->map, sizeof(*session->map)) == 0);
	EXPECT(close(session->fd) == 0);
}

struct notify_lab_job job(__u32 send, __u32 receive, __u32 count)
{
	return (struct notify_lab_job){
		.send = send,
		.receive = receive,
		.count = count,
		.send_fd = -1,
		.receive_fd = -1,
		.cpu = -1,
	};
}

struct notify_lab_job paced(struct notify_lab_job job)
{
	job.flags |= NOTIFY_LAB_PACED;
	job.gap_us = 50;
	return job;
}

struct notify_lab_job hardirq(struct notify_lab_job request)
{
	request.flags |= NOTIFY_LAB_HARDIRQ;
	request.gap_us = 100;
	return request;
}

int start(const struct session *session, const struct notify_lab_job *job)
{
	return ioctl(session->fd, NOTIFY_LAB_START, job);
}

struct notify_lab_info info(const struct session *session)
{
	struct notify_lab_info info;

	EXPECT(ioctl(session->fd, NOTIFY_LAB_INFO, &info) == 0);
	return info;
}

void acknowledge(const struct session *session, __u64 count)
{
	__atomic_store_n(&session->map->acknowledged, count, __ATOMIC_RELEASE);
}

struct notify_lab_info done(const struct session *session)
{
	struct notify_lab_info seen;

	while (ioctl(session->fd, NOTIFY_LAB_WAIT) != 0)
		EXPECT(errno == EINTR);
	seen = info(session);
	errno = seen.error;
	EXPECT(seen.state == NOTIFY_LAB_DONE);
	EXPECT(seen.errors == 0);
	return seen;
}

static void check_records(const struct session *session, uint64_t count, __u32 context)
{
	const struct notify_lab_record *record = session->map->send_records;

	EXPECT(session->map->sent == count);
	for (uint64_t i = 0; i < count; i++) {
		EXPECT(record[i].number == i + 1);
		EXPECT(record[i].context == context);
		EXPECT(i == 0 || record[i].at >= record[i - 1].at);
	}
}

struct notify_lab_info finish(const struct session *session, uint64_t count, __u32 context)
{
	struct notify_lab_info seen = done(session);

	EXPECT(seen.sent == count && seen.received == 0);
	EXPECT(seen.hardirqs == (context == NOTIFY_LAB_IN_HARDIRQ ? count : 0));
	check_records(session, count, context);
	return seen;
}
