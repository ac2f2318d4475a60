// SPDX-License-Identifier: BSD-3-Clause
//
// PciDevice: a PCI device that no driver has, driven from user space by way of sysfs. For root.
#pragma once

#include <string>

#include "vdev/os/memory.hpp"
#include "vdev/os/memory_guard.hpp"

namespace bell {
using bellwire::Result;

class PciDevice {
 public:
  /// The first of that id, with its memory decoded, DMA allowed and INTx cut off, which nobody here
  /// could serve. ENODEV: there is none.
  [[nodiscard]] static Result<PciDevice> open(std::uint16_t vendor, std::uint16_t device);

  [[nodiscard]] const std::string& address() const noexcept { return address_; }
  /// An error if it was removed meanwhile: its registers read as zeroes since.
  [[nodiscard]] Result<void> check() const;
  /// Whether it would like to interrupt by INTx: the status register's bit.
  [[nodiscard]] Result<bool> interrupting() const;

  // The registers of BAR 0, as vdev/pci/register.hpp names them: one access each.

  template <class Register>
  [[nodiscard]] typename Register::Value load(Register) const noexcept {
    return *at<Register>();
  }
  template <class Register>
  void store(Register, typename Register::Value value) const noexcept {
    *at<Register>() = value;
  }

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

  std::string address_;  // as sysfs has it
  bellwire::os::UniqueFd config_;
  bellwire::os::Mapping bar_;
  bellwire::os::MemoryGuard guard_;  // of it
};

}  // namespace bell
