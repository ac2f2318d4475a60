/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The yardstick's machine: one CPU that runs one of our guests, by the
 * kernel's ioctls and nothing of bellwire but where a guest's parts are. What
 * is measured on it is in bare_doorbells.h, bare_interrupts.h and
 * bare_round_trip.h. One thread at a time.
 *
 * What returns an int returns -1 if it fails: errno tells why.
 */
#ifndef BELLWIRE_BENCH_BARE_VM_H
#define BELLWIRE_BENCH_BARE_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vdev/machine/kvm/guest_layout.h"

struct bare_vm {
	int kvm, vm, vcpu;
	unsigned char *program; /* GUEST_SIZE bytes, at GUEST_BASE */
	struct kvm_run *run;
	size_t run_size;
};

/* Even if it fails, close it. */
int bare_vm_open(struct bare_vm *vm);
/* Leaves errno as it is. */
void bare_vm_close(struct bare_vm *vm);

/* Gives the guest zeroed memory, which is the caller's to unmap. Slot 0 is the program's. */
int bare_vm_map(const struct bare_vm *vm, uint32_t slot, uint64_t address, size_t size,
		unsigned char **memory);
void bare_unmap(void *memory, size_t size);

/* Replaces all routes. */
int bare_vm_route(const struct bare_vm *vm, const struct kvm_irq_routing_entry *routes,
		  size_t count);

/* The guest, from its first instruction. `image` has GUEST_SIZE bytes. */
int bare_vm_load(struct bare_vm *vm, const unsigned char *image);

/* Lets the guest run until it exits to user space, signals aside. */
int bare_vm_run(struct bare_vm *vm);

/* Whether it did so to say `word` at GUEST_PORT. */
bool bare_vm_said(const struct bare_vm *vm, unsigned char word);

#endif
