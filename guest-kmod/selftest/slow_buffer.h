/* SPDX-License-Identifier: GPL-2.0-only */
/* A page whose fault waits for us, by userfaultfd: it stops a system call in the middle of a copy. */
#ifndef SELFTEST_SLOW_BUFFER_H
#define SELFTEST_SLOW_BUFFER_H

struct slow_buffer {
	void *page;
	int fd; /* userfaultfd */
};

/* Skips where the kernel has no userfaultfd. */
struct slow_buffer slow_buffer(void);

/* Returns when somebody is in the fault. */
void slow_buffer_await(const struct slow_buffer *buffer);

/* Lets the fault fail, for there is no page any more. */
void slow_buffer_fail(const struct slow_buffer *buffer);

#endif /* SELFTEST_SLOW_BUFFER_H */
