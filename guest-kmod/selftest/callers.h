/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The calls that a 64-bit and a 32-bit program make alike, and the layout of what
 * they pass. Compiled once for each: without the C library, which there need not
 * be for 32 bits. Whoever includes it defines system_call().
 */
#ifndef SELFTEST_CALLERS_H
#define SELFTEST_CALLERS_H

#include <asm/unistd.h>

#include "guest-kmod/uapi/bellwire.h"
#include "guest-kmod/uapi/bellwire_virtio.h"

/* 32-bit programs align __u64 to 4 bytes: what stands behind one shows the layout. */
#define AT(type, member, offset)                                                                   \
	_Static_assert(__builtin_offsetof(struct type, member) == (offset), #member)

AT(bellwire_claim, map_size, 16);
AT(bellwire_claim, trace_entries, 24);
AT(bellwire_call, flags, 4);
AT(bellwire_kick, reserved, 12);
AT(bellwire_info, kind, 32);
AT(bellwire_info, incarnation, 48);
AT(bellwire_info, kicks, 64);
AT(bellwire_info, recovered_interrupts, 104);
AT(bellwire_info, reserved, 112);
AT(bellwire_step, file, 16);
AT(bellwire_step, function, 40);
AT(bellwire_format, size, 16);
AT(bellwire_format, queue_stride, 32);
AT(bellwire_format, ring_entries, 40);
AT(bellwire_device_line, peer, 28);
AT(bellwire_status_line, doorbells, 16);
AT(bellwire_status_line, lost, 40);
AT(bellwire_side_line, last, 8);
AT(bellwire_request, input_offset, 8);
AT(bellwire_request, reserved, 32);
AT(bellwire_completion, result, 16);
AT(bellwire_completion, incarnation, 24);
AT(bellwire_record, index, 12);
AT(bellwire_virtio_config, queues, 16);
AT(bellwire_virtio_request, operation, 8);
AT(bellwire_virtio_reply, length, 8);

/* Returns the result, or -errno. */
static long system_call(long number, long first, long second, long third);

struct outcome {
	__s32 result;
	/* As the call left it. */
	__u8 argument[sizeof(struct bellwire_info)] __attribute__((aligned(8)));
};

enum {
	CALLS = 39,     /* that are made */
	SUCCESSES = 19, /* of them */
	DEVICE = 100,   /* descriptors, the same in both programs */
	KICK = 101,
	CALL = 102,
	NO_FILE = 99,
};

struct transcript {
	__u32 calls;
	struct outcome outcomes[CALLS];
};

/* Forgets what differs from one run to the next. */
static inline void normalize_claim(struct bellwire_claim *claim)
{
	claim->generation &= 1;
}

static inline void normalize_info(struct bellwire_info *info)
{
	info->generation &= 1;
	info->beat = 0;
	info->interrupts = 0;
	info->calls = 0;
}

static inline struct outcome *call_device(struct transcript *all, unsigned int command,
					  const void *argument)
{
	struct outcome *outcome = &all->outcomes[all->calls++ % CALLS];

	for (unsigned int i = 0; argument && i < _IOC_SIZE(command); i++)
		outcome->argument[i] = ((const __u8 *)argument)[i];
	outcome->result =
		system_call(__NR_ioctl, DEVICE, command, argument ? (long)outcome->argument : 0);
	return outcome;
}

static inline void call_claim(struct transcript *all, unsigned int command, __u32 queue,
			      __u32 flags)
{
	const struct bellwire_claim claim = { .queue = queue, .flags = flags };

	normalize_claim((void *)call_device(all, command, &claim)->argument);
}

static inline void call_info(struct transcript *all)
{
	const struct bellwire_info info = { 0 };

	normalize_info((void *)call_device(all, BELLWIRE_INFO, &info)->argument);
}

static inline void call_set_call(struct transcript *all, int fd, __u32 flags)
{
	const struct bellwire_call call = { .fd = fd, .flags = flags };

	call_device(all, BELLWIRE_SET_CALL, &call);
}

static inline void call_set_kick(struct transcript *all, int fd, __u32 worker)
{
	const struct bellwire_kick kick = { .fd = fd, .worker = worker };

	call_device(all, BELLWIRE_SET_KICK, &kick);
}

static inline void call_step(struct transcript *all, __u32 action)
{
	const struct bellwire_step step = { .action = action };

	call_device(all, BELLWIRE_STEP, &step);
}

/* An interrupt for the reset may have come by now, and be held. */
static inline void call_step_off(struct transcript *all)
{
	const struct bellwire_step step = { .action = BELLWIRE_STEP_OFF };
	struct outcome *outcome = call_device(all, BELLWIRE_STEP, &step);

	*(struct bellwire_step *)outcome->argument = step;
}

static inline void calls_without_queue(struct transcript *all)
{
	call_info(all);
	call_claim(all, BELLWIRE_RESET, 0, 0);
	call_set_call(all, -1, 0);
	call_set_kick(all, -1, BELLWIRE_WORKER_NONE);
	call_step(all, BELLWIRE_STEP_SHOW);
	call_device(all, BELLWIRE_KICK, NULL);
	call_device(all, BELLWIRE_RING, NULL);
	call_claim(all, BELLWIRE_CLAIM, BELLWIRE_MAX_QUEUES, 0);
	call_claim(all, BELLWIRE_CLAIM, 0, ~0u);
	call_device(all, BELLWIRE_CLAIM, NULL);
}

static inline void calls_with_queue(struct transcript *all)
{
	call_claim(all, BELLWIRE_CLAIM, BELLWIRE_ANY_QUEUE, BELLWIRE_CLAIM_NO_LOOKS);
	call_claim(all, BELLWIRE_CLAIM, BELLWIRE_ANY_QUEUE, BELLWIRE_CLAIM_NO_LOOKS);
	call_set_call(all, CALL, 0);
	call_set_call(all, CALL, 1);
	call_set_call(all, DEVICE, 0);
	call_set_call(all, NO_FILE, 0);
	call_set_call(all, -1, 0);
	for (__u32 worker = 0; worker <= BELLWIRE_WORKER_CALLBACK + 1; worker++)
		call_set_kick(all, KICK, worker);
	call_set_kick(all, NO_FILE, BELLWIRE_WORKER_POLL);
	call_device(all, BELLWIRE_KICK, NULL);
	call_device(all, BELLWIRE_RING, NULL);
	call_info(all);
	call_claim(all, BELLWIRE_RESET, 0, 0);
	call_claim(all, BELLWIRE_RESET, 0, 1);
}

static inline void calls_in_slow_motion(struct transcript *all)
{
	call_step(all, BELLWIRE_STEP_ON);
	call_device(all, BELLWIRE_RING, NULL);
	call_step(all, BELLWIRE_STEP_SHOW);
	call_step(all, BELLWIRE_STEP_NEXT);
	call_step_off(all);
	call_step(all, BELLWIRE_STEP_OFF + 1);
	call_device(all, BELLWIRE_STEP, NULL);
	call_device(all, BELLWIRE_INFO, NULL);
	call_device(all, _IO(0xbe, 0x7f), NULL);
	call_set_kick(all, -1, BELLWIRE_WORKER_NONE);
	call_info(all);
}

static inline void renumber(long fd, int number)
{
	system_call(__NR_dup2, fd, number, 0);
	system_call(__NR_close, fd, 0, 0);
}

/* Returns 0, or -errno: the device's file cannot be opened. */
static inline int make_calls(const char *device, struct transcript *all)
{
	long fd = system_call(__NR_open, (long)device, O_RDWR, 0);

	if (fd < 0)
		return fd;
	renumber(fd, DEVICE);
	renumber(system_call(__NR_eventfd2, 0, 0, 0), KICK);
	renumber(system_call(__NR_eventfd2, 0, 0, 0), CALL);
	calls_without_queue(all);
	calls_with_queue(all);
	calls_in_slow_motion(all);
	system_call(__NR_close, DEVICE, 0, 0);
	system_call(__NR_close, KICK, 0, 0);
	system_call(__NR_close, CALL, 0, 0);
	return 0;
}

#endif /* SELFTEST_CALLERS_H */
