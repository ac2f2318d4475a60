// SPDX-License-Identifier: BSD-3-Clause
//
// Orders: those of split_device_ring.cpp, seen from the other side.
#include "vdev/virtio/split_driver_ring.hpp"

#include <algorithm>
#include <numeric>

#include "vdev/ring/words.hpp"

namespace bellwire::virtio {
namespace {

using ring::acquire;
using ring::in_order;
using ring::load;
using ring::relaxed;
using ring::store;

__virtio16& used_event(vring_avail& ring, std::uint16_t size) {
  return ring.ring[size];
}
const __virtio16& avail_event(const vring_used& ring, std::uint16_t size) {
  const void* const behind = ring.ring + size;
  return *static_cast<const __virtio16*>(behind);
}

std::uint16_t flag(bool set, std::uint16_t bit) {
  return set ? bit : std::uint16_t{0};
}

}  // namespace

SplitDriverRing::SplitDriverRing(const QueueLayout& layout, const QueuePosition& position,
                                 RingAreas areas, DriverTables tables)
    : areas_(std::move(areas)),
      tables_(std::move(tables)),
      descriptors_(reinterpret_cast<vring_desc*>(areas_.descriptors.bytes().data())),
      available_(reinterpret_cast<vring_avail*>(areas_.driver_area.bytes().data())),
      used_(reinterpret_cast<vring_used*>(areas_.device_area.bytes().data())),
      size_(layout.size),
      event_index_(layout.event_index),
      next_available_(position.next_available),
      published_(position.next_available),
      kicked_(position.next_available),
      next_used_(position.next_used),
      seen_used_(position.next_used),
      next_free_(layout.size),
      chains_(layout.size) {
  state_.free = size_;
  std::iota(next_free_.begin(), next_free_.end(), std::uint16_t{1});
  store(available_->flags, 0, relaxed);
  store(available_->idx, published_, in_order);
  store(reinterpret_cast<vring_used*>(areas_.device_area.bytes().data())->idx, next_used_,
        in_order);
  (void)enable_calls();
}

bool SplitDriverRing::add(std::span<const GuestBuffer> readable,
                          std::span<const GuestBuffer> writable, std::uint64_t token) noexcept {
  const auto buffers = readable.size() + writable.size();
  const bool in_table = tables_.take(buffers);
  if (buffers == 0 || buffers > size_ || (in_table ? 1 : buffers) > state_.free) return false;
  const auto head = first_free_;
  auto& chain = chains_[head];
  chain = {.token = token,
           .writable_size = size_of(writable),
           .descriptors = static_cast<std::uint16_t>(in_table ? 1 : buffers)};
  if (in_table)
    write_table(readable, writable);
  else
    write_list(readable, writable);
  state_.free = static_cast<std::uint16_t>(state_.free - chain.descriptors);
  ++state_.in_flight;
  store(available_->ring[next_available_++ & (size_ - 1)], head, relaxed);
  return true;
}

// The device may write all of the memory, so which descriptor follows which is kept here as well.
void SplitDriverRing::write_list(std::span<const GuestBuffer> readable,
                                 std::span<const GuestBuffer> writable) noexcept {
  auto left = readable.size() + writable.size();
  const auto write = [&](const GuestBuffer& buffer, std::uint16_t flags) {
    const auto next = next_free_[first_free_];
    const auto more = flag(--left > 0, VRING_DESC_F_NEXT);
    write_descriptor(descriptors_[first_free_], buffer.address, buffer.size, flags | more, next);
    first_free_ = next;
  };
  for (const auto& buffer : readable) write(buffer, 0);
  for (const auto& buffer : writable) write(buffer, VRING_DESC_F_WRITE);
}

void SplitDriverRing::write_table(std::span<const GuestBuffer> readable,
                                  std::span<const GuestBuffer> writable) noexcept {
  const auto buffers = static_cast<std::uint32_t>(readable.size() + writable.size());
  const auto table = tables_.of(first_free_);
  auto* entries = reinterpret_cast<vring_desc*>(table.entries);
  std::uint16_t index = 0;
  const auto write = [&](const GuestBuffer& buffer, std::uint16_t flags) {
    const auto next = static_cast<std::uint16_t>(index + 1);
    const auto more = flag(next < buffers, VRING_DESC_F_NEXT);
    write_descriptor(entries[index], buffer.address, buffer.size, flags | more, next);
    index = next;
  };
  for (const auto& buffer : readable) write(buffer, 0);
  for (const auto& buffer : writable) write(buffer, VRING_DESC_F_WRITE);
  const auto next = next_free_[first_free_];
  write_descriptor(descriptors_[first_free_], table.address,
                   buffers * static_cast<std::uint32_t>(sizeof *entries), VRING_DESC_F_INDIRECT, 0);
  first_free_ = next;
}

void SplitDriverRing::publish() noexcept {
  if (published_ == next_available_) return;
  published_ = next_available_;
  store(available_->idx, published_, in_order);
}

bool SplitDriverRing::should_kick() noexcept {
  const auto before = kicked_;
  kicked_ = published_;
  if (before == published_) return false;
  if (event_index_)
    return vring_need_event(load(avail_event(*used_, size_), in_order), published_, before);
  return (load(used_->flags, in_order) & VRING_USED_F_NO_NOTIFY) == 0;
}

bool SplitDriverRing::look(std::memory_order order) noexcept {
  if (state_.error.fault != RingFault::none) return false;
  const auto index = load(used_->idx, order);
  const auto returned = static_cast<std::uint16_t>(index - next_used_);
  if (returned > state_.in_flight)
    state_.error = {RingFault::used_index, index};
  else
    seen_used_ = index;
  return next_used_ != seen_used_;
}

std::optional<UsedChain> SplitDriverRing::poll_used() noexcept {
  if (next_used_ == seen_used_ && !look(acquire)) return std::nullopt;
  const auto& entry = used_->ring[next_used_ & (size_ - 1)];
  const auto id = load(entry.id, relaxed);
  const auto written = load(entry.len, relaxed);
  if (id >= size_ || chains_[id].descriptors == 0) return fail(RingFault::used_id, id);
  if (written > chains_[id].writable_size) return fail(RingFault::used_length, written);
  ++next_used_;
  free_chain(static_cast<std::uint16_t>(id));
  return UsedChain{chains_[id].token, written};
}

std::nullopt_t SplitDriverRing::fail(RingFault fault, std::uint64_t value) noexcept {
  state_.error = {fault, value};
  seen_used_ = next_used_;
  return std::nullopt;
}

void SplitDriverRing::free_chain(std::uint16_t head) noexcept {
  const auto descriptors = std::exchange(chains_[head].descriptors, std::uint16_t{0});
  auto last = head;
  for (auto left = descriptors; left > 1; --left) last = next_free_[last];
  next_free_[last] = first_free_;
  first_free_ = head;
  state_.free = static_cast<std::uint16_t>(state_.free + descriptors);
  --state_.in_flight;
}

bool SplitDriverRing::enable_calls() noexcept {
  if (event_index_)
    store(used_event(*available_, size_), next_used_, in_order);
  else
    store(available_->flags, 0, in_order);
  return !look(in_order);
}

void SplitDriverRing::disable_calls() noexcept {
  if (!event_index_) store(available_->flags, VRING_AVAIL_F_NO_INTERRUPT, relaxed);
}

QueuePosition SplitDriverRing::position() const noexcept {
  return {.next_available = published_, .next_used = next_used_};
}

}  // namespace bellwire::virtio
