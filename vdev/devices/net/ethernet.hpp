// SPDX-License-Identifier: BSD-3-Clause
//
// What a switch knows of Ethernet: addresses, and how long a frame may be. Any thread.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bellwire::net {

/// Of a frame: destination, source, type.
constexpr std::size_t header_size = 14;
/// Between source and type of a frame that belongs to a VLAN.
constexpr std::size_t vlan_tag_size = 4;
constexpr std::uint16_t usual_mtu = 1500;

/// The longest frame: one VLAN tag more than what the MTU says of its contents.
[[nodiscard]] constexpr std::size_t most_frame_bytes(std::uint16_t mtu) noexcept {
  return header_size + vlan_tag_size + mtu;
}

struct MacAddress {
  static constexpr std::size_t size = 6;
  std::array<std::uint8_t, size> bytes{};

  /// "52:54:00:12:34:56"; empty: it is not of that form.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text) noexcept;
  /// One that nobody was given: random, for local use, for one station. Its last byte is 0.
  [[nodiscard]] static MacAddress random();

  /// Of several stations, or all.
  [[nodiscard]] bool group() const noexcept { return (bytes[0] & 1) != 0; }
  /// Whether a frame may come from it.
  [[nodiscard]] bool single() const noexcept { return !group() && number() != 0; }
  /// The first byte is the highest.
  [[nodiscard]] std::uint64_t number() const noexcept;
  /// The address that many further on.
  [[nodiscard]] MacAddress after(unsigned count) const noexcept;

  auto operator<=>(const MacAddress&) const = default;
};

/// Of a frame that has header_size bytes, at least.
[[nodiscard]] MacAddress destination_of(std::span<const std::byte> frame) noexcept;
[[nodiscard]] MacAddress source_of(std::span<const std::byte> frame) noexcept;

[[nodiscard]] std::string to_text(const MacAddress& address);

}  // namespace bellwire::net
