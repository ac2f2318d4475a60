/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The machine of the baselines that need one: a CPU that runs one of our guests,
 * by the kernel's ioctls, with nothing of bellwire but the guest's layout. One
 * thread at a time.
 *
 * A function that returns an int returns -1 if it fails; errno has the reason.
 */
#ifndef BELLWIRE_BENCH_VM_H
#define BELLWIRE_BENCH_VM_H

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

/* To be closed even if it fails. */
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

/* Whether it exited by writing `word` to GUEST_PORT. */
bool bare_vm_said(const struct bare_vm *vm, unsigned char word);

#endif
