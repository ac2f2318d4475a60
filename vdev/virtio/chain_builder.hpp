// SPDX-License-Identifier: BSD-3-Clause
//
// ChainBuilder: checks the buffers of one chain, whatever the layout, and collects their spans in a
// ChainStorage. Internal to the device's side; one thread.
//
// Source: virtio 1.2, sections 2.7.4.2 (order and total size), 2.7.5.3 and 2.8.19 (tables).
#pragma once

#include <new>
#include <optional>

#include "vdev/ring/words.hpp"
#include "vdev/virtio/chain.hpp"
#include "vdev/virtio/ring_words.hpp"
#include "vdev/virtio/virtqueue.hpp"

namespace bellwire::virtio {

class ChainBuilder {
 public:
  /// `most_buffers`: the queue's size.
  ChainBuilder(ChainStorage& storage, const DmaSpace& memory, std::uint16_t most_buffers) noexcept
      : storage_(storage), memory_(memory), most_buffers_(most_buffers) {}

  /// Adds the buffer of a descriptor. False: the chain is malformed.
  bool add(std::uint64_t address, std::uint32_t size, bool writable) noexcept;

  /// Goes to an indirect table. Returns how many entries it has; 0: malformed.
  [[nodiscard]] std::uint32_t open_table(std::uint64_t address, std::uint32_t size) noexcept;
  /// A copy of an entry of that table. False: malformed.
  template <class Descriptor>
  bool read_entry(std::uint32_t index, Descriptor& entry) noexcept;

  /// Notes why the chain is malformed; the first reason counts. Returns false.
  bool refuse(ChainFault fault, std::uint64_t value) noexcept {
    if (error_.fault == ChainFault::none) error_ = {fault, value};
    return false;
  }

  /// The chain is in the storage from now on, unless it is malformed.
  ChainError finish(std::uint16_t id, std::uint16_t descriptors) noexcept;

 private:
  bool place(std::span<std::byte> bytes, bool writable) noexcept;
  bool grow() noexcept;
  [[nodiscard]] std::byte* room(std::size_t span) const noexcept {
    return storage_.spans_.get() + span * ChainStorage::span_size;
  }

  ChainStorage& storage_;
  const DmaSpace& memory_;
  std::uint32_t most_buffers_;
  std::uint32_t buffers_ = 0;
  std::size_t readable_ = 0;  // spans; the writable ones follow them
  std::size_t writable_ = 0;
  std::uint64_t readable_size_ = 0;
  std::uint64_t writable_size_ = 0;
  std::uint64_t table_ = 0;           // address of the open one
  std::span<std::byte> table_bytes_;  // its bytes, up to the end of the first region
  ChainError error_ = {};
};

// These run per buffer, and are inlined: half of a request's time would be calls.

[[gnu::always_inline]] inline bool ChainBuilder::place(std::span<std::byte> bytes,
                                                       bool writable) noexcept {
  const auto spans = readable_ + writable_;
  if (spans == storage_.capacity_ && !grow()) return false;
  if (writable) {
    ::new (room(spans)) std::span<std::byte>(bytes);
    ++writable_;
  } else {
    ::new (room(spans)) std::span<const std::byte>(bytes);
    ++readable_;
  }
  return true;
}

[[gnu::always_inline]] inline bool ChainBuilder::add(std::uint64_t address, std::uint32_t size,
                                                     bool writable) noexcept {
  constexpr std::uint64_t most_bytes = std::uint64_t{1} << 32;
  if (++buffers_ > most_buffers_) return refuse(ChainFault::too_long, buffers_);
  if (!writable && writable_size_ > 0) return refuse(ChainFault::readable_after_writable, address);
  (writable ? writable_size_ : readable_size_) += size;
  if (const auto total = readable_size_ + writable_size_; total > most_bytes)
    return refuse(ChainFault::too_many_bytes, total);
  while (size > 0) {
    const auto bytes = memory_.bytes(address, size);
    if (bytes.empty()) return refuse(ChainFault::outside_memory, address);
    if (!place(bytes, writable)) return false;
    address += bytes.size();
    size -= static_cast<std::uint32_t>(bytes.size());
  }
  return true;
}

[[gnu::always_inline]] inline ChainError ChainBuilder::finish(std::uint16_t id,
                                                              std::uint16_t descriptors) noexcept {
  using Readable = std::span<const std::byte>;
  using Writable = std::span<std::byte>;
  auto& chain = storage_.chain_;
  chain.id = id;
  chain.descriptors = descriptors;
  if (error_.fault != ChainFault::none) return error_;
  chain.readable_size = readable_size_;
  chain.writable_size = writable_size_;
  chain.readable = {std::launder(reinterpret_cast<const Readable*>(room(0))), readable_};
  chain.writable = {std::launder(reinterpret_cast<const Writable*>(room(readable_))), writable_};
  return error_;
}

// A table is usually in one region, which is found once.
inline std::uint32_t ChainBuilder::open_table(std::uint64_t address, std::uint32_t size) noexcept {
  constexpr std::uint32_t each = sizeof(vring_desc);
  if (size == 0 || size % each != 0) {
    refuse(ChainFault::table_size, size);
    return 0;
  }
  table_ = address;
  table_bytes_ = memory_.bytes(address, size);
  const auto last = address + (size - each);
  if (table_bytes_.size() != size && (last < address || memory_.bytes(last, each).size() != each)) {
    refuse(ChainFault::outside_memory, address + table_bytes_.size());
    return 0;
  }
  return size / each;
}

// The table need not be aligned; each entry must lie in one region.
template <class Descriptor>
bool ChainBuilder::read_entry(std::uint32_t index, Descriptor& entry) noexcept {
  const auto offset = std::uint64_t{index} * sizeof entry;
  const auto bytes = fits(offset, sizeof entry, table_bytes_.size())
                         ? table_bytes_.subspan(offset, sizeof entry)
                         : memory_.bytes(table_ + offset, sizeof entry);
  if (bytes.size() != sizeof entry) return refuse(ChainFault::outside_memory, table_ + offset);
  if (reinterpret_cast<std::uintptr_t>(bytes.data()) % alignof(std::uint64_t) == 0) {
    ring::copy_once(*reinterpret_cast<const Descriptor*>(bytes.data()), entry);
    return true;
  }
  auto* to = reinterpret_cast<std::byte*>(&entry);
  for (const auto& byte : bytes) *to++ = ring::load(byte, ring::relaxed);
  return true;
}

}  // namespace bellwire::virtio
