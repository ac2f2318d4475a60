// SPDX-License-Identifier: BSD-3-Clause
//
// PackedDriverRing: the driver's side of a packed virtqueue. Use it by DriverVirtqueue, whose
// header says what each function promises.
//
// Source: virtio 1.2, section 2.8.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "vdev/virtio/driver_ring_state.hpp"
#include "vdev/virtio/packed_index.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {

class PackedDriverRing {
 public:
  PackedDriverRing(const QueueLayout& layout, const QueuePosition& position, RingAreas areas,
                   MappedTables tables);

  [[nodiscard]] bool add(std::span<const GuestBuffer> readable,
                         std::span<const GuestBuffer> writable, std::uint64_t token) noexcept;
  void publish() noexcept;
  [[nodiscard]] bool should_kick() noexcept;
  [[nodiscard]] std::optional<UsedChain> poll_used() noexcept;
  [[nodiscard]] bool enable_calls() noexcept;
  void disable_calls() noexcept;
  [[nodiscard]] QueuePosition position() const noexcept;
  [[nodiscard]] const DriverRingState& state() const noexcept { return state_; }

 private:
  RingAreas areas_;
  MappedTables tables_;
  vring_packed_desc* descriptors_;
  vring_packed_desc_event* driver_event_;
  const vring_packed_desc_event* device_event_;
  std::uint16_t size_;
  bool event_index_;
  PackedIndex next_available_;
  PackedIndex next_used_;
  PackedIndex published_;         // the first descriptor that was added and not published, if any
  std::uint16_t held_flags_ = 0;  // its flags, which publish() writes
  std::uint32_t unkicked_ = 0;    // descriptors published since the last should_kick()
  std::uint16_t first_free_id_ = 0;
  std::vector<ChainInFlight> chains_;  // by ID
  DriverRingState state_;
};

}  // namespace bellwire::virtio
