// SPDX-License-Identifier: BSD-3-Clause
//
// ConfigSpace: 256 bytes (4096 with PCI Express), each bit of which the guest may write or not.
// That is all there is to it: a BAR tells its size because its low bits can't be written. What has
// an effect when written is looked at by the Function. Little endian, as PCI is.
//
// One thread. Source: PCI Local Bus Specification 3.0, 6.1 to 6.2.
#pragma once

#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "vdev/pci/register.hpp"

namespace bellwire::pci {

constexpr std::size_t conventional_size = 256;
constexpr std::size_t express_size = 4096;

/// The registers of the header, type 0.
namespace header {
constexpr Register<std::uint16_t, 0x00> vendor{};
constexpr Register<std::uint16_t, 0x02> device{};
constexpr Register<std::uint16_t, 0x04> command{};
constexpr Register<std::uint16_t, 0x06> status{};
constexpr Register<std::uint32_t, 0x08> class_and_revision{};
constexpr Register<std::uint8_t, 0x0C> cache_line_size{};
constexpr Register<std::uint32_t, 0x10> first_bar{};
constexpr Register<std::uint16_t, 0x2C> subsystem_vendor{};
constexpr Register<std::uint16_t, 0x2E> subsystem_device{};
constexpr Register<std::uint8_t, 0x34> capabilities{};
constexpr Register<std::uint8_t, 0x3C> interrupt_line{};
constexpr Register<std::uint8_t, 0x3D> interrupt_pin{};
}  // namespace header

/// Bits of the command register.
namespace command {
constexpr std::uint16_t io = 1 << 0;
constexpr std::uint16_t memory = 1 << 1;
constexpr std::uint16_t master = 1 << 2;
constexpr std::uint16_t parity = 1 << 6;
constexpr std::uint16_t system_error = 1 << 8;
constexpr std::uint16_t no_intx = 1 << 10;
}  // namespace command

/// Bits of the status register.
namespace status {
constexpr std::uint16_t interrupt = 1 << 3;
constexpr std::uint16_t capabilities = 1 << 4;
}  // namespace status

enum class CapabilityId : std::uint8_t { power = 0x01, msi = 0x05, express = 0x10, msix = 0x11 };

class ConfigSpace {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  /// The range must be inside; EINVAL is for whoever took it from a peer to say.
  void read(std::size_t offset, std::span<std::byte> into) const noexcept;
  /// Changes only the bits that can be written.
  void write(std::size_t offset, std::span<const std::byte> from) noexcept;
  /// As it was built.
  void reset() noexcept { bytes_ = initial_; }

  /// Where a capability begins; 0: there is none.
  [[nodiscard]] std::size_t find(CapabilityId id) const noexcept;

  template <class T>
  [[nodiscard]] T load(std::size_t offset) const noexcept {
    T value{};
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return boost::endian::little_to_native(value);
  }
  /// The device's own way in, which the mask does not hold back.
  template <class T>
  void store(std::size_t offset, T value) noexcept {
    boost::endian::native_to_little_inplace(value);
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }
  template <class T, std::uint64_t At>
  [[nodiscard]] T load(Register<T, At>) const noexcept {
    return load<T>(At);
  }
  template <class T, std::uint64_t At>
  void store(Register<T, At>, T value) noexcept {
    store<T>(At, value);
  }

 private:
  friend class ConfigBuilder;
  explicit ConfigSpace(std::size_t size) : bytes_(size), writable_(size) {}

  std::vector<std::byte> bytes_;
  std::vector<std::byte> writable_;  // a mask
  std::vector<std::byte> initial_;
};

}  // namespace bellwire::pci
