// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/pci/user_driver.hpp"

#include <fcntl.h>
#include <linux/memfd.h>
#include <linux/pci_regs.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace bell {

using bellwire::fault;
using bellwire::system_fault;
using bellwire::text;
using bellwire::os::UniqueFd;
namespace {

namespace fs = std::filesystem;

constexpr const char* devices = "/sys/bus/pci/devices";

unsigned number_in(const fs::path& file) {
  unsigned number = 0;
  std::ifstream(file) >> std::hex >> number;
  return number;
}

Result<fs::path> find(unsigned vendor, unsigned device) {
  for (const auto& entry : fs::directory_iterator(devices))
    if (number_in(entry.path() / "vendor") == vendor &&
        number_in(entry.path() / "device") == device)
      return entry.path();
  return fault(std::errc::no_such_device, "no PCI device {:04x}:{:04x} in this VM", vendor, device);
}

Result<UniqueFd> open_file(const fs::path& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_SYNC | O_CLOEXEC));
  if (!fd.valid()) return system_fault("cannot open {}; are you root?", path.string());
  return fd;
}

Result<void> enable(const fs::path& folder, int config) {
  std::ofstream switched(folder / "enable");
  if (!(switched << 1 << std::flush))
    return fault(std::errc::io_error, "cannot enable {}; unbind its driver first", folder.string());
  std::uint16_t command = 0;
  if (::pread(config, &command, sizeof command, PCI_COMMAND) != sizeof command)
    return system_fault("cannot read the command register of {}", folder.string());
  command |= PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;
  if (::pwrite(config, &command, sizeof command, PCI_COMMAND) != sizeof command)
    return system_fault("cannot write the command register of {}", folder.string());
  return {};
}

}  // namespace

Result<PciDevice::Config> PciDevice::read_config(std::uint16_t vendor, std::uint16_t device) {
  const auto folder = find(vendor, device);
  if (!folder) return folder.error();
  const auto file = open_file(*folder / "config");
  if (!file) return file.error();
  Config config;
  if (::pread(file->get(), config.data(), config.size(), 0) != static_cast<ssize_t>(config.size()))
    return system_fault("cannot read the config space of {}", folder->string());
  return config;
}

Result<void> PciDevice::unbind(std::uint16_t vendor, std::uint16_t device) {
  const auto folder = find(vendor, device);
  if (!folder) return folder.error();
  const auto file = *folder / "driver/unbind";
  if (!fs::exists(file)) return {};
  std::ofstream unbind(file);
  if (!(unbind << folder->filename().string() << std::flush))
    return fault(std::errc::io_error, "cannot unbind the driver of {}; are you root?",
                 folder->string());
  return {};
}

Result<PciDevice> PciDevice::open(std::uint16_t vendor, std::uint16_t device, unsigned bar_index) {
  const auto folder = find(vendor, device);
  if (!folder) return folder.error();
  auto config = open_file(*folder / "config");
  if (!config) return config.error();
  if (auto enabled = enable(*folder, config->get()); !enabled) return enabled.error();
  const auto resource = open_file(*folder / text("resource{}", bar_index));
  if (!resource) return resource.error();
  const auto size = bellwire::os::file_size(resource->get());
  if (!size) return size.error();
  auto bar = bellwire::os::Mapping::create(resource->get(), *size);
  if (!bar) return bar.error();
  auto guard = bellwire::os::MemoryGuard::create({bar->data(), bar->size()});
  if (!guard) return guard.error();
  return PciDevice(folder->filename(), std::move(*config), std::move(*bar), std::move(*guard));
}

// The config file of a removed device cannot be read; any other device has a vendor ID.
Result<void> PciDevice::check() const {
  std::uint16_t vendor = 0;
  const bool answers =
      ::pread(config_.get(), &vendor, sizeof vendor, PCI_VENDOR_ID) == sizeof vendor &&
      vendor != 0xFFFF;
  if (answers && !guard_.lost()) return {};
  return fault(std::errc::no_such_device, "{}: the device is gone: it was removed", address_);
}

Result<bool> PciDevice::interrupting() const {
  std::uint16_t status = 0;
  if (::pread(config_.get(), &status, sizeof status, PCI_STATUS) != sizeof status)
    return system_fault("cannot read the status register of {}", address_);
  return (status & PCI_STATUS_INTERRUPT) != 0;
}

namespace {

constexpr std::uint64_t page_size = 4096;

// An entry of /proc/self/pagemap.
constexpr std::uint64_t present = std::uint64_t{1} << 63;
constexpr std::uint64_t frame_bits = (std::uint64_t{1} << 55) - 1;

}  // namespace

Result<DmaMemory> DmaMemory::create() {
  const UniqueFd file(::memfd_create("dma", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB));
  if (!file.valid()) return system_fault("this kernel has no huge pages of 2 MiB");
  if (::ftruncate(file.get(), size) != 0) return system_fault("cannot size a huge page");
  auto mapping = bellwire::os::Mapping::create(file.get(), size);
  if (!mapping)
    return fault(std::errc::not_enough_memory,
                 "no huge page is free; try: echo 1 > /proc/sys/vm/nr_hugepages");
  mapping->data()[0] = std::byte{1};  // allocates the page
  DmaMemory memory(std::move(*mapping));
  if (auto address = memory.address(); !address) return address.error();
  return memory;
}

Result<std::uint64_t> DmaMemory::address() const {
  const UniqueFd pagemap(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  const auto page = reinterpret_cast<std::uintptr_t>(bytes().data()) / page_size;
  std::uint64_t entry = 0;
  const auto at = static_cast<off_t>(page * sizeof entry);
  if (::pread(pagemap.get(), &entry, sizeof entry, at) != sizeof entry)
    return system_fault("cannot read /proc/self/pagemap");
  if ((entry & present) == 0 || (entry & frame_bits) == 0)
    return fault(std::errc::operation_not_permitted,
                 "/proc/self/pagemap has no addresses: run as root");
  return (entry & frame_bits) * page_size;
}

}  // namespace bell
