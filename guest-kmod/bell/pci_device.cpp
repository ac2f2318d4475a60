// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/pci_device.hpp"

#include <fcntl.h>
#include <linux/pci_regs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace bell {
using bellwire::fault;
using bellwire::system_fault;
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
    return fault(std::errc::io_error, "cannot enable {}: has a driver got it?", folder.string());
  std::uint16_t command = 0;
  if (::pread(config, &command, sizeof command, PCI_COMMAND) != sizeof command)
    return system_fault("cannot read the command register of {}", folder.string());
  command |= PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE;
  if (::pwrite(config, &command, sizeof command, PCI_COMMAND) != sizeof command)
    return system_fault("cannot write the command register of {}", folder.string());
  return {};
}

}  // namespace

Result<PciDevice> PciDevice::open(std::uint16_t vendor, std::uint16_t device) {
  const auto folder = find(vendor, device);
  if (!folder) return folder.error();
  auto config = open_file(*folder / "config");
  if (!config) return config.error();
  if (auto enabled = enable(*folder, config->get()); !enabled) return enabled.error();
  const auto resource = open_file(*folder / "resource0");
  if (!resource) return resource.error();
  const auto size = bellwire::os::file_size(resource->get());
  if (!size) return size.error();
  auto bar = bellwire::os::Mapping::create(resource->get(), *size);
  if (!bar) return bar.error();
  auto guard = bellwire::os::MemoryGuard::create({bar->data(), bar->size()});
  if (!guard) return guard.error();
  return PciDevice(folder->filename(), std::move(*config), std::move(*bar), std::move(*guard));
}

// A removed device's file of its configuration can't be read; one that lives on has a vendor.
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

}  // namespace bell
