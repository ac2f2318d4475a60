/* SPDX-License-Identifier: BSD-3-Clause */
/* The virtual machine of the baselines, by plain ioctls. */
#include "host/bench/bare/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define FEATURES 256
#define TASK_STATE_PAGES 0xfffbd000ul

int bare_vm_map(const struct bare_vm *vm, uint32_t slot, uint64_t address, size_t size,
		unsigned char **memory)
{
	const int fd = memfd_create("bare-vm", MFD_CLOEXEC);
	struct kvm_userspace_memory_region region = { .slot = slot,
						      .guest_phys_addr = address,
						      .memory_size = size };
	void *place = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, size) == 0)
		place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	close(fd);
	if (place == MAP_FAILED)
		return -1;
	*memory = place;
	region.userspace_addr = (uintptr_t)place;
	return ioctl(vm->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

void bare_unmap(void *memory, size_t size)
{
	if (memory && memory != MAP_FAILED)
		munmap(memory, size);
}

static int show_features(const struct bare_vm *vm)
{
	struct kvm_cpuid2 *features =
		calloc(1, sizeof(*features) + FEATURES * sizeof(struct kvm_cpuid_entry2));
	int shown = -1;

	if (!features)
		return -1;
	features->nent = FEATURES;
	if (ioctl(vm->kvm, KVM_GET_SUPPORTED_CPUID, features) == 0)
		shown = ioctl(vm->vcpu, KVM_SET_CPUID2, features);
	free(features);
	return shown;
}

static int make_cpu(struct bare_vm *vm)
{
	vm->vcpu = ioctl(vm->vm, KVM_CREATE_VCPU, 0);
	vm->run_size = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm->vcpu < 0 || show_features(vm) != 0)
		return -1;
	vm->run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	return vm->run == MAP_FAILED ? -1 : 0;
}

int bare_vm_open(struct bare_vm *vm)
{
	*vm = (struct bare_vm){ .vm = -1, .vcpu = -1 };
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm >= 0)
		vm->vm = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->vm < 0 || ioctl(vm->vm, KVM_SET_TSS_ADDR, TASK_STATE_PAGES) != 0 ||
	    ioctl(vm->vm, KVM_CREATE_IRQCHIP, 0) != 0 ||
	    bare_vm_map(vm, 0, GUEST_BASE, GUEST_SIZE, &vm->program) != 0)
		return -1;
	return make_cpu(vm);
}

void bare_vm_close(struct bare_vm *vm)
{
	const int why = errno;
	const int fds[] = { vm->vcpu, vm->vm, vm->kvm };

	for (size_t index = 0; index < sizeof(fds) / sizeof(*fds); index++)
		if (fds[index] >= 0)
			close(fds[index]);
	bare_unmap(vm->run, vm->run_size);
	bare_unmap(vm->program, GUEST_SIZE);
	errno = why;
}

int bare_vm_route(const struct bare_vm *vm, const struct kvm_irq_routing_entry *routes,
		  size_t count)
{
	struct kvm_irq_routing *table = calloc(1, sizeof(*table) + count * sizeof(*routes));
	int set;

	if (!table)
		return -1;
	table->nr = count;
	memcpy(table->entries, routes, count * sizeof(*routes));
	set = ioctl(vm->vm, KVM_SET_GSI_ROUTING, table);
	free(table);
	return set;
}

static struct kvm_segment segment(uint16_t selector, bool code)
{
	return (struct kvm_segment){ .limit = ~0u,
				     .selector = selector,
				     .type = code ? 11 : 3,
				     .present = 1,
				     .db = !code,
				     .s = 1,
				     .l = code,
				     .g = 1 };
}

static int enter_long_mode(const struct bare_vm *vm)
{
	struct kvm_regs registers = { .rip = GUEST_BASE,
				      .rsp = GUEST_BASE + GUEST_STACK_TOP,
				      .rflags = 2 };
	struct kvm_mp_state awake = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_sregs special;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &special) != 0)
		return -1;
	special.cs = segment(GUEST_CODE_SELECTOR, true);
	special.ds = special.es = special.ss = segment(GUEST_DATA_SELECTOR, false);
	special.gdt =
		(struct kvm_dtable){ .base = GUEST_BASE + GUEST_GDT, .limit = GUEST_GDT_LIMIT };
	special.idt = (struct kvm_dtable){ .base = GUEST_BASE + GUEST_IDT, .limit = 0xfff };
	special.cr0 = 0x80000011;
	special.cr3 = GUEST_BASE + GUEST_PML4;
	special.cr4 = 1 << 5;
	special.efer = 1 << 8 | 1 << 10;
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &special) != 0 ||
	    ioctl(vm->vcpu, KVM_SET_REGS, &registers) != 0)
		return -1;
	return ioctl(vm->vcpu, KVM_SET_MP_STATE, &awake);
}

int bare_vm_load(struct bare_vm *vm, const unsigned char *image)
{
	memcpy(vm->program, image, GUEST_SIZE);
	return enter_long_mode(vm);
}

int bare_vm_run(struct bare_vm *vm)
{
	do {
		if (ioctl(vm->vcpu, KVM_RUN, 0) != 0 && errno != EINTR)
			return -1;
	} while (vm->run->exit_reason == KVM_EXIT_INTR);
	return 0;
}

bool bare_vm_said(const struct bare_vm *vm, unsigned char word)
{
	const struct kvm_run *run = vm->run;

	return run->exit_reason == KVM_EXIT_IO && run->io.port == GUEST_PORT &&
	       ((const unsigned char *)run)[run->io.data_offset] == word;
}
