// SPDX-License-Identifier: GPL-2.0-only
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runner.h"
#include "slow_buffer.h"

struct slow_buffer slow_buffer(void)
{
	struct slow_buffer buffer = { .fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK) };
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	if (buffer.fd < 0)
		skip("no userfaultfd in this kernel");
	EXPECT(ioctl(buffer.fd, UFFDIO_API, &api) == 0);
	buffer.page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(buffer.page != MAP_FAILED);
	range.range = (struct uffdio_range){ .start = (uintptr_t)buffer.page, .len = 4096 };
	EXPECT(ioctl(buffer.fd, UFFDIO_REGISTER, &range) == 0);
	return buffer;
}

void slow_buffer_await(const struct slow_buffer *buffer)
{
	EXPECT(poll(&(struct pollfd){ .fd = buffer->fd, .events = POLLIN }, 1, 10000) == 1);
}

void slow_buffer_fail(const struct slow_buffer *buffer)
{
	EXPECT(munmap(buffer->page, 4096) == 0);
	close(buffer->fd);
}
