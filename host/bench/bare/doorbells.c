/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/bench/bare/bare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "host/bench/bare/vm.h"
#include "host/bench/bare/bench_guest.h"

extern const unsigned char bellwire_bench_guest[GUEST_SIZE];

struct bare_doorbells {
	struct bare_vm vm;
	int event;
};

static int wire_doorbells(struct bare_doorbells *doorbells, const struct kvm_ioeventfd *requests,
			  size_t count)
{
	for (size_t index = 0; index < count; index++) {
		struct kvm_ioeventfd request = requests[index];

		request.fd = doorbells->event;
		if (ioctl(doorbells->vm.vm, KVM_IOEVENTFD, &request) != 0)
			return -1;
	}
	return 0;
}

struct bare_doorbells *bare_doorbells_create(const struct kvm_ioeventfd *requests, size_t count)
{
	struct bare_doorbells *doorbells = calloc(1, sizeof(*doorbells));

	if (!doorbells)
		return NULL;
	doorbells->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bare_vm_open(&doorbells->vm) == 0 && doorbells->event >= 0 &&
	    wire_doorbells(doorbells, requests, count) == 0 &&
	    bare_vm_load(&doorbells->vm, bellwire_bench_guest) == 0)
		return doorbells;
	bare_doorbells_destroy(doorbells);
	return NULL;
}

void bare_doorbells_destroy(struct bare_doorbells *doorbells)
{
	if (!doorbells)
		return;
	bare_vm_close(&doorbells->vm);
	if (doorbells->event >= 0)
		close(doorbells->event);
	free(doorbells);
}

static int count_exits_until_done(struct bare_vm *vm)
{
	for (int exits = 0;; exits++) {
		if (bare_vm_run(vm) != 0)
			return -1;
		if (bare_vm_said(vm, GUEST_DONE))
			return exits;
		if (bare_vm_said(vm, GUEST_FAULT) || (vm->run->exit_reason != KVM_EXIT_MMIO &&
						      vm->run->exit_reason != KVM_EXIT_IO)) {
			errno = EIO;
			return -1;
		}
	}
}

int bare_doorbells_ring(struct bare_doorbells *doorbells, uint32_t way, uint64_t address,
			uint32_t bursts, uint32_t *ticks)
{
	unsigned char *talk = doorbells->vm.program + GUEST_DATA;
	int exits;

	memcpy(talk + BENCH_WAY, &way, sizeof(way));
	memcpy(talk + BENCH_COUNT, &bursts, sizeof(bursts));
	memcpy(talk + BENCH_ADDRESS, &address, sizeof(address));
	exits = count_exits_until_done(&doorbells->vm);
	memcpy(ticks, talk + BENCH_TICKS, bursts * sizeof(*ticks));
	return exits;
}
