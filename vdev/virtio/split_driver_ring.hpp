// SPDX-License-Identifier: BSD-3-Clause
//
// SplitDriverRing: the driver's side of a split virtqueue. Use it by DriverVirtqueue, whose header
// says what each function promises.
//
// Source: virtio 1.2, section 2.7.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "vdev/virtio/driver_ring_state.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {

class SplitDriverRing {
 public:
  SplitDriverRing(const QueueLayout& layout, const QueuePosition& position, RingAreas areas,
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
  using Buffers = std::span<const GuestBuffer>;
  void write_list(Buffers readable, Buffers writable) noexcept;
  void write_table(Buffers readable, Buffers writable) noexcept;
  /// Reads the device's index. Whether there is something to take.
  bool look(std::memory_order order) noexcept;
  std::nullopt_t fail(RingFault fault, std::uint64_t value) noexcept;
  void free_chain(std::uint16_t head) noexcept;

  RingAreas areas_;
  DriverTables tables_;
  vring_desc* descriptors_;
  vring_avail* available_;
  const vring_used* used_;
  std::uint16_t size_;
  bool event_index_;
  std::uint16_t next_available_;  // added; published_ and kicked_ follow it
  std::uint16_t published_;
  std::uint16_t kicked_;  // published, at the last should_kick()
  std::uint16_t next_used_;
  std::uint16_t seen_used_;  // the device's index, at the last look
  std::uint16_t first_free_ = 0;
  std::vector<std::uint16_t> next_free_;  // per descriptor, or the next one of its chain
  std::vector<ChainInFlight> chains_;     // by first descriptor
  DriverRingState state_;
};

}  // namespace bellwire::virtio
