// SPDX-License-Identifier: BSD-3-Clause
//
// What a PCI function says about itself: its identity, its BARs and capabilities, and the
// configuration space that shows them to the guest, made by a ConfigBuilder. One thread.
// Source: PCI Local Bus Specification 3.0, chapter 6.
#pragma once

#include <boost/endian/conversion.hpp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include "vdev/os/result.hpp"
#include "vdev/pci/register.hpp"

namespace bellwire::pci {

// Identity and BARs: 6.2.1 and 6.2.5.

constexpr unsigned most_bars = 6;
constexpr std::uint64_t page_size = 4096;  ///< the granularity of guests' mappings

struct Identity {
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint16_t subsystem_vendor = 0;
  std::uint16_t subsystem_device = 0;
  std::uint32_t class_code = 0xFF0000;  ///< 24 bits: class, subclass, interface; "other" by default
  std::uint8_t revision = 0;
};

enum class BarKind { none, io, memory32, memory64 };

struct BarShape {
  BarKind kind = BarKind::none;
  std::uint64_t size = 0;  ///< a power of two; at least 4 (io) or 16 bytes
  bool prefetchable = false;
};

// The configuration space: 6.1 to 6.2.

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

enum class CapabilityId : std::uint8_t {
  power = 0x01,
  msi = 0x05,
  vendor = 0x09,
  express = 0x10,
  msix = 0x11
};

/// A capability whose layout the vendor defines (PCI 3.0, appendix H).
struct VendorCapability {
  std::vector<std::byte> body;           ///< behind its ID and its link; begins with its length
  std::vector<std::byte> writable = {};  ///< a mask of as many bytes; empty: nothing is
};

/// 256 bytes (4096 with PCI Express) and a mask of the bits that the guest may write. That is all:
/// a BAR shows its size because its low bits can't be written. Registers whose value has an effect
/// are read by the Function. Little endian, as PCI is.
class ConfigSpace {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  /// The range must be inside; whoever takes a range from a peer checks it.
  void read(std::size_t offset, std::span<std::byte> into) const noexcept;
  /// Changes only the writable bits.
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
  /// The device's own write, which ignores the mask.
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

/// Where in the device's BARs the MSI-X structures are.
struct MsixPlace {
  unsigned vectors = 0;  ///< 1 to 2048
  unsigned bar = 0;
  std::uint32_t table = 0;    ///< offsets in it, multiples of 8
  std::uint32_t pending = 0;  ///< of the pending bit array
};

/// Makes a ConfigSpace from an identity, BARs and capabilities. The capabilities are placed from
/// 0x40 on, in the order of the calls.
class ConfigBuilder {
 public:
  explicit ConfigBuilder(const Identity& identity, std::size_t size = conventional_size);

  ConfigBuilder& bar(unsigned index, const BarShape& shape);
  ConfigBuilder& intx();  ///< pin A
  ConfigBuilder& power_management();
  ConfigBuilder& express();              ///< an endpoint of version 2, one lane
  ConfigBuilder& msi(unsigned vectors);  ///< 1, 2, 4 … 32; 64 bit, masks and pending bits
  ConfigBuilder& msix(const MsixPlace& place);
  ConfigBuilder& vendor(const VendorCapability& capability);

  /// EINVAL: the first thing asked for that is impossible.
  [[nodiscard]] Result<ConfigSpace> build();

 private:
  std::size_t capability(CapabilityId id, std::size_t size);
  void refuse(Error error);

  template <class T>
  void put(std::size_t offset, T value, T writable = 0) {
    space_.store<T>(offset, value);
    boost::endian::native_to_little_inplace(writable);
    std::memcpy(space_.writable_.data() + offset, &writable, sizeof writable);
  }
  template <class T, std::uint64_t At>
  void put(Register<T, At>, T value, T writable = 0) {
    put<T>(At, value, writable);
  }

  ConfigSpace space_;
  std::size_t link_ = header::capabilities.offset;  // where the next capability's offset goes
  std::size_t free_ = 0x40;
  unsigned taken_bars_ = 0;  // bits
  std::uint16_t commands_ = 0;
  std::optional<Error> error_;
};

}  // namespace bellwire::pci
