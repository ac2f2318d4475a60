// SPDX-License-Identifier: BSD-3-Clause
//
// Orders: those of packed_device_ring.cpp, seen from the other side.
#include "vdev/virtio/packed_driver_ring.hpp"

#include <algorithm>
#include <numeric>

namespace bellwire::virtio {

using ring::acquire;
using ring::in_order;
using ring::relaxed;
using ring::store;

PackedDriverRing::PackedDriverRing(const QueueLayout& layout, const QueuePosition& position,
                                   RingAreas areas, DriverTables tables)
    : areas_(std::move(areas)),
      tables_(std::move(tables)),
      descriptors_(reinterpret_cast<vring_packed_desc*>(areas_.descriptors.bytes().data())),
      driver_event_(reinterpret_cast<vring_packed_desc_event*>(areas_.driver_area.bytes().data())),
      device_event_(
          reinterpret_cast<const vring_packed_desc_event*>(areas_.device_area.bytes().data())),
      size_(layout.size),
      event_index_(layout.event_index),
      next_available_{position.next_available, position.available_wrap},
      published_(next_available_),
      next_used_{position.next_used, position.used_wrap},
      next_free_(layout.size),
      chains_(layout.size) {
  state_.free = size_;
  std::iota(next_free_.begin(), next_free_.end(), std::uint16_t{1});
  clear();
  (void)enable_calls();
}

// Nothing is available, and nothing is used.
void PackedDriverRing::clear() noexcept {
  PackedIndex at = next_available_;
  for (std::uint16_t count = 0; count < size_; ++count, at.advance(1, size_)) {
    const auto flags =
        static_cast<std::uint16_t>(at.used_flags() ^ (packed_available | packed_used));
    PackedWord(0, 0, flags).store(descriptors_[at.index()], in_order);
  }
}

bool PackedDriverRing::add(std::span<const GuestBuffer> readable,
                           std::span<const GuestBuffer> writable, std::uint64_t token) noexcept {
  const auto buffers = readable.size() + writable.size();
  const bool in_table = tables_.take(buffers);
  if (buffers == 0 || buffers > size_ || (in_table ? 1 : buffers) > state_.free) return false;
  const auto id = first_free_;
  first_free_ = next_free_[id];
  auto& chain = chains_[id];
  chain = {.token = token,
           .writable_size = size_of(writable),
           .descriptors = static_cast<std::uint16_t>(in_table ? 1 : buffers)};
  if (in_table)
    write_table(id, readable, writable);
  else
    write_list(id, readable, writable);
  state_.free = static_cast<std::uint16_t>(state_.free - chain.descriptors);
  ++state_.in_flight;
  return true;
}

void PackedDriverRing::write_list(std::uint16_t id, std::span<const GuestBuffer> readable,
                                  std::span<const GuestBuffer> writable) noexcept {
  auto left = readable.size() + writable.size();
  const auto write = [&](const GuestBuffer& buffer, unsigned flags) {
    if (--left > 0) flags |= VRING_DESC_F_NEXT;
    write_next(id, buffer, flags);
  };
  for (const auto& buffer : readable) write(buffer, 0);
  for (const auto& buffer : writable) write(buffer, VRING_DESC_F_WRITE);
}

void PackedDriverRing::write_table(std::uint16_t id, std::span<const GuestBuffer> readable,
                                   std::span<const GuestBuffer> writable) noexcept {
  const auto table = tables_.of(id);
  auto* entry = reinterpret_cast<vring_packed_desc*>(table.entries);
  for (const auto& buffer : readable) write_descriptor(*entry++, buffer.address, buffer.size, 0, 0);
  for (const auto& buffer : writable)
    write_descriptor(*entry++, buffer.address, buffer.size, 0, VRING_DESC_F_WRITE);
  const auto buffers = readable.size() + writable.size();
  write_next(id, {table.address, static_cast<std::uint32_t>(buffers * sizeof *entry)},
             VRING_DESC_F_INDIRECT);
}

// The first one that the device doesn't know yet is completed by publish().
void PackedDriverRing::write_next(std::uint16_t id, const GuestBuffer& buffer,
                                  unsigned flags) noexcept {
  auto& descriptor = descriptors_[next_available_.index()];
  const PackedWord word(buffer.size, id, flags | next_available_.available_flags());
  store(descriptor.addr, buffer.address, relaxed);
  if (unpublished_++ == 0)
    first_word_ = word;
  else
    word.store(descriptor, relaxed);
  next_available_.advance(1, size_);
}

void PackedDriverRing::publish() noexcept {
  if (unpublished_ == 0) return;
  first_word_.store(descriptors_[published_.index()], in_order);
  unkicked_ += std::exchange(unpublished_, 0);
  published_ = next_available_;
}

bool PackedDriverRing::should_kick() noexcept {
  const auto count = std::exchange(unkicked_, 0);
  if (count == 0) return false;
  return PackedEvent::load(*device_event_).reached(published_, count, event_index_, size_);
}

std::optional<UsedChain> PackedDriverRing::poll_used() noexcept {
  const auto word = PackedWord::load(descriptors_[next_used_.index()], acquire);
  if (!returned(word)) return std::nullopt;
  const auto id = word.id();
  if (id >= size_ || chains_[id].descriptors == 0) return fail(RingFault::used_id, id);
  if (word.size() > chains_[id].writable_size) return fail(RingFault::used_length, word.size());
  const auto descriptors = std::exchange(chains_[id].descriptors, std::uint16_t{0});
  next_used_.advance(descriptors, size_);
  state_.free = static_cast<std::uint16_t>(state_.free + descriptors);
  --state_.in_flight;
  next_free_[id] = first_free_;
  first_free_ = id;
  return UsedChain{chains_[id].token, word.size()};
}

std::nullopt_t PackedDriverRing::fail(RingFault fault, std::uint64_t value) noexcept {
  state_.error = {fault, value};
  return std::nullopt;
}

// Without anything in flight, what looks used is from another time.
bool PackedDriverRing::returned(PackedWord word) const noexcept {
  return next_used_.is_used(word.flags()) && state_.in_flight > 0 &&
         state_.error.fault == RingFault::none;
}

bool PackedDriverRing::enable_calls() noexcept {
  (event_index_ ? PackedEvent::at(next_used_) : PackedEvent{}).store(*driver_event_);
  return !returned(PackedWord::load(descriptors_[next_used_.index()], in_order));
}

void PackedDriverRing::disable_calls() noexcept {
  PackedEvent{.flags = VRING_PACKED_EVENT_FLAG_DISABLE}.store(*driver_event_);
}

QueuePosition PackedDriverRing::position() const noexcept {
  return {.next_available = published_.index(),
          .next_used = next_used_.index(),
          .available_wrap = published_.wrap(),
          .used_wrap = next_used_.wrap()};
}

}  // namespace bellwire::virtio
