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
                   DriverTables tables);

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
  // The parts of one request are inlined, as on the device's side.
  using Buffers = std::span<const GuestBuffer>;
  void clear() noexcept;
  [[gnu::always_inline]] inline void write_list(std::uint16_t id, Buffers readable,
                                                Buffers writable) noexcept;
  void write_table(std::uint16_t id, Buffers readable, Buffers writable) noexcept;
  [[gnu::always_inline]] inline void write_next(std::uint16_t id, const GuestBuffer& buffer,
                                                unsigned flags) noexcept;
  [[nodiscard, gnu::always_inline]] inline bool returned(PackedWord word) const noexcept;
  std::nullopt_t fail(RingFault fault, std::uint64_t value) noexcept;

  RingAreas areas_;
  DriverTables tables_;
  vring_packed_desc* descriptors_;
  vring_packed_desc_event* driver_event_;
  const vring_packed_desc_event* device_event_;
  std::uint16_t size_;
  bool event_index_;
  PackedIndex next_available_;  // added; published_ follows it
  PackedIndex published_;
  PackedIndex next_used_;
  PackedWord first_word_;          // of the first descriptor that is not published, if any is
  std::uint32_t unpublished_ = 0;  // descriptors
  std::uint32_t unkicked_ = 0;     // descriptors published since the last should_kick()
  std::uint16_t first_free_ = 0;
  std::vector<std::uint16_t> next_free_;  // per ID
  std::vector<ChainInFlight> chains_;     // by ID
  DriverRingState state_;
};

}  // namespace bellwire::virtio
