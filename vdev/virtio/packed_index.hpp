// SPDX-License-Identifier: BSD-3-Clause
//
// PackedIndex: a place in a packed virtqueue, with its wrap counter (virtio 1.2, section 2.8.1);
// what flags make the descriptor there available or used (2.8.1), and when an event has been
// reached (2.8.10). Any thread.
#pragma once

#include <cstdint>

#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {

struct PackedIndex {
  std::uint16_t index = 0;
  bool wrap = true;

  /// `count` is at most `size`.
  void advance(std::uint16_t count, std::uint16_t size) noexcept {
    const std::uint32_t next = std::uint32_t{index} + count;
    wrap = wrap != (next >= size);
    index = static_cast<std::uint16_t>(next >= size ? next - size : next);
  }

  friend bool operator==(const PackedIndex&, const PackedIndex&) noexcept = default;
};

}  // namespace bellwire::virtio
