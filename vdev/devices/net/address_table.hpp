// SPDX-License-Identifier: BSD-3-Clause
//
// AddressTable: which port of a switch a station's address was last seen at. Bounded: each port has
// room for so many addresses, and a new one takes the place of the oldest of the same port. So a
// station that invents addresses makes the switch forget its own only. An address that was not seen
// for a while is forgotten.
//
// Nothing is allocated after the constructor, and each call looks at a bounded number of entries.
// One thread.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "vdev/devices/net/ethernet.hpp"

namespace bellwire::net {

using Clock = std::chrono::steady_clock;

/// IEEE 802.1Q, table 8-6, recommends it.
constexpr std::chrono::seconds usual_age{300};

class AddressTable {
 public:
  /// Addresses that are known of each port, at most.
  static constexpr unsigned most_each = 256;

  explicit AddressTable(unsigned ports, Clock::duration age = usual_age);

  /// The station was seen at the port. An address that is known at another port has moved.
  void learn(const MacAddress& address, unsigned port, Clock::time_point now) noexcept;
  [[nodiscard]] std::optional<unsigned> find(const MacAddress& address,
                                             Clock::time_point now) const noexcept;
  /// Whatever was seen at the port.
  void forget(unsigned port) noexcept;

 private:
  struct Entry {
    std::uint64_t address = 0;  // 0: free
    Clock::time_point seen;
  };
  // An address can be in the entries of one set only: `ways` of each port, side by side.
  static constexpr unsigned ways = 4;
  static constexpr unsigned sets = most_each / ways;

  [[nodiscard]] std::size_t set_of(std::uint64_t address) const noexcept;
  [[nodiscard]] std::span<Entry> set(std::uint64_t address) noexcept;
  [[nodiscard]] std::span<const Entry> set(std::uint64_t address) const noexcept;

  const unsigned ports_;
  const Clock::duration age_;
  std::vector<Entry> entries_;
};

}  // namespace bellwire::net
