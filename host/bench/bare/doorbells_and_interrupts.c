/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A guest that rings doorbells, by each way that KVM has (guest: bench_guest.S); and a guest that
 * takes interrupts, by each way in which KVM injects them (guest: the monitor).
 */
#include "host/bench/bare/bare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <x86intrin.h>

#include "host/bench/bare/bench_guest.h"
#include "host/bench/bare/vm.h"
#include "vdev/machine/kvm/monitor.h"

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

#define PATIENCE 10000 /* looks, of some microseconds each */

extern const unsigned char bellwire_monitor[GUEST_SIZE];

struct bare_interrupts {
	struct bare_vm vm;
	struct bare_lines lines;
	int wired, loose; /* eventfds */
};

static int tell_monitor(struct bare_vm *vm, uint32_t command)
{
	memcpy(vm->program + GUEST_DATA + MONITOR_COMMAND, &command, sizeof(command));
	do {
		if (bare_vm_run(vm) != 0)
			return -1;
	} while (bare_vm_said(vm, GUEST_YIELD));
	if (bare_vm_said(vm, GUEST_DONE))
		return 0;
	errno = EIO;
	return -1;
}

static int take_one(struct bare_vm *vm)
{
	unsigned char *taken_at = vm->program + GUEST_DATA + MONITOR_TAKEN;

	for (unsigned int look = 0; look < PATIENCE; look++) {
		uint32_t taken = 0;

		memcpy(taken_at, &taken, sizeof(taken));
		if (tell_monitor(vm, MONITOR_TAKE) != 0)
			return -1;
		memcpy(&taken, taken_at, sizeof(taken));
		if (taken > 0)
			return 0;
	}
	errno = ETIMEDOUT;
	return -1;
}

/* What a guest would do by the I/O APIC's registers. */
static int set_edge(const struct bare_interrupts *interrupts)
{
	struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };

	if (ioctl(interrupts->vm.vm, KVM_GET_IRQCHIP, &chip) != 0)
		return -1;
	chip.chip.ioapic.redirtbl[interrupts->lines.pin].bits = interrupts->lines.pin_vector;
	return ioctl(interrupts->vm.vm, KVM_SET_IRQCHIP, &chip);
}

static int wire_interrupts(const struct bare_interrupts *interrupts)
{
	const struct bare_lines *lines = &interrupts->lines;
	const struct kvm_irq_routing_entry routes[] = {
		{ .gsi = lines->message_gsi,
		  .type = KVM_IRQ_ROUTING_MSI,
		  .u.msi = { .address_lo = GUEST_APIC, .data = lines->message_vector } },
		{ .gsi = lines->pin,
		  .type = KVM_IRQ_ROUTING_IRQCHIP,
		  .u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = lines->pin } },
	};
	struct kvm_irqfd wire = { .fd = interrupts->wired, .gsi = lines->message_gsi };

	if (bare_vm_route(&interrupts->vm, routes, sizeof(routes) / sizeof(*routes)) != 0 ||
	    ioctl(interrupts->vm.vm, KVM_IRQFD, &wire) != 0)
		return -1;
	return set_edge(interrupts);
}

struct bare_interrupts *bare_interrupts_create(const struct bare_lines *lines)
{
	struct bare_interrupts *interrupts = calloc(1, sizeof(*interrupts));

	if (!interrupts)
		return NULL;
	interrupts->lines = *lines;
	interrupts->wired = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	interrupts->loose = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (bare_vm_open(&interrupts->vm) == 0 && interrupts->wired >= 0 &&
	    interrupts->loose >= 0 && wire_interrupts(interrupts) == 0 &&
	    bare_vm_load(&interrupts->vm, bellwire_monitor) == 0 &&
	    tell_monitor(&interrupts->vm, MONITOR_ENABLE_APIC) == 0)
		return interrupts;
	bare_interrupts_destroy(interrupts);
	return NULL;
}

void bare_interrupts_destroy(struct bare_interrupts *interrupts)
{
	if (!interrupts)
		return;
	bare_vm_close(&interrupts->vm);
	if (interrupts->wired >= 0)
		close(interrupts->wired);
	if (interrupts->loose >= 0)
		close(interrupts->loose);
	free(interrupts);
}

static int write_one(int fd)
{
	const uint64_t one = 1;

	return write(fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

int bare_raise_nothing(const struct bare_interrupts *interrupts)
{
	return write_one(interrupts->loose);
}

int bare_raise_irqfd(const struct bare_interrupts *interrupts)
{
	return write_one(interrupts->wired);
}

int bare_raise_signal_msi(const struct bare_interrupts *interrupts)
{
	struct kvm_msi message = { .address_lo = GUEST_APIC,
				   .data = interrupts->lines.message_vector };

	return ioctl(interrupts->vm.vm, KVM_SIGNAL_MSI, &message) < 0 ? -1 : 0;
}

int bare_raise_irq_line(const struct bare_interrupts *interrupts)
{
	struct kvm_irq_level up = { .irq = interrupts->lines.pin, .level = 1 };
	struct kvm_irq_level down = { .irq = interrupts->lines.pin };

	if (ioctl(interrupts->vm.vm, KVM_IRQ_LINE, &up) != 0)
		return -1;
	return ioctl(interrupts->vm.vm, KVM_IRQ_LINE, &down);
}

int bare_interrupts_raise(struct bare_interrupts *interrupts, bare_raise *raise, bool arrives,
			  unsigned int times, uint64_t *ticks)
{
	for (unsigned int index = 0; index < times; index++) {
		const uint64_t before = __rdtsc();
		const int raised = raise(interrupts);

		ticks[index] = __rdtsc() - before;
		if (raised != 0 || (arrives && take_one(&interrupts->vm) != 0))
			return -1;
	}
	return 0;
}
