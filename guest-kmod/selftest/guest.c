// SPDX-License-Identifier: GPL-2.0-only
/* The device file, the driver's sysfs files, and the module. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "selftest.h"

int open_device(int flags)
{
	int fd = open(options.device, flags | O_CLOEXEC);

	EXPECT(fd >= 0);
	return fd;
}

int claim(int fd, uint32_t queue)
{
	struct bellwire_claim claim = { .queue = queue };

	return ioctl(fd, BELLWIRE_CLAIM, &claim) ? -1 : (int)claim.queue;
}

int set_call(int fd, int call)
{
	return ioctl(fd, BELLWIRE_SET_CALL, &(struct bellwire_call){ .fd = call });
}

int set_kick(int fd, int kick, uint32_t worker)
{
	return ioctl(fd, BELLWIRE_SET_KICK,
		     &(struct bellwire_kick){ .fd = kick, .worker = worker });
}

struct bellwire_info info(int fd)
{
	struct bellwire_info info;

	EXPECT(ioctl(fd, BELLWIRE_INFO, &info) == 0);
	return info;
}

int new_eventfd(int flags)
{
	int fd = eventfd(0, flags);

	EXPECT(fd >= 0);
	return fd;
}

void ring_eventfd(int fd, uint64_t count)
{
	EXPECT(write(fd, &count, sizeof(count)) == sizeof(count));
}

int claimed(void)
{
	int fd = open_device(O_RDWR);

	EXPECT(claim(fd, BELLWIRE_ANY_QUEUE) >= 0);
	return fd;
}

uint64_t map_size(void)
{
	int fd = open_device(O_RDWR);
	struct bellwire_claim claim = { .queue = BELLWIRE_ANY_QUEUE };

	EXPECT(ioctl(fd, BELLWIRE_CLAIM, &claim) == 0);
	close(fd);
	return claim.map_size;
}

struct bellwire_queue_control *map_queue(int fd)
{
	void *map = mmap(NULL, sizeof(struct bellwire_queue_control), PROT_READ | PROT_WRITE,
			 MAP_SHARED, fd, 0);

	EXPECT(map != MAP_FAILED);
	return map;
}

void need_interrupt(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };

	EXPECT(ioctl(fd, BELLWIRE_RESET, &(struct bellwire_claim){ 0 }) == 0);
	if (poll(&entry, 1, 2000) == 0)
		skip("no device answers: start one, e.g. echo");
	EXPECT(entry.revents == POLLIN);
}

bool drained(int eventfd)
{
	return poll(&(struct pollfd){ .fd = eventfd, .events = POLLIN }, 1, 0) == 0;
}

/* A claim rings once by itself. */
uint64_t doorbells(int fd)
{
	return info(fd).doorbells - 1;
}

void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	EXPECT(fd >= 0);
	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

/* Found while it is bound; main asks before the first test. */
const char *pci_address(void)
{
	static char address[64];
	char link[PATH_MAX], path[PATH_MAX];
	ssize_t length;

	if (address[0])
		return address;
	snprintf(path, sizeof(path), "/sys/class/misc/%s/device", strrchr(options.device, '/') + 1);
	length = readlink(path, link, sizeof(link) - 1);
	EXPECT(length > 0);
	link[length] = 0;
	snprintf(address, sizeof(address), "%s", strrchr(link, '/') + 1);
	return address;
}

void unbind(void)
{
	write_text(DRIVER "/unbind", pci_address());
}

/* The kernel returns ENOTTY, too, if it has reset a PCIe device and the link did not come up in
 * time. */
bool reset_device(void)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", pci_address());
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	EXPECT(write(fd, "1", 1) == 1 || errno == ENOTTY);
	close(fd);
	return true;
}

void bind(void)
{
	const char *address = pci_address();

	if (access(options.device, F_OK) != 0)
		write_text(DRIVER "/bind", address);
}

bool insert_module(void)
{
	return load_module(options.module);
}

bool remove_module(void)
{
	return unload_module("bellwire");
}

void debugfs_line(uint32_t queue, char *line, int size)
{
	char path[PATH_MAX];
	FILE *file;

	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	snprintf(path, sizeof(path), "/sys/kernel/debug/bellwire/%s/queues",
		 strrchr(options.device, '/') + 1);
	file = fopen(path, "re");
	EXPECT(file);
	for (uint32_t i = 0; i <= queue + 1; i++) /* behind the heading */
		EXPECT(fgets(line, size, file));
	fclose(file);
}
