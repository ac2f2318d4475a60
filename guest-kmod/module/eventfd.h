/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * eventfd_signal() lost its second argument in Linux 6.8, and vendors ported that
 * back, so this depends on the function's type, not on the kernel's version.
 */
#ifndef BELL_EVENTFD_H
#define BELL_EVENTFD_H

#include <linux/eventfd.h>

static inline void bell_signal_one(void (*signal)(struct eventfd_ctx *), struct eventfd_ctx *ctx)
{
	signal(ctx);
}

static inline void bell_signal_two(__u64 (*signal)(struct eventfd_ctx *, __u64),
				   struct eventfd_ctx *ctx)
{
	signal(ctx, 1);
}

/* clang-format off */
#define bell_eventfd_signal(ctx)                                              \
	_Generic(&eventfd_signal,                                             \
		 void (*)(struct eventfd_ctx *c) : bell_signal_one,           \
		 __u64 (*)(struct eventfd_ctx *c, __u64 n) : bell_signal_two) \
		(eventfd_signal, (ctx))
/* clang-format on */

#endif /* BELL_EVENTFD_H */
