// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/pci/config_space.hpp"

#include <algorithm>
#include <bit>

#include "vdev/pci/capabilities.hpp"

namespace bellwire::pci {

void ConfigSpace::read(std::size_t offset, std::span<std::byte> into) const noexcept {
  std::ranges::copy(std::span(bytes_).subspan(offset, into.size()), into.begin());
}

void ConfigSpace::write(std::size_t offset, std::span<const std::byte> from) noexcept {
  for (std::size_t index = 0; index < from.size(); ++index) {
    const auto mask = writable_[offset + index];
    auto& byte = bytes_[offset + index];
    byte = (byte & ~mask) | (from[index] & mask);
  }
}

// Each capability has the offset of the next one; the builder made the list, so it ends.
std::size_t ConfigSpace::find(CapabilityId id) const noexcept {
  std::size_t at = load(header::capabilities);
  while (at != 0 && load<std::uint8_t>(at) != static_cast<std::uint8_t>(id))
    at = load<std::uint8_t>(at + 1);
  return at;
}

namespace {

constexpr std::uint8_t pin_a = 1;
constexpr std::uint8_t any_byte = 0xFF;

// The low bits of a BAR are its kind.
constexpr std::uint64_t io_bits = 1;
constexpr std::uint64_t wide_bits = 2 << 1;
constexpr std::uint64_t prefetchable_bit = 1 << 3;

bool well_shaped(const BarShape& shape) {
  if (!std::has_single_bit(shape.size)) return false;
  switch (shape.kind) {
    case BarKind::none:
      return false;
    case BarKind::io:
      return shape.size >= 4 && shape.size <= conventional_size && !shape.prefetchable;
    case BarKind::memory32:
      return shape.size >= 16 && shape.size <= std::uint64_t{1} << 31;
    case BarKind::memory64:
      return shape.size >= 16 && shape.size <= std::uint64_t{1} << 62;
  }
  return false;
}

std::uint64_t kind_bits(const BarShape& shape) {
  if (shape.kind == BarKind::io) return io_bits;
  return (shape.kind == BarKind::memory64 ? wide_bits : 0) |
         (shape.prefetchable ? prefetchable_bit : 0);
}

}  // namespace

ConfigBuilder::ConfigBuilder(const Identity& identity, std::size_t size) : space_(size) {
  put(header::vendor, identity.vendor);
  put(header::device, identity.device);
  put(header::subsystem_vendor, identity.subsystem_vendor);
  put(header::subsystem_device, identity.subsystem_device);
  put(header::class_and_revision, identity.class_code << 8 | identity.revision);
  put(header::cache_line_size, std::uint8_t{0}, any_byte);
  put(header::interrupt_line, std::uint8_t{0}, any_byte);
  commands_ = command::master | command::parity | command::system_error;
}

void ConfigBuilder::refuse(Error error) {
  if (!error_) error_ = std::move(error);
}

ConfigBuilder& ConfigBuilder::bar(unsigned index, const BarShape& shape) {
  const bool wide = shape.kind == BarKind::memory64;
  const unsigned bits = (wide ? 3U : 1U) << index;
  if (index + (wide ? 1 : 0) >= most_bars || (taken_bars_ & bits) != 0) {
    refuse(fault(std::errc::invalid_argument,
                 "BAR {} is in use or does not exist; a 64-bit BAR takes two of the six", index));
    return *this;
  }
  if (!well_shaped(shape)) {
    refuse(fault(std::errc::invalid_argument,
                 "BAR {} cannot have {} bytes: choose a power of two, 4 to 256 for io, 16 to 2G "
                 "for 32-bit memory",
                 index, shape.size));
    return *this;
  }
  taken_bars_ |= bits;
  const auto at = header::first_bar.offset + index * std::size_t{4};
  const auto kind = kind_bits(shape);
  // Bits of the address below the size can't be written: so the guest learns the size.
  const auto address = ~(shape.size - 1);
  if (wide)
    put<std::uint64_t>(at, kind, address);
  else
    put<std::uint32_t>(at, static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(address));
  commands_ |= shape.kind == BarKind::io ? command::io : command::memory;
  return *this;
}

ConfigBuilder& ConfigBuilder::intx() {
  put(header::interrupt_pin, pin_a);
  commands_ |= command::no_intx;
  return *this;
}

// Capabilities begin at multiples of 4, each linked from the one before.
std::size_t ConfigBuilder::capability(CapabilityId id, std::size_t size) {
  const std::size_t at = free_;
  put<std::uint8_t>(link_, static_cast<std::uint8_t>(at));
  put<std::uint8_t>(at, static_cast<std::uint8_t>(id));
  put(header::status, status::capabilities);
  link_ = at + 1;
  free_ += size;
  return at;
}

ConfigBuilder& ConfigBuilder::power_management() {
  const auto at = capability(CapabilityId::power, power::size);
  put(at + power::abilities, power::version);
  put(at + power::control, power::no_soft_reset, power::state);
  return *this;
}

ConfigBuilder& ConfigBuilder::express() {
  using namespace pci::express;
  if (space_.size() != express_size) {
    refuse(fault(std::errc::invalid_argument,
                 "PCI Express needs a config space of 4096 bytes, not {}", space_.size()));
    return *this;
  }
  const auto at = capability(CapabilityId::express, size);
  constexpr std::uint16_t link = slowest | one_lane;
  put(at + abilities, version);
  put(at + device_abilities, role_based_errors);
  put<std::uint16_t>(at + device_control, relaxed_ordering | no_snoop | reads_of_512,
                     device_control_bits);
  put<std::uint32_t>(at + link_abilities, link);
  put<std::uint16_t>(at + link_control, 0, link_control_bits);
  put(at + link_status, link);
  put<std::uint32_t>(at + link_speeds, slowest << 1);
  put<std::uint16_t>(at + link_target, slowest);
  return *this;
}

ConfigBuilder& ConfigBuilder::msi(unsigned vectors) {
  if (!std::has_single_bit(vectors) || vectors > 32) {
    refuse(
        fault(std::errc::invalid_argument, "{} MSI vectors: choose 1, 2, 4, 8, 16 or 32", vectors));
    return *this;
  }
  const auto at = capability(CapabilityId::msi, pci::msi::size);
  const auto capable =
      static_cast<std::uint16_t>(std::countr_zero(vectors) << pci::msi::capable_shift);
  put<std::uint16_t>(at + pci::msi::control, capable | pci::msi::wide | pci::msi::maskable,
                     pci::msi::enable | pci::msi::granted);
  put<std::uint64_t>(at + pci::msi::address, 0, pci::msi::address_bits);
  put<std::uint16_t>(at + pci::msi::data, 0, 0xFFFF);
  const auto masks = static_cast<std::uint32_t>((std::uint64_t{1} << vectors) - 1);
  put<std::uint32_t>(at + pci::msi::mask, 0, masks);
  return *this;
}

ConfigBuilder& ConfigBuilder::msix(const MsixPlace& place) {
  if (place.vectors < 1 || place.vectors > pci::msix::most_vectors || place.bar >= most_bars ||
      place.table % 8 != 0 || place.pending % 8 != 0) {
    refuse(fault(std::errc::invalid_argument,
                 "{} MSI-X vectors in BAR {}: choose 1 to 2048, offsets that are multiples of 8",
                 place.vectors, place.bar));
    return *this;
  }
  const auto at = capability(CapabilityId::msix, pci::msix::size);
  put<std::uint16_t>(at + pci::msix::control, static_cast<std::uint16_t>(place.vectors - 1),
                     pci::msix::function_mask | pci::msix::enable);
  put<std::uint32_t>(at + pci::msix::table, place.table | place.bar);
  put<std::uint32_t>(at + pci::msix::pending, place.pending | place.bar);
  return *this;
}

ConfigBuilder& ConfigBuilder::vendor(const VendorCapability& made) {
  constexpr std::size_t head = 2;
  const auto size = (head + made.body.size() + 3) / 4 * 4;
  if (free_ + size > conventional_size) {
    refuse(fault(std::errc::invalid_argument,
                 "a capability of {} bytes at {} does not fit the 256 that there are", size,
                 free_));
    return *this;
  }
  const auto at = capability(CapabilityId::vendor, size) + head;
  for (std::size_t index = 0; index < made.body.size(); ++index)
    put(at + index, std::to_integer<std::uint8_t>(made.body[index]),
        index < made.writable.size() ? std::to_integer<std::uint8_t>(made.writable[index])
                                     : std::uint8_t{0});
  return *this;
}

Result<ConfigSpace> ConfigBuilder::build() {
  if (error_) return *error_;
  if (free_ > conventional_size)
    return fault(std::errc::invalid_argument,
                 "the capabilities end at byte {}, beyond the 256 that they may use", free_);
  put(header::command, std::uint16_t{0}, commands_);
  space_.initial_ = space_.bytes_;
  return std::move(space_);
}

}  // namespace bellwire::pci
