// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/devices/net/ethernet.hpp"

#include <charconv>
#include <cstring>
#include <random>

#include "vdev/os/text.hpp"

namespace bellwire::net {
namespace {

constexpr std::uint8_t local_use = 2;  // in the first byte

MacAddress of_number(std::uint64_t number) noexcept {
  MacAddress address;
  for (auto byte = address.bytes.rbegin(); byte != address.bytes.rend(); ++byte, number >>= 8)
    *byte = static_cast<std::uint8_t>(number);
  return address;
}

MacAddress at(std::span<const std::byte> frame, std::size_t offset) noexcept {
  MacAddress address;
  std::memcpy(address.bytes.data(), frame.data() + offset, MacAddress::size);
  return address;
}

}  // namespace

std::optional<MacAddress> MacAddress::parse(std::string_view text) noexcept {
  constexpr std::size_t digits = 2;
  if (text.size() != size * (digits + 1) - 1) return std::nullopt;
  MacAddress address;
  for (std::size_t index = 0; index < size; ++index) {
    const auto* const at = text.data() + index * (digits + 1);
    const auto [end, error] = std::from_chars(at, at + digits, address.bytes[index], 16);
    const bool separated = index + 1 == size || *(at + digits) == ':';
    if (error != std::errc() || end != at + digits || !separated) return std::nullopt;
  }
  return address;
}

MacAddress MacAddress::random() {
  std::random_device source;
  MacAddress address;
  for (auto& byte : address.bytes) byte = static_cast<std::uint8_t>(source());
  address.bytes.front() = local_use;
  address.bytes.back() = 0;
  return address;
}

std::uint64_t MacAddress::number() const noexcept {
  std::uint64_t number = 0;
  for (const auto byte : bytes) number = number << 8 | byte;
  return number;
}

MacAddress MacAddress::after(unsigned count) const noexcept {
  return of_number(number() + count);
}

MacAddress destination_of(std::span<const std::byte> frame) noexcept {
  return at(frame, 0);
}

MacAddress source_of(std::span<const std::byte> frame) noexcept {
  return at(frame, MacAddress::size);
}

std::string to_text(const MacAddress& address) {
  const auto& bytes = address.bytes;
  return text("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", bytes[0], bytes[1], bytes[2], bytes[3],
              bytes[4], bytes[5]);
}

}  // namespace bellwire::net
