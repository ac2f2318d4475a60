// SPDX-License-Identifier: GPL-2.0-only
/* Every error that the header names; none of them changes anything. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

static void commands(void)
{
	struct session session = open_session();

	EXPECT_ERROR(ioctl(session.fd, _IO(0xbf, 0x7f)), ENOTTY);
	EXPECT_ERROR(ioctl(session.fd, _IOW(0xbf, 0x00, __u32), &session), ENOTTY);
	EXPECT_ERROR(ioctl(session.fd, NOTIFY_LAB_START, NULL), EFAULT);
	EXPECT_ERROR(ioctl(session.fd, NOTIFY_LAB_NOTIFY, NULL), EFAULT);
	EXPECT_ERROR(ioctl(session.fd, NOTIFY_LAB_SIGNAL, NULL), EFAULT);
	EXPECT_ERROR(ioctl(session.fd, NOTIFY_LAB_INFO, NULL), EFAULT);
}

static void without_a_job(void)
{
	struct session session = open_session();

	fcntl(session.fd, F_SETFL, O_NONBLOCK);
	EXPECT_ERROR(ioctl(session.fd, NOTIFY_LAB_STOP), ENOTCONN);
	EXPECT_ERROR(ioctl(session.fd, NOTIFY_LAB_WAIT), ENOTCONN);
	EXPECT_ERROR(ioctl(session.fd, NOTIFY_LAB_NOTIFY, &(__u64){ 1 }), ENOTCONN);
	EXPECT_ERROR(write(session.fd, &(__u64){ 1 }, 8), ENOTCONN);
	EXPECT_ERROR(write(session.fd, "seven b", 7), EINVAL);
	EXPECT_ERROR(read(session.fd, &(__u64){ 1 }, 8), EAGAIN);
	EXPECT_ERROR(read(session.fd, &(__u32){ 1 }, 4), EINVAL);
	EXPECT(info(&session).state == NOTIFY_LAB_IDLE && info(&session).session > 0);
}

/* What all of them have in common unless they say otherwise. */
#define TOO_LONG (NOTIFY_LAB_MAX_GAP_US + 1)
#define NO_ENDS .count = 1, .send_fd = -1, .receive_fd = -1
#define JOB NO_ENDS, .cpu = -1
#define DEVICE_JOB .send = NOTIFY_LAB_SEND_DEVICE, .send_fd = -1, .receive_fd = -1, .cpu = -1
#define IOCTL_JOB .receive = NOTIFY_LAB_RECEIVE_IOCTL, JOB
#define MULTICAST_JOB .send = NOTIFY_LAB_SEND_GENL_MULTICAST, JOB

static const struct refused {
	struct notify_lab_job job;
	int error;
} refused[] = {
	{ { JOB }, EINVAL },
	{ { DEVICE_JOB, .count = 0 }, EINVAL },
	{ { DEVICE_JOB, .count = NOTIFY_LAB_RECORDS + 1 }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .flags = 4 }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .reserved = { 1, 0 } }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .reserved = { 0, 1 } }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .gap_us = 1 }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .flags = NOTIFY_LAB_PACED }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .flags = NOTIFY_LAB_PACED, .gap_us = TOO_LONG }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .flags = NOTIFY_LAB_HARDIRQ, .gap_us = 49 }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .port = 1 }, EINVAL },
	{ { DEVICE_JOB, .count = 1, .signal = 10 }, EINVAL },
	{ { IOCTL_JOB, .flags = NOTIFY_LAB_PACED, .gap_us = 50 }, EINVAL },
	{ { IOCTL_JOB, .flags = NOTIFY_LAB_HARDIRQ, .gap_us = 50 }, EINVAL },
	{ { .send = NOTIFY_LAB_SENDERS, JOB }, EINVAL },
	{ { .receive = NOTIFY_LAB_RECEIVERS, JOB }, EINVAL },
	{ { .send = ~0u, .receive = 1, JOB }, EINVAL },
	{ { .send = NOTIFY_LAB_SEND_SIGNAL, JOB }, EINVAL },
	{ { .send = NOTIFY_LAB_SEND_SIGNAL, .signal = 65, JOB }, EINVAL },
	{ { .send = NOTIFY_LAB_SEND_GENL_UNICAST, JOB }, EINVAL },
	{ { MULTICAST_JOB, .flags = NOTIFY_LAB_HARDIRQ, .gap_us = 50 }, EOPNOTSUPP },
	{ { .send = NOTIFY_LAB_SEND_DEVICE, NO_ENDS, .cpu = -2 }, EINVAL },
	{ { .send = NOTIFY_LAB_SEND_DEVICE, NO_ENDS, .cpu = 100000 }, ENODEV },
	{ { .send = NOTIFY_LAB_SEND_DEVICE, .count = 1, .receive_fd = -1, .cpu = -1 }, EINVAL },
	{ { .send = NOTIFY_LAB_SEND_DEVICE, .count = 1, .send_fd = -1, .cpu = -1 }, EINVAL },
};

static void bad_jobs(void)
{
	struct session session = open_session();

	for (unsigned int i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		EXPECT_ERROR(start(&session, &refused[i].job), refused[i].error);
	EXPECT(info(&session).state == NOTIFY_LAB_IDLE);
}

static void busy(void)
{
	struct session session = open_session();
	struct notify_lab_job request = job(0, NOTIFY_LAB_RECEIVE_IOCTL, 2);

	EXPECT(start(&session, &request) == 0);
	EXPECT_ERROR(start(&session, &request), EBUSY);
	EXPECT(ioctl(session.fd, NOTIFY_LAB_NOTIFY, &(__u64){ 1 }) == 0);
	EXPECT(info(&session).received == 1);
	EXPECT(ioctl(session.fd, NOTIFY_LAB_STOP) == 0);
	EXPECT(info(&session).state == NOTIFY_LAB_STOPPED && info(&session).received == 1);
	EXPECT(start(&session, &request) == 0);
	EXPECT(info(&session).received == 0);
}

static void not_root(void)
{
	struct session session = open_session();
	struct notify_lab_job request = job(NOTIFY_LAB_SEND_DEVICE, 0, 1);
	__u32 id = info(&session).session;

	EXPECT(setuid(65534) == 0);
	EXPECT_ERROR(open(DEVICE, O_RDWR), EACCES);
	EXPECT_ERROR(start(&session, &request), EPERM);
	EXPECT(put_notice(open_netlink(), id, 1) == EPERM);
	EXPECT(info(&session).state == NOTIFY_LAB_IDLE);
}

static void bad_mapping(void)
{
	struct session session = open_session();
	size_t size = sizeof(struct notify_lab_map);

	EXPECT(mmap(NULL, size, PROT_READ, MAP_PRIVATE, session.fd, 0) == MAP_FAILED &&
	       errno == EINVAL);
	EXPECT(mmap(NULL, size + 4096, PROT_READ, MAP_SHARED, session.fd, 0) == MAP_FAILED &&
	       errno == EINVAL);
	EXPECT(mmap(NULL, size, PROT_READ, MAP_SHARED, session.fd, 4096) == MAP_FAILED &&
	       errno == EINVAL);
}

const struct test error_tests[] = {
	{ "error: ENOTTY and EFAULT", commands, 0 },
	{ "error: ENOTCONN without a job", without_a_job, 0 },
	{ "error: jobs that make no sense", bad_jobs, 0 },
	{ "error: EBUSY while a job runs; STOP keeps its figures", busy, 0 },
	{ "error: EACCES and EPERM for those who are not root", not_root, 0 },
	{ "error: mappings that don't fit", bad_mapping, 0 },
	{ 0 },
};
