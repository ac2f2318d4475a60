// SPDX-License-Identifier: BSD-3-Clause
//
// Ethernet frames for tests.
#pragma once

#include <algorithm>
#include <vector>

#include "vdev/devices/net/ethernet.hpp"

namespace bellwire::testing {

constexpr net::MacAddress everybody{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

inline net::MacAddress station(unsigned number) {
  return net::MacAddress{{0x02, 0, 0, 0, 0, 0}}.after(number);
}

inline std::vector<std::byte> frame(const net::MacAddress& to, const net::MacAddress& from,
                                    std::size_t size = 60) {
  std::vector<std::byte> bytes(std::max(size, net::header_size));
  for (std::size_t index = net::header_size; index < bytes.size(); ++index)
    bytes[index] = static_cast<std::byte>(index * 7);
  std::ranges::copy(std::as_bytes(std::span(to.bytes)), bytes.begin());
  std::ranges::copy(std::as_bytes(std::span(from.bytes)), bytes.begin() + net::MacAddress::size);
  bytes.resize(size);
  return bytes;
}

}  // namespace bellwire::testing
