/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/bench/bare_vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host/bench/bare_device.h"
#include "vdev/kvm/guest_layout.h"
#include "vdev/transport/kvm/ring_guest.h"

#define GSI 24
#define FEATURES 256
#define RECORDS_SIZE (BARE_VMM_MOST * RECORD_SIZE)

extern const unsigned char bellwire_ring_guest[GUEST_SIZE];

struct bare_vmm {
	int kvm, vm, vcpu;
	int doorbell, interrupt; /* eventfds */
	int device_cpu;
	unsigned char *program, *memory, *records;
	struct kvm_run *run;
	size_t run_size;
	struct bare_device device;
	pthread_t thread;
	bool has_thread;
	bool stopping;
};

static void *run_device(void *argument)
{
	struct bare_vmm *vmm = argument;
	struct pollfd doorbell = {.fd = vmm->doorbell, .events = POLLIN};
	uint64_t rings;

	while (!__atomic_load_n(&vmm->stopping, __ATOMIC_ACQUIRE)) {
		if (poll(&doorbell, 1, -1) > 0 &&
		    read(vmm->doorbell, &rings, sizeof(rings)) == sizeof(rings))
			bare_device_serve(&vmm->device);
	}
	return NULL;
}

static int start_device(struct bare_vmm *vmm)
{
	cpu_set_t cpus;

	errno = pthread_create(&vmm->thread, NULL, run_device, vmm);
	if (errno)
		return -1;
	vmm->has_thread = true;
	if (vmm->device_cpu < 0)
		return 0;
	CPU_ZERO(&cpus);
	CPU_SET(vmm->device_cpu, &cpus);
	errno = pthread_setaffinity_np(vmm->thread, sizeof(cpus), &cpus);
	return errno ? -1 : 0;
}

/* The machine */

static int map_memory(struct bare_vmm *vmm, uint32_t slot, uint64_t address, size_t size,
		      unsigned char **memory)
{
	const int fd = memfd_create("bare-vmm", MFD_CLOEXEC);
	struct kvm_userspace_memory_region region = {
		.slot = slot, .guest_phys_addr = address, .memory_size = size};
	void *place = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, size) == 0)
		place = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	close(fd);
	if (place == MAP_FAILED)
		return -1;
	*memory = place;
	region.userspace_addr = (uintptr_t)place;
	return ioctl(vmm->vm, KVM_SET_USER_MEMORY_REGION, &region);
}

static int map_all(struct bare_vmm *vmm)
{
	if (map_memory(vmm, 0, GUEST_BASE, GUEST_SIZE, &vmm->program) != 0 ||
	    map_memory(vmm, 1, RING_MEMORY, RING_MEMORY_SIZE, &vmm->memory) != 0 ||
	    map_memory(vmm, 2, RING_RECORDS, RECORDS_SIZE, &vmm->records) != 0)
		return -1;
	vmm->device = bare_device_of(vmm->memory, RING_MEMORY_SIZE, vmm->interrupt);
	return 0;
}

static int set_route(struct bare_vmm *vmm)
{
	struct kvm_irq_routing *routes =
		calloc(1, sizeof(*routes) + sizeof(struct kvm_irq_routing_entry));
	int set;

	if (!routes)
		return -1;
	routes->nr = 1;
	routes->entries[0] = (struct kvm_irq_routing_entry){
		.gsi = GSI,
		.type = KVM_IRQ_ROUTING_MSI,
		.u.msi = {.address_lo = GUEST_APIC, .data = RING_VECTOR},
	};
	set = ioctl(vmm->vm, KVM_SET_GSI_ROUTING, routes);
	free(routes);
	return set;
}

static int wire(struct bare_vmm *vmm)
{
	struct kvm_ioeventfd doorbell = {.addr = RING_DOORBELL,
					 .len = 4,
					 .fd = vmm->doorbell,
					 .flags = KVM_IOEVENTFD_FLAG_DATAMATCH};
	struct kvm_irqfd interrupt = {.fd = vmm->interrupt, .gsi = GSI};

	if (ioctl(vmm->vm, KVM_IOEVENTFD, &doorbell) != 0 || set_route(vmm) != 0)
		return -1;
	return ioctl(vmm->vm, KVM_IRQFD, &interrupt);
}

static int show_features(struct bare_vmm *vmm)
{
	struct kvm_cpuid2 *features =
		calloc(1, sizeof(*features) + FEATURES * sizeof(struct kvm_cpuid_entry2));
	int shown = -1;

	if (!features)
		return -1;
	features->nent = FEATURES;
	if (ioctl(vmm->kvm, KVM_GET_SUPPORTED_CPUID, features) == 0)
		shown = ioctl(vmm->vcpu, KVM_SET_CPUID2, features);
	free(features);
	return shown;
}

static int make_cpu(struct bare_vmm *vmm)
{
	vmm->vcpu = ioctl(vmm->vm, KVM_CREATE_VCPU, 0);
	vmm->run_size = ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vmm->vcpu < 0 || show_features(vmm) != 0)
		return -1;
	vmm->run = mmap(NULL, vmm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vmm->vcpu, 0);
	return vmm->run == MAP_FAILED ? -1 : 0;
}

static int build(struct bare_vmm *vmm)
{
	vmm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	vmm->vm = vmm->kvm < 0 ? -1 : ioctl(vmm->kvm, KVM_CREATE_VM, 0);
	vmm->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vmm->interrupt = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vmm->vm < 0 || vmm->doorbell < 0 || vmm->interrupt < 0 ||
	    ioctl(vmm->vm, KVM_SET_TSS_ADDR, 0xfffbd000ul) != 0 ||
	    ioctl(vmm->vm, KVM_CREATE_IRQCHIP, 0) != 0)
		return -1;
	if (map_all(vmm) != 0 || make_cpu(vmm) != 0 || wire(vmm) != 0)
		return -1;
	return start_device(vmm);
}

struct bare_vmm *bare_vmm_create(int device_cpu)
{
	struct bare_vmm *vmm = calloc(1, sizeof(*vmm));

	if (!vmm)
		return NULL;
	vmm->kvm = vmm->vm = vmm->vcpu = vmm->doorbell = vmm->interrupt = -1;
	vmm->device_cpu = device_cpu;
	if (build(vmm) == 0)
		return vmm;
	bare_vmm_destroy(vmm);
	return NULL;
}

static void unmap(void *place, size_t size)
{
	if (place && place != MAP_FAILED)
		munmap(place, size);
}

void bare_vmm_destroy(struct bare_vmm *vmm)
{
	const int why = errno;
	const int fds[] = {vmm->vcpu, vmm->vm, vmm->kvm, vmm->doorbell, vmm->interrupt};

	__atomic_store_n(&vmm->stopping, true, __ATOMIC_RELEASE);
	if (vmm->has_thread) {
		bare_ring(vmm->doorbell);
		pthread_join(vmm->thread, NULL);
	}
	for (size_t index = 0; index < sizeof(fds) / sizeof(*fds); index++)
		if (fds[index] >= 0)
			close(fds[index]);
	unmap(vmm->run, vmm->run_size);
	unmap(vmm->records, RECORDS_SIZE);
	unmap(vmm->memory, RING_MEMORY_SIZE);
	unmap(vmm->program, GUEST_SIZE);
	free(vmm);
	errno = why;
}

/* The guest */

static struct kvm_segment segment(uint16_t selector, bool code)
{
	return (struct kvm_segment){.limit = ~0u,
				    .selector = selector,
				    .type = code ? 11 : 3,
				    .present = 1,
				    .db = !code,
				    .s = 1,
				    .l = code,
				    .g = 1};
}

static int enter_long_mode(struct bare_vmm *vmm)
{
	struct kvm_regs registers = {
		.rip = GUEST_BASE, .rsp = GUEST_BASE + GUEST_STACK_TOP, .rflags = 2};
	struct kvm_mp_state awake = {.mp_state = KVM_MP_STATE_RUNNABLE};
	struct kvm_sregs special;

	if (ioctl(vmm->vcpu, KVM_GET_SREGS, &special) != 0)
		return -1;
	special.cs = segment(GUEST_CODE_SELECTOR, true);
	special.ds = special.es = special.ss = segment(GUEST_DATA_SELECTOR, false);
	special.gdt = (struct kvm_dtable){.base = GUEST_BASE + GUEST_GDT, .limit = GUEST_GDT_LIMIT};
	special.idt = (struct kvm_dtable){.base = GUEST_BASE + GUEST_IDT, .limit = 0xfff};
	special.cr0 = 0x80000011;
	special.cr3 = GUEST_BASE + GUEST_PML4;
	special.cr4 = 1 << 5;
	special.efer = 1 << 8 | 1 << 10;
	if (ioctl(vmm->vcpu, KVM_SET_SREGS, &special) != 0 ||
	    ioctl(vmm->vcpu, KVM_SET_REGS, &registers) != 0)
		return -1;
	return ioctl(vmm->vcpu, KVM_SET_MP_STATE, &awake);
}

/* 1: a doorbell; 0: another access that was answered; -1: no access of ours. */
static int answer(struct kvm_run *run, unsigned int requests)
{
	const uint64_t address = run->mmio.phys_addr;
	const uint32_t plan = address == RING_PLAN + RING_PLAN_REQUESTS ? requests
			      : address == RING_PLAN + RING_PLAN_DEPTH  ? 1
									: 0;

	if (run->exit_reason != KVM_EXIT_MMIO)
		return -1;
	memset(run->mmio.data, 0, sizeof(run->mmio.data));
	memcpy(run->mmio.data, &plan, sizeof(plan));
	return address == RING_DOORBELL;
}

static bool said_done(const struct kvm_run *run)
{
	return run->exit_reason == KVM_EXIT_IO && run->io.port == GUEST_PORT &&
	       ((const unsigned char *)run)[run->io.data_offset] == GUEST_DONE;
}

static int run_guest(struct bare_vmm *vmm, unsigned int requests)
{
	int doorbells = 0;

	for (;;) {
		int answered;

		if (ioctl(vmm->vcpu, KVM_RUN, 0) != 0 && errno != EINTR)
			return -1;
		if (vmm->run->exit_reason == KVM_EXIT_INTR)
			continue;
		if (said_done(vmm->run))
			return doorbells;
		answered = answer(vmm->run, requests);
		if (answered < 0) {
			errno = EIO;
			return -1;
		}
		doorbells += answered;
	}
}

int bare_vmm_run(struct bare_vmm *vmm, unsigned int requests, uint64_t *ticks)
{
	int doorbells;

	memcpy(vmm->program, bellwire_ring_guest, GUEST_SIZE);
	memset(vmm->records, 0, RECORDS_SIZE);
	if (enter_long_mode(vmm) != 0)
		return -1;
	doorbells = run_guest(vmm, requests);
	for (unsigned int index = 0; index < requests; index++) {
		const unsigned char *record = vmm->records + (size_t)index * RECORD_SIZE;
		uint64_t begin_at, end_at;

		memcpy(&begin_at, record + RECORD_SUBMITTED_AT, sizeof(begin_at));
		memcpy(&end_at, record + RECORD_TAKEN_AT, sizeof(end_at));
		ticks[index] = end_at - begin_at;
	}
	return doorbells;
}
