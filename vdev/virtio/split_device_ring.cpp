// SPDX-License-Identifier: BSD-3-Clause
//
// Orders: the driver's index is read with acquire, before the entries behind it. The used index is
// published, and the event indexes are exchanged, in one order with the driver's: it writes its
// index and then reads ours, we write ours and then read its index, so at least one sees the other
// (sections 2.7.7 and 2.7.10).
#include "vdev/virtio/split_device_ring.hpp"

#include "vdev/ring/words.hpp"
#include "vdev/virtio/chain_builder.hpp"

namespace bellwire::virtio {
namespace {

using ring::acquire;
using ring::in_order;
using ring::load;
using ring::relaxed;
using ring::store;

// Behind the last entry of each ring.
const __virtio16& used_event(const vring_avail& ring, std::uint16_t size) {
  return ring.ring[size];
}
__virtio16& avail_event(vring_used& ring, std::uint16_t size) {
  void* const behind = ring.ring + size;
  return *static_cast<__virtio16*>(behind);
}

std::uint16_t distance(std::uint16_t from, std::uint16_t to) {
  return static_cast<std::uint16_t>(to - from);
}

}  // namespace

SplitDeviceRing::SplitDeviceRing(const QueueLayout& layout, const QueuePosition& position,
                                 RingAreas areas, const DmaSpace& memory) noexcept
    : areas_(std::move(areas)),
      memory_(&memory),
      descriptors_(reinterpret_cast<const vring_desc*>(areas_.descriptors.bytes().data())),
      available_(reinterpret_cast<const vring_avail*>(areas_.driver_area.bytes().data())),
      used_(reinterpret_cast<vring_used*>(areas_.device_area.bytes().data())),
      size_(layout.size),
      event_index_(layout.event_index),
      indirect_(layout.indirect),
      next_available_(position.next_available),
      seen_available_(position.next_available),
      next_used_(position.next_used),
      published_(position.next_used),
      called_(position.next_used) {
  store(used_->flags, 0, relaxed);
  (void)enable_kicks();
}

Taken SplitDeviceRing::pop(ChainStorage& storage) noexcept {
  if (next_available_ == seen_available_ && !look(acquire))
    return state_.error.fault == RingFault::none ? Taken::nothing : Taken::broken;
  return take(load(available_->ring[next_available_++ & (size_ - 1)], relaxed), storage);
}

Taken SplitDeviceRing::take(std::uint16_t head, ChainStorage& storage) noexcept {
  if (head >= size_) return fail(RingFault::head, head);
  const auto error = read_chain(storage, head);
  if (error.fault == ChainFault::none) {
    ++state_.in_flight;
    return Taken::chain;
  }
  return_chain(head, 0);
  return state_.refuse(error);
}

bool SplitDeviceRing::look(std::memory_order order) noexcept {
  if (state_.error.fault != RingFault::none) return false;
  const auto index = load(available_->idx, order);
  if (distance(next_available_, index) > size_ - state_.in_flight) {
    (void)fail(RingFault::available_index, index);
    return false;
  }
  seen_available_ = index;
  return next_available_ != index;
}

// What was seen is forgotten, so that the next pop() looks, and sees the fault.
Taken SplitDeviceRing::fail(RingFault fault, std::uint64_t value) noexcept {
  seen_available_ = next_available_;
  state_.error = {fault, value};
  return Taken::broken;
}

// A list in the ring: single buffers, and perhaps a table at its end.
ChainError SplitDeviceRing::read_chain(ChainStorage& storage, std::uint16_t head) const noexcept {
  ChainBuilder chain(storage, *memory_, size_);
  std::uint16_t taken = 0;
  for (auto index = head;;) {
    const auto descriptor = ring::copy_once(descriptors_[index]);
    ++taken;
    if ((descriptor.flags & VRING_DESC_F_INDIRECT) != 0) {
      read_table(chain, descriptor);
      break;
    }
    if (!chain.add(descriptor.addr, descriptor.len, (descriptor.flags & VRING_DESC_F_WRITE) != 0) ||
        (descriptor.flags & VRING_DESC_F_NEXT) == 0)
      break;
    index = descriptor.next;
    if (index >= size_) {
      chain.refuse(ChainFault::next_out_of_range, index);
      break;
    }
    if (taken == size_) {
      chain.refuse(ChainFault::loop, taken);
      break;
    }
  }
  return chain.finish(head, taken);
}

void SplitDeviceRing::read_table(ChainBuilder& chain, const vring_desc& table) const noexcept {
  if (!indirect_) return (void)chain.refuse(ChainFault::indirect_not_agreed, table.flags);
  if ((table.flags & VRING_DESC_F_NEXT) != 0)
    return (void)chain.refuse(ChainFault::next_with_indirect, table.flags);
  const auto entries = chain.open_table(table.addr, table.len);
  std::uint32_t index = 0;
  for (std::uint32_t taken = 0; taken < entries; ++taken) {
    vring_desc entry;
    if (!chain.read_entry(index, entry)) return;
    if ((entry.flags & VRING_DESC_F_INDIRECT) != 0)
      return (void)chain.refuse(ChainFault::nested_indirect, entry.flags);
    if (!chain.add(entry.addr, entry.len, (entry.flags & VRING_DESC_F_WRITE) != 0) ||
        (entry.flags & VRING_DESC_F_NEXT) == 0)
      return;
    index = entry.next;
    if (index >= entries) return (void)chain.refuse(ChainFault::next_out_of_range, index);
  }
  chain.refuse(ChainFault::loop, entries);
}

void SplitDeviceRing::push(const Chain& chain, std::uint32_t written) noexcept {
  --state_.in_flight;
  return_chain(chain.id, written_of(chain, written));
}

void SplitDeviceRing::push_again(const Chain& chain, std::uint32_t written) noexcept {
  return_chain(chain.id, written_of(chain, written));
}

void SplitDeviceRing::return_chain(std::uint16_t id, std::uint32_t written) noexcept {
  auto& entry = used_->ring[next_used_++ & (size_ - 1)];
  store(entry.id, id, relaxed);
  store(entry.len, written, relaxed);
}

void SplitDeviceRing::publish() noexcept {
  if (published_ == next_used_) return;
  published_ = next_used_;
  store(used_->idx, published_, in_order);
}

bool SplitDeviceRing::should_call() noexcept {
  const auto before = called_;
  called_ = published_;
  if (before == published_) return false;
  if (event_index_)
    return vring_need_event(load(used_event(*available_, size_), in_order), published_, before);
  return (load(available_->flags, in_order) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
}

bool SplitDeviceRing::enable_kicks() noexcept {
  if (event_index_)
    store(avail_event(*used_, size_), next_available_, in_order);
  else
    store(used_->flags, 0, in_order);
  return !look(in_order) && state_.error.fault == RingFault::none;
}

// With event indexes the flags stay 0, and an index that was passed asks for no more kicks.
void SplitDeviceRing::disable_kicks() noexcept {
  if (!event_index_) store(used_->flags, VRING_USED_F_NO_NOTIFY, relaxed);
}

QueuePosition SplitDeviceRing::position() const noexcept {
  return {.next_available = next_available_, .next_used = next_used_};
}

}  // namespace bellwire::virtio
