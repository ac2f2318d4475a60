// SPDX-License-Identifier: BSD-3-Clause
/* The device file and the two eventfds of a guest; the ring is in ring.c. */
#define _GNU_SOURCE
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <bellwire/guest.h>

#define MOST_DEVICES 64
#define OPEN_TRIES 100
#define OPEN_PAUSE_MS 50
#define SERVE_PATIENCE_MS 10000
#define LOOK_MS 1000 /* how long a wake-up that was lost can stay unnoticed */

struct bellwire_guest {
	int file;
	int call;
	int kick;
	void *map; /* of the claimed queue; NULL: none is claimed */
	size_t map_size;
	struct ring ring;
};

static int command(const struct bellwire_guest *guest, unsigned long code, void *argument)
{
	return ioctl(guest->file, code, argument) ? -errno : 0;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* What is left until then, at most LOOK_MS; negative: there is no end. */
static int left_ms(long long deadline)
{
	const long long left = deadline < 0 ? LOOK_MS : deadline - now_ms();

	return left < 0 ? 0 : left < LOOK_MS ? (int)left : LOOK_MS;
}

static int open_file(const char *path)
{
	const int file = open(path, O_RDWR | O_CLOEXEC);

	return file < 0 ? -errno : file;
}

static bool has_name(int file, const char *name)
{
	struct bellwire_info info;

	return ioctl(file, BELLWIRE_INFO, &info) == 0 && strcmp(info.kind, name) == 0;
}

/* The file of the first device of that name; -ENXIO: none has it. */
static int find_named(const char *name)
{
	char path[sizeof("/dev/bellwire00")];

	for (unsigned int number = 0; number < MOST_DEVICES; ++number) {
		int file;

		snprintf(path, sizeof(path), "/dev/bellwire%u", number);
		file = open_file(path);
		if (file == -EACCES || file == -EMFILE || (file >= 0 && has_name(file, name)))
			return file;
		if (file >= 0)
			close(file);
	}
	return -ENXIO;
}

static int wait_for_named(const char *name)
{
	const struct timespec pause = { .tv_nsec = OPEN_PAUSE_MS * 1000000L };
	int file = find_named(name);

	for (int tries = 1; tries < OPEN_TRIES && file == -ENXIO; ++tries) {
		nanosleep(&pause, NULL);
		file = find_named(name);
	}
	return file;
}

int bellwire_guest_open(const char *device, struct bellwire_guest **guest)
{
	const int file = strchr(device, '/') ? open_file(device) : wait_for_named(device);
	struct bellwire_guest *made;

	if (file < 0)
		return file;
	made = calloc(1, sizeof(*made));
	if (!made) {
		close(file);
		return -ENOMEM;
	}
	*made = (struct bellwire_guest){ .file = file, .call = -1, .kick = -1 };
	*guest = made;
	return 0;
}

static void close_eventfds(struct bellwire_guest *guest)
{
	if (guest->call >= 0)
		close(guest->call);
	if (guest->kick >= 0)
		close(guest->kick);
	guest->call = guest->kick = -1;
}

/* The mapping holds the queue as the file does. */
void bellwire_guest_close(struct bellwire_guest *guest)
{
	if (!guest)
		return;
	if (guest->map)
		munmap(guest->map, guest->map_size);
	close_eventfds(guest);
	close(guest->file);
	free(guest);
}

static int give_eventfds(struct bellwire_guest *guest)
{
	struct bellwire_call call = { 0 };
	struct bellwire_kick kick = { .worker = BELLWIRE_WORKER_CALLBACK };
	int error;

	guest->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	guest->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (guest->call < 0 || guest->kick < 0)
		return -errno;
	call.fd = guest->call;
	kick.fd = guest->kick;
	error = command(guest, BELLWIRE_SET_CALL, &call);
	return error ? error : command(guest, BELLWIRE_SET_KICK, &kick);
}

static int map_queue(struct bellwire_guest *guest, const struct bellwire_claim *claim)
{
	void *map = mmap(NULL, claim->map_size, PROT_READ | PROT_WRITE, MAP_SHARED, guest->file, 0);

	if (map == MAP_FAILED)
		return -errno;
	guest->map = map;
	guest->map_size = claim->map_size;
	return 0;
}

/* Sleeps until the device calls, for `time`; -ENODEV: it is gone. */
static int sleep_until_called(struct bellwire_guest *guest, int time)
{
	struct pollfd entries[] = { { .fd = guest->call, .events = POLLIN },
				    { .fd = guest->file } };
	__u64 count;

	if (poll(entries, 2, time) < 0)
		return -errno;
	if (read(guest->call, &count, sizeof(count)) == sizeof(count))
		ring_note_awake(&guest->ring);
	return entries[1].revents ? -ENODEV : 0;
}

/* The claim rang; this rings again, so that a device that starts late notices it. */
static int wait_until_served(struct bellwire_guest *guest)
{
	const long long deadline = now_ms() + SERVE_PATIENCE_MS;

	while (!ring_served(&guest->ring)) {
		const int error = sleep_until_called(guest, LOOK_MS / 10);

		if (error && error != -EINTR)
			return error;
		if (now_ms() > deadline)
			return -ETIMEDOUT;
		if (!ring_served(&guest->ring))
			command(guest, BELLWIRE_RING, NULL);
	}
	return 0;
}

int bellwire_guest_claim(struct bellwire_guest *guest, __u32 queue)
{
	struct bellwire_claim claim = { .queue = queue };
	int error = command(guest, BELLWIRE_CLAIM, &claim);

	if (!error)
		error = give_eventfds(guest);
	if (!error)
		error = map_queue(guest, &claim);
	if (error)
		return error;
	ring_begin(&guest->ring, guest->map, &claim);
	return wait_until_served(guest);
}

int bellwire_guest_reset(struct bellwire_guest *guest)
{
	struct bellwire_claim claim = { 0 };
	const int error = command(guest, BELLWIRE_RESET, &claim);

	if (error)
		return error;
	ring_begin(&guest->ring, guest->map, &claim);
	return wait_until_served(guest);
}

void *bellwire_guest_payload(const struct bellwire_guest *guest, size_t *size)
{
	const size_t offset =
		bellwire_payload_offset(guest->ring.entries, guest->ring.trace_entries);

	if (!guest->map)
		return NULL;
	if (size)
		*size = guest->map_size - offset;
	return (char *)guest->map + offset;
}

unsigned int bellwire_guest_space(const struct bellwire_guest *guest)
{
	return ring_space(&guest->ring);
}

int bellwire_guest_submit(struct bellwire_guest *guest, const struct bellwire_request *requests,
			  unsigned int count)
{
	static const __u64 one = 1;

	if (!guest->map)
		return -ENOTCONN;
	if (count > ring_space(&guest->ring))
		return -ENOBUFS;
	for (unsigned int index = 0; index < count; ++index)
		ring_put(&guest->ring, &requests[index]);
	/* A full eventfd has been rung. */
	if (ring_publish(&guest->ring) && write(guest->kick, &one, sizeof(one)) < 0 &&
	    errno != EAGAIN)
		return -errno;
	return 0;
}

int bellwire_guest_wait(struct bellwire_guest *guest, struct bellwire_completion *completion,
			int timeout_ms)
{
	const long long deadline = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;

	if (!guest->map)
		return -ENOTCONN;
	for (;;) {
		int error = ring_take(&guest->ring, completion);

		if (error != -EAGAIN)
			return error;
		if (!ring_may_sleep(&guest->ring))
			continue;
		if (deadline >= 0 && now_ms() >= deadline)
			return -ETIMEDOUT;
		error = sleep_until_called(guest, left_ms(deadline));
		if (error)
			return error;
	}
}

int bellwire_guest_fd(const struct bellwire_guest *guest)
{
	return guest->call;
}
