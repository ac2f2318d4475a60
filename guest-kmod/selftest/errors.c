// SPDX-License-Identifier: GPL-2.0-only
/* Every error that the header names. None needs a device. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "selftest.h"

static void unknown_command(void)
{
	int fd = open_device(O_RDWR);

	EXPECT_ERROR(ioctl(fd, _IO(0xbe, 0x7f)), ENOTTY);
	EXPECT_ERROR(ioctl(fd, _IOWR(0xbe, 0x00, uint32_t), &fd), ENOTTY);
}

static void bad_address(void)
{
	int fd = open_device(O_RDWR);

	EXPECT_ERROR(ioctl(fd, BELLWIRE_CLAIM, NULL), EFAULT);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_INFO, NULL), EFAULT);
	EXPECT(claim(fd, 0) == 0);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_SET_CALL, NULL), EFAULT);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_SET_KICK, NULL), EFAULT);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_RESET, NULL), EFAULT);
}

/* A page that can only be read. */
static struct bellwire_claim *unwritable(void)
{
	struct bellwire_claim *claim =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(claim != MAP_FAILED);
	*claim = (struct bellwire_claim){ 0 };
	EXPECT(mprotect(claim, 4096, PROT_READ) == 0);
	return claim;
}

static void undelivered_claim(void)
{
	int fd = open_device(O_RDWR);

	EXPECT_ERROR(ioctl(fd, BELLWIRE_CLAIM, unwritable()), EFAULT);
	EXPECT(info(fd).queue == BELLWIRE_ANY_QUEUE);
	EXPECT(info(fd).queues_free == info(fd).queues);
	EXPECT(claim(fd, 0) == 0);
}

static void undelivered_reset(void)
{
	int fd = claimed();
	volatile struct bellwire_queue_control *map = map_queue(fd);
	uint32_t generation = map->driver.generation;
	uint64_t rung = doorbells(fd);

	EXPECT_ERROR(ioctl(fd, BELLWIRE_RESET, unwritable()), EFAULT);
	EXPECT(map->driver.generation == generation && info(fd).generation == generation);
	EXPECT(doorbells(fd) == rung);
}

/* Pages that are mapped in only when they are touched: zeroes, and the queue's own. */
static void answer_into_missing_pages(void)
{
	struct bellwire_claim *zeroes =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = open_device(O_RDWR);
	struct bellwire_claim *own;
	uint32_t generation;

	EXPECT(zeroes != MAP_FAILED);
	EXPECT(ioctl(fd, BELLWIRE_CLAIM, zeroes) == 0 && zeroes->generation % 2 == 1);
	generation = zeroes->generation;
	own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, zeroes->map_size - 4096);
	EXPECT(own != MAP_FAILED);
	*own = (struct bellwire_claim){ 0 };
	EXPECT(munmap(own, 4096) == 0);
	own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, zeroes->map_size - 4096);
	EXPECT(own != MAP_FAILED);
	EXPECT(ioctl(fd, BELLWIRE_RESET, own) == 0 && own->generation == info(fd).generation);
	EXPECT(own->generation != generation);
}

static void claim_reserved(void)
{
	int fd = open_device(O_RDWR);

	EXPECT_ERROR(ioctl(fd, BELLWIRE_CLAIM, &(struct bellwire_claim){ .flags = 2 }), EINVAL);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_CLAIM, &(struct bellwire_claim){ .reserved = 1 }), EINVAL);
	EXPECT(info(fd).queue == BELLWIRE_ANY_QUEUE);
}

static void other_reserved(void)
{
	int fd = claimed();

	EXPECT_ERROR(ioctl(fd, BELLWIRE_RESET,
			   &(struct bellwire_claim){ .flags = BELLWIRE_CLAIM_NO_LOOKS }),
		     EINVAL);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_RESET, &(struct bellwire_claim){ .reserved = 1 }), EINVAL);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_SET_CALL, &(struct bellwire_call){ .fd = -1, .flags = 1 }),
		     EINVAL);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_SET_KICK, &(struct bellwire_kick){ .fd = -1, .flags = 1 }),
		     EINVAL);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_SET_KICK,
			   &(struct bellwire_kick){ .fd = -1, .reserved = 1 }),
		     EINVAL);
}

static void unclaimed(void)
{
	int fd = open_device(O_RDWR);
	uint64_t count;

	EXPECT_ERROR(set_call(fd, -1), ENOTCONN);
	EXPECT_ERROR(set_kick(fd, -1, BELLWIRE_WORKER_NONE), ENOTCONN);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_KICK), ENOTCONN);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_RESET, &(struct bellwire_claim){ 0 }), ENOTCONN);
	EXPECT_ERROR(read(fd, &count, sizeof(count)), ENOTCONN);
	EXPECT(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENOTCONN);
}

static uint32_t beat_of(int fd)
{
	return info(fd).beat;
}

/* An idle device sleeps, so its beats end; any ring causes another beat. */
static void ring_makes_it_beat(void)
{
	int fd = open_device(O_RDWR);
	uint32_t beat;

	do {
		beat = beat_of(fd);
		usleep(3 * BELLWIRE_BEAT_MS * 1000);
	} while (beat_of(fd) != beat);
	EXPECT(ioctl(fd, BELLWIRE_RING) == 0);
	while (beat_of(fd) == beat)
		usleep(1000);
}

static void info_unclaimed(void)
{
	struct bellwire_info seen = info(open_device(O_RDWR));

	EXPECT(seen.version == BELLWIRE_VERSION);
	EXPECT(seen.queues >= 1 && seen.queues <= BELLWIRE_MAX_QUEUES);
	EXPECT(seen.queues_free == seen.queues);
	EXPECT(seen.queue == BELLWIRE_ANY_QUEUE);
	EXPECT(seen.worker == BELLWIRE_WORKER_NONE && seen.generation == 0);
	EXPECT(!seen.kicks && !seen.doorbells && !seen.interrupts && !seen.calls);
	EXPECT(!seen.reserved[0] && !seen.reserved[1]);
}

static void claim_out_of_range(void)
{
	int fd = open_device(O_RDWR);

	EXPECT_ERROR(claim(fd, info(fd).queues), EINVAL);
	EXPECT_ERROR(claim(fd, BELLWIRE_ANY_QUEUE - 1), EINVAL);
}

static void claim_twice(void)
{
	int fd = open_device(O_RDWR), other = open_device(O_RDWR);

	EXPECT(claim(fd, 0) == 0);
	EXPECT_ERROR(claim(fd, 0), EBUSY);
	EXPECT_ERROR(claim(fd, BELLWIRE_ANY_QUEUE), EBUSY);
	EXPECT_ERROR(claim(other, 0), EBUSY);
	close(fd);
	EXPECT(claim(other, 0) == 0);
}

static void claim_all(void)
{
	int fd = open_device(O_RDWR);
	uint32_t queues = info(fd).queues, seen = 0;

	for (uint32_t i = 0; i < queues; i++)
		seen |= 1u << claim(open_device(O_RDWR), BELLWIRE_ANY_QUEUE);
	EXPECT(__builtin_popcount(seen) == (int)queues);
	EXPECT(info(fd).queues_free == 0);
	EXPECT_ERROR(claim(fd, BELLWIRE_ANY_QUEUE), EBUSY);
}

static void bad_call(void)
{
	int fd = claimed(), closed = new_eventfd(0);

	close(closed);
	EXPECT_ERROR(set_call(fd, closed), EBADF);
	EXPECT_ERROR(set_call(fd, -2), EBADF);
	EXPECT_ERROR(set_call(fd, fd), EINVAL);
	EXPECT_ERROR(set_call(fd, open("/dev/null", O_RDWR)), EINVAL);
	EXPECT(set_call(fd, -1) == 0);
	EXPECT(set_call(fd, new_eventfd(0)) == 0);
	EXPECT(set_call(fd, -1) == 0);
}

static void bad_kick(void)
{
	int fd = claimed(), kick = new_eventfd(0);

	EXPECT_ERROR(set_kick(fd, -1, BELLWIRE_WORKER_READ), EBADF);
	EXPECT_ERROR(set_kick(fd, 1000, BELLWIRE_WORKER_POLL), EBADF);
	EXPECT_ERROR(set_kick(fd, fd, BELLWIRE_WORKER_CALLBACK), EINVAL);
	EXPECT_ERROR(set_kick(fd, kick, BELLWIRE_WORKER_NONE), EINVAL);
	EXPECT_ERROR(set_kick(fd, kick, BELLWIRE_WORKER_CALLBACK + 1), EINVAL);
	EXPECT_ERROR(set_kick(fd, kick, UINT32_MAX), EINVAL);
	EXPECT(info(fd).worker == BELLWIRE_WORKER_NONE);
}

/* A command that fails leaves the present worker. */
static void failed_kick_keeps_worker(void)
{
	int fd = claimed(), kick = new_eventfd(0);

	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_POLL) == 0);
	EXPECT_ERROR(set_kick(fd, -2, BELLWIRE_WORKER_READ), EBADF);
	EXPECT(info(fd).worker == BELLWIRE_WORKER_POLL);
	ring_eventfd(kick, 1);
	EXPECT_SOON(info(fd).kicks == 1);
}

static void nonblocking_kick(void)
{
	int fd = claimed(), kick = new_eventfd(O_NONBLOCK);

	EXPECT_ERROR(set_kick(fd, kick, BELLWIRE_WORKER_READ), EINVAL);
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_POLL) == 0);
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_CALLBACK) == 0);
}

static void kick_without_eventfd(void)
{
	int fd = claimed(), kick = new_eventfd(0);

	EXPECT_ERROR(ioctl(fd, BELLWIRE_KICK), ENOTCONN);
	EXPECT(set_kick(fd, kick, BELLWIRE_WORKER_CALLBACK) == 0);
	EXPECT(ioctl(fd, BELLWIRE_KICK) == 0);
	EXPECT(set_kick(fd, -1, BELLWIRE_WORKER_NONE) == 0);
	EXPECT_ERROR(ioctl(fd, BELLWIRE_KICK), ENOTCONN);
}

const struct test error_tests[] = {
	{ "ENOTTY for an unknown command, or a known one of another size", unknown_command, 0 },
	{ "EFAULT for a bad address", bad_address, 0 },
	{ "a claim whose answer can't be delivered has no effect", undelivered_claim, 0 },
	{ "a reset whose answer can't be delivered has no effect", undelivered_reset, 0 },
	{ "answers reach pages that must be fetched first", answer_into_missing_pages, 0 },
	{ "EINVAL for unknown flags or reserved fields, and nothing is claimed", claim_reserved,
	  0 },
	{ "EINVAL for unknown flags and reserved fields elsewhere", other_reserved, 0 },
	{ "ENOTCONN without a claim", unclaimed, 0 },
	{ "info works without a claim", info_unclaimed, 0 },
	{ "an idle device stands still, and beats when it is rung", ring_makes_it_beat, 0 },
	{ "EINVAL for a queue that the device does not have", claim_out_of_range, 0 },
	{ "EBUSY for a second queue of a file and a second file of a queue", claim_twice, 0 },
	{ "any queue is claimed until none is free", claim_all, 0 },
	{ "call: EBADF, EINVAL, and -1 removes it", bad_call, 0 },
	{ "kick: EBADF, EINVAL, unknown workers", bad_kick, 0 },
	{ "a kick that is refused leaves the worker as it was", failed_kick_keeps_worker, 0 },
	{ "a non-blocking eventfd is refused by the read worker only", nonblocking_kick, 0 },
	{ "ENOTCONN for a kick without a kick eventfd", kick_without_eventfd, 0 },
	{ 0 },
};
