/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * As much of the kernel's headers as guest-kmod/module/poll_time.h and look_time.h
 * need, so that tests on the host can include them. In the include path of those
 * tests alone.
 */
#ifndef BELLWIRE_TESTING_LINUX_MINMAX_H
#define BELLWIRE_TESTING_LINUX_MINMAX_H

#include <linux/types.h>

typedef __u64 u64;
typedef __s64 s64;

#define min_t(type, a, b) ((type)(a) < (type)(b) ? (type)(a) : (type)(b))
#define max_t(type, a, b) ((type)(a) > (type)(b) ? (type)(a) : (type)(b))
#define clamp_t(type, value, low, high) min_t(type, max_t(type, value, low), high)

#endif /* BELLWIRE_TESTING_LINUX_MINMAX_H */
