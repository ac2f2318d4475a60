/* SPDX-License-Identifier: BSD-3-Clause */
/* Yours to play with: `make run` runs it in a VM. The grader does not look at it. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rings_lab.h"

static void tell(const char *what, int result)
{
	if (result < 0)
		perror(what);
	else
		printf("%s: %d\n", what, result);
}

int main(void)
{
	int file = open("/dev/rings", O_RDWR), fd = eventfd(0, EFD_NONBLOCK);
	uint64_t count = 0;

	tell("open", file);
	tell("set", ioctl(file, RINGS_SET, fd));
	tell("ring", ioctl(file, RINGS_RING));
	tell("read", read(fd, &count, sizeof(count)));
	printf("count: %" PRIu64 "\n", count);
	return 0;
}
