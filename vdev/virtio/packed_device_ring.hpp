// SPDX-License-Identifier: BSD-3-Clause
//
// PackedDeviceRing: the device's side of a packed virtqueue. Use it by DeviceVirtqueue, whose
// header says what each function promises.
//
// Source: virtio 1.2, section 2.8.
#pragma once

#include "vdev/virtio/chain.hpp"
#include "vdev/virtio/packed_index.hpp"
#include "vdev/virtio/ring_areas.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::virtio {

class PackedDeviceRing {
 public:
  PackedDeviceRing(const QueueLayout& layout, const QueuePosition& position, RingAreas areas,
                   const DmaSpace& memory) noexcept;

  [[nodiscard]] Taken pop(ChainStorage& storage) noexcept;
  [[nodiscard]] Taken take(std::span<const vring_packed_desc> list, ChainStorage& storage) noexcept;
  void push(const Chain& chain, std::uint32_t written) noexcept;
  void push_again(const Chain& chain, std::uint32_t written) noexcept;
  void publish() noexcept;
  [[nodiscard]] bool should_call() noexcept;
  [[nodiscard]] bool enable_kicks() noexcept;
  void disable_kicks() noexcept;
  [[nodiscard]] QueuePosition position() const noexcept;
  [[nodiscard]] const DeviceRingState& state() const noexcept { return state_; }

 private:
  // The parts of one request are inlined: half of its time would be calls.
  /// Reads the list that begins with `first`. Breaks the queue if it has no end.
  [[gnu::always_inline]] inline ChainError read_chain(ChainStorage& storage,
                                                      PackedWord first) noexcept;
  [[gnu::always_inline]] inline void read_descriptor(ChainBuilder& chain, std::uint64_t address,
                                                     PackedWord word, bool first) const noexcept;
  void read_table(ChainBuilder& chain, std::uint64_t address, PackedWord table) const noexcept;
  [[gnu::always_inline]] inline void return_chain(const Chain& chain,
                                                  std::uint32_t written) noexcept;

  RingAreas areas_;
  const DmaSpace* memory_;
  vring_packed_desc* descriptors_;
  const vring_packed_desc_event* driver_event_;
  vring_packed_desc_event* device_event_;
  std::uint16_t size_;
  bool event_index_;
  bool indirect_;
  PackedIndex next_available_;
  PackedIndex next_used_;  // pushed; published_ follows it
  PackedIndex published_;
  std::uint16_t free_;                   // descriptors that can be available, and are not taken yet
  std::uint16_t first_unpublished_ = 0;  // where first_word_ goes, if anything is unpublished
  PackedWord first_word_;
  std::uint32_t unpublished_ = 0;  // descriptors
  std::uint32_t uncalled_ = 0;     // descriptors published since the last should_call()
  DeviceRingState state_;
};

}  // namespace bellwire::virtio
