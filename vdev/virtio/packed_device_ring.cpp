// SPDX-License-Identifier: BSD-3-Clause
//
// Orders: a descriptor's second word is read with acquire, before the rest of its list. The first
// one of those that are returned together is written last, in one order with the driver's words:
// it makes a list available and then reads our event, we write our event and then read its list, so
// at least one sees the other (sections 2.8.10 and 2.8.21 to 2.8.22).
#include "vdev/virtio/packed_device_ring.hpp"

#include "vdev/virtio/chain_builder.hpp"

namespace bellwire::virtio {

using ring::acquire;
using ring::in_order;
using ring::load;
using ring::relaxed;

PackedDeviceRing::PackedDeviceRing(const QueueLayout& layout, const QueuePosition& position,
                                   RingAreas areas, const DmaSpace& memory) noexcept
    : areas_(std::move(areas)),
      memory_(&memory),
      descriptors_(reinterpret_cast<vring_packed_desc*>(areas_.descriptors.bytes().data())),
      driver_event_(
          reinterpret_cast<const vring_packed_desc_event*>(areas_.driver_area.bytes().data())),
      device_event_(reinterpret_cast<vring_packed_desc_event*>(areas_.device_area.bytes().data())),
      size_(layout.size),
      event_index_(layout.event_index),
      indirect_(layout.indirect),
      next_available_{position.next_available, position.available_wrap},
      next_used_{position.next_used, position.used_wrap},
      published_(next_used_),
      free_(static_cast<std::uint16_t>(layout.size - entries_between(layout, position))) {
  (void)enable_kicks();
}

Taken PackedDeviceRing::pop(ChainStorage& storage) noexcept {
  if (state_.error.fault != RingFault::none) return Taken::broken;
  const auto first = PackedWord::load(descriptors_[next_available_.index()], acquire);
  if (!next_available_.is_available(first.flags())) return Taken::nothing;
  const auto error = read_chain(storage, first);
  if (state_.error.fault != RingFault::none) return Taken::broken;
  const auto& chain = storage.chain();
  next_available_.advance(chain.descriptors, size_);
  free_ = static_cast<std::uint16_t>(free_ - chain.descriptors);
  if (error.fault == ChainFault::none) {
    ++state_.in_flight;
    return Taken::chain;
  }
  return_chain(chain, 0);
  return state_.refuse(error);
}

// A malformed list is followed to its end all the same, since its ID stands there.
ChainError PackedDeviceRing::read_chain(ChainStorage& storage, PackedWord word) noexcept {
  ChainBuilder chain(storage, *memory_, size_);
  auto at = next_available_.index();
  for (std::uint16_t taken = 1; taken <= free_; ++taken) {
    read_descriptor(chain, load(descriptors_[at].addr, relaxed), word, taken == 1);
    if (!word.has(VRING_DESC_F_NEXT)) return chain.finish(word.id(), taken);
    at = at + 1 == size_ ? 0 : static_cast<std::uint16_t>(at + 1);
    word = PackedWord::load(descriptors_[at], relaxed);
  }
  state_.error = {RingFault::endless_list, free_};
  return {};
}

void PackedDeviceRing::read_descriptor(ChainBuilder& chain, std::uint64_t address, PackedWord word,
                                       bool first) const noexcept {
  if (!word.has(VRING_DESC_F_INDIRECT))
    chain.add(address, word.size(), word.has(VRING_DESC_F_WRITE));
  else if (!first || word.has(VRING_DESC_F_NEXT))
    chain.refuse(ChainFault::next_with_indirect, word.flags());
  else
    read_table(chain, address, word);
}

// Its descriptors count as taken already: the position is behind them.
Taken PackedDeviceRing::take(std::span<const vring_packed_desc> list,
                             ChainStorage& storage) noexcept {
  if (state_.error.fault != RingFault::none) return Taken::broken;
  ChainBuilder chain(storage, *memory_, size_);
  for (const auto& one : list)
    read_descriptor(chain, one.addr, PackedWord::load(one, relaxed), &one == list.data());
  const auto error = chain.finish(list.back().id, static_cast<std::uint16_t>(list.size()));
  if (error.fault == ChainFault::none) {
    ++state_.in_flight;
    return Taken::chain;
  }
  return_chain(storage.chain(), 0);
  return state_.refuse(error);
}

// Entries of a table follow each other; only their WRITE flag means something.
void PackedDeviceRing::read_table(ChainBuilder& chain, std::uint64_t address,
                                  PackedWord table) const noexcept {
  if (!indirect_) return (void)chain.refuse(ChainFault::indirect_not_agreed, table.flags());
  const auto entries = chain.open_table(address, table.size());
  for (std::uint32_t index = 0; index < entries; ++index) {
    vring_packed_desc entry;
    if (!chain.read_entry(index, entry)) return;
    if ((entry.flags & VRING_DESC_F_INDIRECT) != 0)
      return (void)chain.refuse(ChainFault::nested_indirect, entry.flags);
    if (!chain.add(entry.addr, entry.len, (entry.flags & VRING_DESC_F_WRITE) != 0)) return;
  }
}

void PackedDeviceRing::push(const Chain& chain, std::uint32_t written) noexcept {
  --state_.in_flight;
  return_chain(chain, written_of(chain, written));
}

// Its descriptors can't become available a second time.
void PackedDeviceRing::push_again(const Chain& chain, std::uint32_t written) noexcept {
  return_chain(chain, written_of(chain, written));
  free_ = static_cast<std::uint16_t>(free_ - chain.descriptors);
}

void PackedDeviceRing::return_chain(const Chain& chain, std::uint32_t written) noexcept {
  const unsigned write = written > 0 ? VRING_DESC_F_WRITE : 0;
  const PackedWord word(written, chain.id, next_used_.used_flags() | write);
  if (unpublished_ == 0) {
    first_unpublished_ = next_used_.index();
    first_word_ = word;
  } else {
    word.store(descriptors_[next_used_.index()], relaxed);
  }
  unpublished_ += chain.descriptors;
  next_used_.advance(chain.descriptors, size_);
  free_ = static_cast<std::uint16_t>(free_ + chain.descriptors);
}

void PackedDeviceRing::publish() noexcept {
  if (unpublished_ == 0) return;
  first_word_.store(descriptors_[first_unpublished_], in_order);
  uncalled_ += std::exchange(unpublished_, 0);
  published_ = next_used_;
}

bool PackedDeviceRing::should_call() noexcept {
  const auto count = std::exchange(uncalled_, 0);
  if (count == 0) return false;
  return PackedEvent::load(*driver_event_).reached(published_, count, event_index_, size_);
}

bool PackedDeviceRing::enable_kicks() noexcept {
  if (state_.error.fault != RingFault::none) return false;
  (event_index_ ? PackedEvent::at(next_available_) : PackedEvent{}).store(*device_event_);
  const auto next = PackedWord::load(descriptors_[next_available_.index()], in_order);
  return !next_available_.is_available(next.flags());
}

void PackedDeviceRing::disable_kicks() noexcept {
  PackedEvent{.flags = VRING_PACKED_EVENT_FLAG_DISABLE}.store(*device_event_);
}

QueuePosition PackedDeviceRing::position() const noexcept {
  return {.next_available = next_available_.index(),
          .next_used = next_used_.index(),
          .available_wrap = next_available_.wrap(),
          .used_wrap = next_used_.wrap()};
}

}  // namespace bellwire::virtio
