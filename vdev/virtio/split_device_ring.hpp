// SPDX-License-Identifier: BSD-3-Clause
//
// SplitDeviceRing: the device's side of a split virtqueue. Use it by DeviceVirtqueue, whose header
// says what each function promises.
//
// Source: virtio 1.2, section 2.7.
#pragma once

#include "vdev/virtio/chain.hpp"
#include "vdev/virtio/ring_areas.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {

class SplitDeviceRing {
 public:
  SplitDeviceRing(const QueueLayout& layout, const QueuePosition& position, RingAreas areas,
                  const DmaSpace& memory) noexcept;

  [[nodiscard]] Taken pop(ChainStorage& storage) noexcept;
  /// Takes the chain whose first descriptor is `head`.
  [[nodiscard]] Taken take(std::uint16_t head, ChainStorage& storage) noexcept;
  void push(const Chain& chain, std::uint32_t written) noexcept;
  void push_again(const Chain& chain, std::uint32_t written) noexcept;
  void publish() noexcept;
  [[nodiscard]] bool should_call() noexcept;
  [[nodiscard]] bool enable_kicks() noexcept;
  void disable_kicks() noexcept;
  [[nodiscard]] QueuePosition position() const noexcept;
  [[nodiscard]] const DeviceRingState& state() const noexcept { return state_; }

 private:
  /// Reads the driver's index. Whether there is something to take, or it is broken.
  bool look(std::memory_order order) noexcept;
  Taken fail(RingFault fault, std::uint64_t value) noexcept;
  ChainError read_chain(ChainStorage& storage, std::uint16_t head) const noexcept;
  void read_table(ChainBuilder& chain, const vring_desc& table) const noexcept;
  void return_chain(std::uint16_t id, std::uint32_t written) noexcept;

  RingAreas areas_;
  const DmaSpace* memory_;
  const vring_desc* descriptors_;
  const vring_avail* available_;
  vring_used* used_;
  std::uint16_t size_;
  bool event_index_;
  bool indirect_;
  std::uint16_t next_available_;
  std::uint16_t seen_available_;  // the driver's index, at the last look
  std::uint16_t next_used_;       // pushed; published_ and called_ follow it
  std::uint16_t published_;
  std::uint16_t called_;  // published, at the last should_call()
  DeviceRingState state_;
};

}  // namespace bellwire::virtio
