/* SPDX-License-Identifier: BSD-3-Clause */
#include "vmm_lab.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

static int result(int value) {
  return value < 0 ? -errno : 0;
}

static int map_memory(struct vmm* vmm, int memory) {
  struct kvm_userspace_memory_region region = {.memory_size = GUEST_MEMORY};

  vmm->memory = mmap(NULL, GUEST_MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  if (vmm->memory == MAP_FAILED) return -errno;
  region.userspace_addr = (unsigned long)vmm->memory;
  return result(ioctl(vmm->vm, KVM_SET_USER_MEMORY_REGION, &region));
}

static int make_cpu(struct vmm* vmm) {
  struct kvm_regs registers = {.rip = GUEST_START, .rflags = 2};
  struct kvm_sregs special;

  vmm->vcpu = ioctl(vmm->vm, KVM_CREATE_VCPU, 0);
  if (vmm->vcpu < 0) return -errno;
  vmm->run_size = ioctl(vmm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  vmm->run = mmap(NULL, vmm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vmm->vcpu, 0);
  if (vmm->run == MAP_FAILED || ioctl(vmm->vcpu, KVM_GET_SREGS, &special)) return -errno;
  special.cs.base = special.cs.selector = 0;
  if (ioctl(vmm->vcpu, KVM_SET_SREGS, &special)) return -errno;
  return result(ioctl(vmm->vcpu, KVM_SET_REGS, &registers));
}

int lab_create(struct vmm* vmm, int memory) {
  int error;

  vmm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
  if (vmm->kvm < 0) return -errno;
  vmm->vm = ioctl(vmm->kvm, KVM_CREATE_VM, 0);
  if (vmm->vm < 0 || ioctl(vmm->vm, KVM_SET_TSS_ADDR, 0xfffbd000)) return -errno;
  if (ioctl(vmm->vm, KVM_CREATE_IRQCHIP, 0)) return -errno;
  error = map_memory(vmm, memory);
  return error ? error : make_cpu(vmm);
}

static void access_memory(struct vmm* vmm) {
  struct kvm_run* run = vmm->run;
  unsigned int queue;

  if (!run->mmio.is_write) {
    memset(run->mmio.data, 0, sizeof(run->mmio.data));
    return;
  }
  if (run->mmio.phys_addr != DOORBELL || run->mmio.len != 4) return;
  memcpy(&queue, run->mmio.data, sizeof(queue));
  if (queue < QUEUES) eventfd_write(vmm->doorbells[queue], 1);
}

/* Whether the run ends, with *ended. */
static int access_port(struct vmm* vmm, long* ended) {
  unsigned char* data = (unsigned char*)vmm->run + vmm->run->io.data_offset;
  unsigned int value;

  if (vmm->run->io.direction == KVM_EXIT_IO_IN) {
    memset(data, 0, (unsigned long)vmm->run->io.size * vmm->run->io.count);
    return 0;
  }
  if (vmm->run->io.port != END_PORT || vmm->run->io.size != 4) return 0;
  memcpy(&value, data, sizeof(value));
  *ended = value;
  return 1;
}

long lab_run(struct vmm* vmm) {
  long ended;

  for (;;) {
    if (ioctl(vmm->vcpu, KVM_RUN, 0) < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      return -errno;
    }
    vmm->exits++;
    switch (vmm->run->exit_reason) {
      case KVM_EXIT_MMIO:
        access_memory(vmm);
        break;
      case KVM_EXIT_IO:
        if (access_port(vmm, &ended)) return ended;
        break;
      default:
        return -EIO;
    }
  }
}

static int doorbell(struct vmm* vmm, unsigned int queue, unsigned int flags) {
  struct kvm_ioeventfd wire = {.addr = DOORBELL, .len = 4, .datamatch = queue};

  if (queue >= QUEUES) return -EINVAL;
  wire.fd = vmm->doorbells[queue];
  wire.flags = flags | KVM_IOEVENTFD_FLAG_DATAMATCH;
  return result(ioctl(vmm->vm, KVM_IOEVENTFD, &wire));
}

int lab_ioeventfd(struct vmm* vmm, unsigned int queue) {
  return doorbell(vmm, queue, 0);
}

int lab_no_ioeventfd(struct vmm* vmm, unsigned int queue) {
  return doorbell(vmm, queue, KVM_IOEVENTFD_FLAG_DEASSIGN);
}

static int line(struct vmm* vmm, int interrupt, unsigned int flags, unsigned int handled) {
  struct kvm_irqfd wire = {
      .fd = interrupt, .gsi = INTERRUPT_LINE, .flags = flags, .resamplefd = handled};

  return result(ioctl(vmm->vm, KVM_IRQFD, &wire));
}

int lab_irqfd(struct vmm* vmm, int interrupt) {
  return line(vmm, interrupt, 0, 0);
}

int lab_irqfd_level(struct vmm* vmm, int interrupt, int handled) {
  return line(vmm, interrupt, KVM_IRQFD_FLAG_RESAMPLE, handled);
}

int lab_no_irqfd(struct vmm* vmm, int interrupt) {
  return line(vmm, interrupt, KVM_IRQFD_FLAG_DEASSIGN, 0);
}

void lab_destroy(struct vmm* vmm) {
  munmap(vmm->run, vmm->run_size);
  close(vmm->vcpu);
  close(vmm->vm);
  close(vmm->kvm);
  munmap(vmm->memory, GUEST_MEMORY);
}
