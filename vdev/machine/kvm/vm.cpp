// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/machine/kvm/vm.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cstring>
#include <string_view>
#include <vector>

namespace bellwire::kvm {
namespace {

constexpr std::uint64_t task_state_pages =
    0xfffbd000;  // three pages that KVM needs on Intel's CPUs
constexpr std::uint64_t identity_map_page = 0xfffbc000;  // one more
constexpr std::size_t max_cpuid_entries = 256;

struct Capability {
  int number;
  std::string_view name;
};
constexpr Capability needed[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY"},
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"},
    {KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING"},
    {KVM_CAP_IOEVENTFD, "KVM_CAP_IOEVENTFD"},
    {KVM_CAP_IOEVENTFD_ANY_LENGTH, "KVM_CAP_IOEVENTFD_ANY_LENGTH"},
    {KVM_CAP_IRQFD, "KVM_CAP_IRQFD"},
    {KVM_CAP_IRQFD_RESAMPLE, "KVM_CAP_IRQFD_RESAMPLE"},
    {KVM_CAP_SIGNAL_MSI, "KVM_CAP_SIGNAL_MSI"},
};

// In some versions of KVM's header, structures that end in an array have the wrong size in C++, and
// so the ioctl numbers that contain this size are wrong. So both are defined here.
struct ListHead {
  std::uint32_t count;
  std::uint32_t zero;
};
constexpr unsigned long get_supported_cpuid = _IOWR(KVMIO, 0x05, ListHead);
constexpr unsigned long set_cpuid = _IOW(KVMIO, 0x90, ListHead);
constexpr unsigned long set_gsi_routing = _IOW(KVMIO, 0x6a, ListHead);

template <class Entry>
class List {
 public:
  explicit List(std::span<const Entry> entries) : List(entries.size()) {
    if (!entries.empty()) std::memcpy(words_.data() + 1, entries.data(), entries.size_bytes());
  }
  explicit List(std::size_t count) : words_(1 + (count * sizeof(Entry) + 7) / 8) {
    const ListHead head{static_cast<std::uint32_t>(count), 0};
    std::memcpy(words_.data(), &head, sizeof head);
  }
  [[nodiscard]] void* data() noexcept { return words_.data(); }

 private:
  std::vector<std::uint64_t> words_;
};

template <class Argument>
int request(int fd, unsigned long number, Argument argument) noexcept {
  return ::ioctl(fd, number, argument) < 0 ? errno : 0;
}

Error cannot_open(const std::string& device) {
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO)
    return system_fault(
        "no KVM at {} (load kvm-intel or kvm-amd; if that fails, turn virtualisation on in the "
        "firmware, or nesting in the host of this virtual machine)",
        device);
  if (errno == EACCES || errno == EPERM)
    return system_fault("{} is not for this user (sudo usermod -aG kvm $USER, then log in again)",
                        device);
  return system_fault("cannot open {}", device);
}

Result<void> check_abilities(int kvm, const std::string& device) {
  if (const int version = ::ioctl(kvm, KVM_GET_API_VERSION, 0); version != KVM_API_VERSION)
    return fault(std::errc::not_supported,
                 "{} is not KVM of version {} (it reports {}): load kvm-intel or kvm-amd", device,
                 KVM_API_VERSION, version);
  for (const auto& [number, name] : needed)
    if (::ioctl(kvm, KVM_CHECK_EXTENSION, number) <= 0)
      return fault(std::errc::not_supported, "the KVM of {} lacks {}; use a newer kernel", device,
                   name);
  return {};
}

Result<void> show_features(int kvm, int vcpu) {
  List<kvm_cpuid_entry2> features(max_cpuid_entries);
  if (::ioctl(kvm, get_supported_cpuid, features.data()) != 0)
    return system_fault("cannot read the CPU features that KVM supports");
  if (::ioctl(vcpu, set_cpuid, features.data()) != 0)
    return system_fault("KVM refuses the CPU features that it reported");
  return {};
}

std::string text_of_access(const kvm_run& run) {
  if (run.exit_reason == KVM_EXIT_IO)
    return text("{} of {} bytes at port {:#x}",
                run.io.direction == KVM_EXIT_IO_OUT ? "write" : "read", run.io.size, run.io.port);
  return text("{} of {} bytes at {:#x}", run.mmio.is_write != 0 ? "write" : "read", run.mmio.len,
              run.mmio.phys_addr);
}

}  // namespace

MemorySlot::~MemorySlot() {
  if (!vm_.valid()) return;
  kvm_userspace_memory_region none{};
  none.slot = slot_;
  static_cast<void>(request(vm_.get(), KVM_SET_USER_MEMORY_REGION, &none));
}

Result<std::uint32_t> Vcpu::run() noexcept {
  if (::ioctl(fd_.get(), KVM_RUN, 0) == 0) return state().exit_reason;
  if (errno == EINTR || errno == EAGAIN) return std::uint32_t{KVM_EXIT_INTR};
  return system_fault("KVM cannot run the guest (last exit: {})", describe_exit());
}

std::string Vcpu::describe_exit() const {
  const auto& run = state();
  switch (run.exit_reason) {
    case KVM_EXIT_IO:
    case KVM_EXIT_MMIO:
      return text_of_access(run);
    case KVM_EXIT_SHUTDOWN:
      return "triple fault";
    case KVM_EXIT_FAIL_ENTRY:
      return text("failed entry, hardware reason {:#x}",
                  run.fail_entry.hardware_entry_failure_reason);
    case KVM_EXIT_INTERNAL_ERROR:
      return text("KVM internal error {}", run.internal.suberror);
    default:
      return text("KVM exit {}", run.exit_reason);
  }
}

Result<kvm_sregs> Vcpu::special_registers() const {
  kvm_sregs registers{};
  if (::ioctl(fd_.get(), KVM_GET_SREGS, &registers) != 0)
    return system_fault("KVM_GET_SREGS failed");
  return registers;
}

Result<void> Vcpu::set_special_registers(const kvm_sregs& registers) {
  if (::ioctl(fd_.get(), KVM_SET_SREGS, &registers) != 0)
    return system_fault("KVM_SET_SREGS failed");
  return {};
}

Result<void> Vcpu::set_registers(const kvm_regs& registers) {
  if (::ioctl(fd_.get(), KVM_SET_REGS, &registers) != 0) return system_fault("KVM_SET_REGS failed");
  return {};
}

Result<void> Vcpu::wake() {
  const kvm_mp_state awake{.mp_state = KVM_MP_STATE_RUNNABLE};
  if (::ioctl(fd_.get(), KVM_SET_MP_STATE, &awake) != 0)
    return system_fault("KVM_SET_MP_STATE failed");
  return {};
}

Result<Vm> Vm::create(bool irqchip, const std::string& device) {
  os::UniqueFd kvm(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (!kvm.valid()) return cannot_open(device);
  if (auto able = check_abilities(kvm.get(), device); !able) return able.error();
  os::UniqueFd vm(::ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (!vm.valid()) return system_fault("{}: cannot make a virtual machine", device);
  auto identity_map = identity_map_page;
  if (::ioctl(vm.get(), KVM_SET_TSS_ADDR, task_state_pages) != 0 ||
      ::ioctl(vm.get(), KVM_SET_IDENTITY_MAP_ADDR, &identity_map) != 0)
    return system_fault("{}: KVM refuses the pages at {:#x}", device, identity_map_page);
  if (irqchip && ::ioctl(vm.get(), KVM_CREATE_IRQCHIP, 0) != 0)
    return system_fault("{}: cannot make an interrupt controller in the kernel", device);
  return Vm(std::move(kvm), std::move(vm));
}

Result<MemorySlot> Vm::map(std::uint32_t slot, std::uint64_t address, MemoryView memory) {
  auto fd = vm_.duplicate();
  if (!fd.valid()) return system_fault("cannot duplicate a virtual machine's descriptor");
  const auto bytes = memory.bytes();
  const kvm_userspace_memory_region region{
      .slot = slot,
      .flags = 0,
      .guest_phys_addr = address,
      .memory_size = bytes.size(),
      .userspace_addr = reinterpret_cast<std::uintptr_t>(bytes.data())};
  if (::ioctl(fd.get(), KVM_SET_USER_MEMORY_REGION, &region) != 0)
    return system_fault("cannot give the guest {} bytes of memory at {:#x}", bytes.size(), address);
  return MemorySlot(std::move(fd), slot, std::move(memory));
}

Result<Vcpu> Vm::create_vcpu() {
  os::UniqueFd vcpu(::ioctl(vm_.get(), KVM_CREATE_VCPU, 0));
  if (!vcpu.valid()) return system_fault("cannot make a virtual CPU");
  if (auto shown = show_features(kvm_.get(), vcpu.get()); !shown) return shown.error();
  const int size = ::ioctl(kvm_.get(), KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < 0) return system_fault("cannot ask KVM for the size of a virtual CPU's state");
  auto state = os::Mapping::create(vcpu.get(), static_cast<std::uint64_t>(size));
  if (!state) return state.error();
  return Vcpu(std::move(vcpu), std::move(*state));
}

int Vm::ioeventfd(const kvm_ioeventfd& wanted) const noexcept {
  return request(vm_.get(), KVM_IOEVENTFD, &wanted);
}

int Vm::irqfd(const kvm_irqfd& wanted) const noexcept {
  return request(vm_.get(), KVM_IRQFD, &wanted);
}

int Vm::set_routes(std::span<const kvm_irq_routing_entry> routes) const {
  List<kvm_irq_routing_entry> table(routes);
  return request(vm_.get(), set_gsi_routing, table.data());
}

int Vm::signal_msi(const kvm_msi& message) const noexcept {
  return request(vm_.get(), KVM_SIGNAL_MSI, &message);
}

int Vm::set_line(std::uint32_t gsi, bool high) const noexcept {
  kvm_irq_level level{};
  level.irq = gsi;
  level.level = high;
  return request(vm_.get(), KVM_IRQ_LINE, &level);
}

}  // namespace bellwire::kvm
