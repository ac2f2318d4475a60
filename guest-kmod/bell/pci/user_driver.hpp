// SPDX-License-Identifier: BSD-3-Clause
//
// What a driver in user space needs: a PCI device by way of sysfs, and memory for its DMA. For
// root, and for one thread.
#pragma once

#include <array>
#include <span>
#include <string>

#include "vdev/core/attachment.hpp"
#include "vdev/os/memory.hpp"

namespace bell {

using bellwire::Result;

/// A PCI device that no kernel driver is bound to.
class PciDevice {
 public:
  /// The first 256 bytes of the config space of the first device of that ID, as they are before
  /// anybody drives it. ENODEV: there is none.
  using Config = std::array<std::byte, 256>;
  [[nodiscard]] static Result<Config> read_config(std::uint16_t vendor, std::uint16_t device);

  /// Takes the first device of that ID away from the kernel's driver, if it has one.
  [[nodiscard]] static Result<void> unbind(std::uint16_t vendor, std::uint16_t device);

  /// Opens the first device of that ID, enables its memory and its DMA, and disables INTx, which no
  /// handler would serve. ENODEV: there is none.
  [[nodiscard]] static Result<PciDevice> open(std::uint16_t vendor, std::uint16_t device,
                                              unsigned bar = 0);

  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  /// ENODEV: it was removed meanwhile; its registers read as zeroes since.
  [[nodiscard]] Result<void> check() const;
  /// Whether an INTx interrupt is pending: a bit of the PCI status register.
  [[nodiscard]] Result<bool> interrupting() const;

  // Registers of the BAR, as vdev/pci/register.hpp describes them, or at an offset. One access
  // each.

  template <class Register>
  [[nodiscard]] typename Register::Value load(Register) const noexcept {
    return *at<Register>();
  }
  template <class Register>
  void store(Register, typename Register::Value value) const noexcept {
    *at<Register>() = value;
  }
  template <class Value>
  [[nodiscard]] Value load_at(std::uint64_t offset) const noexcept {
    return *reinterpret_cast<volatile Value*>(bar_.data() + offset);
  }
  template <class Value>
  void store_at(std::uint64_t offset, Value value) const noexcept {
    *reinterpret_cast<volatile Value*>(bar_.data() + offset) = value;
  }
  /// Bytes of the BAR.
  [[nodiscard]] std::uint64_t size() const noexcept { return bar_.size(); }

 private:
  PciDevice(std::string address, bellwire::os::UniqueFd config, bellwire::os::Mapping bar,
            bellwire::os::MemoryGuard guard) noexcept
      : address_(std::move(address)),
        config_(std::move(config)),
        bar_(std::move(bar)),
        guard_(std::move(guard)) {}

  template <class Register>
  [[nodiscard]] volatile typename Register::Value* at() const noexcept {
    return reinterpret_cast<volatile typename Register::Value*>(bar_.data() + Register::offset);
  }

  std::string address_;  // as in sysfs: "0000:00:04.0"
  bellwire::os::UniqueFd config_;
  bellwire::os::Mapping bar_;
  bellwire::os::MemoryGuard guard_;  // of bar_
};

/// Memory of this process at a physical address that is known and stays: one huge page. The kernel
/// may move any other page of a process, even a locked one. Without an IOMMU, as in our VMs, a bus
/// address is a physical address. Source: Linux, admin-guide/mm/pagemap and hugetlbpage.
class DmaMemory {
 public:
  static constexpr std::size_t size = 2 << 20;

  /// ENOMEM: no huge page is free. EPERM: not root.
  [[nodiscard]] static Result<DmaMemory> create();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return view_.bytes(); }
  [[nodiscard]] const bellwire::MemoryView& view() const noexcept { return view_; }
  /// Its physical address now.
  [[nodiscard]] Result<std::uint64_t> address() const;

 private:
  explicit DmaMemory(bellwire::os::Mapping mapping) : view_(std::move(mapping)) {}
  bellwire::MemoryView view_;
};

}  // namespace bell
