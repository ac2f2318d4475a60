// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/client/packed_ring.hpp"

#include <algorithm>
#include <atomic>

namespace bellwire::vhost_user {
namespace {

constexpr std::uint16_t wrap_bit = 1U << VRING_PACKED_EVENT_F_WRAP_CTR;
constexpr unsigned available_flag = 1U << VRING_PACKED_DESC_F_AVAIL;
constexpr unsigned used_flag = 1U << VRING_PACKED_DESC_F_USED;
constexpr unsigned both_flags = available_flag | used_flag;

// The flags of a descriptor that is available: its own flag is as the driver's wrap counter is, the
// other one is not. Of one that is used, both are. Before, a place has what it was left with.
unsigned available_at(PackedPlace place) noexcept {
  return place.wrap ? available_flag : used_flag;
}
unsigned used_flags_at(PackedPlace place) noexcept {
  return place.wrap ? both_flags : 0;
}

std::uint16_t with_flags(unsigned flags, unsigned state) noexcept {
  return static_cast<std::uint16_t>((flags & ~both_flags) | state);
}

}  // namespace

PackedPlace PackedPlace::of(std::uint16_t word) noexcept {
  return {static_cast<std::uint16_t>(word & ~wrap_bit), (word & wrap_bit) != 0};
}

PackedPlace PackedPlace::after(unsigned count, std::uint16_t size) const noexcept {
  const auto at = index + count;
  return {static_cast<std::uint16_t>(at % size), wrap != (at / size % 2 != 0)};
}

Result<PackedRing> PackedRing::create(GuestMemory& memory, std::uint16_t size, std::size_t piece) {
  PackedRing ring(memory, size);
  ring.descriptors_ = memory.allocate(size * sizeof(vring_packed_desc), 16, piece);
  ring.driver_event_ = memory.allocate(sizeof(vring_packed_desc_event), 4, piece);
  ring.device_event_ = memory.allocate(sizeof(vring_packed_desc_event), 4, piece);
  if (ring.descriptors_ == 0 || ring.driver_event_ == 0 || ring.device_event_ == 0)
    return fault(std::errc::not_enough_memory, "no room for a ring of {} entries", size);
  ring.begin_at({});
  return ring;
}

void PackedRing::begin_at(PackedPlace place) noexcept {
  next_ = next_used_ = place;
  free_ = size_;
  chains_.clear();
  free_ids_.clear();
  for (std::uint16_t id = size_; id > 0; --id)
    free_ids_.push_back(static_cast<std::uint16_t>(id - 1));
  for (std::uint16_t count = 0; count < size_; ++count) {
    const auto where = place.after(count, size_);
    at(where.index) = {};
    at(where.index).flags = with_flags(0, used_flags_at(where) ^ both_flags);
  }
}

vring_packed_desc& PackedRing::at(std::uint16_t index) const noexcept {
  return memory_->as<vring_packed_desc>(descriptors_)[index];
}

vring_packed_desc& PackedRing::descriptor(std::uint16_t id, unsigned nth) const noexcept {
  return at(chains_.at(id).first.after(nth, size_).index);
}

// Not available yet: the first one hides the others.
void PackedRing::write(PackedPlace place, const Buffer& buffer, std::uint16_t id,
                       unsigned flags) noexcept {
  auto& descriptor = at(place.index);
  const bool first = place == next_;
  const auto state = first ? used_flags_at(place) ^ both_flags : available_at(place);
  descriptor.addr = buffer.address;
  descriptor.len = buffer.size;
  descriptor.id = id;
  std::atomic_ref(descriptor.flags).store(with_flags(flags, state), std::memory_order_relaxed);
}

std::optional<std::uint16_t> PackedRing::describe(std::span<const Buffer> buffers) {
  if (buffers.empty() || buffers.size() > free_ || free_ids_.empty()) return std::nullopt;
  const auto id = free_ids_.back();
  free_ids_.pop_back();
  const auto count = static_cast<std::uint16_t>(buffers.size());
  for (std::uint16_t nth = 0; nth < count; ++nth) {
    unsigned flags = buffers[nth].writable ? VRING_DESC_F_WRITE : 0;
    if (nth + 1 < count) flags |= VRING_DESC_F_NEXT;
    write(next_.after(nth, size_), buffers[nth], id, flags);
  }
  const bool writable = std::ranges::any_of(buffers, &Buffer::writable);
  chains_[id] = {next_, count, writable};
  next_ = next_.after(count, size_);
  free_ = static_cast<std::uint16_t>(free_ - count);
  return id;
}

std::optional<std::uint16_t> PackedRing::describe_indirect(std::span<const Buffer> in_table,
                                                           std::uint16_t flags) {
  const auto bytes = static_cast<std::uint32_t>(in_table.size() * sizeof(vring_packed_desc));
  const auto place = memory_->allocate(bytes, 16);
  const Buffer outer{place, bytes, false};
  const auto id = place == 0 ? std::nullopt : describe({&outer, 1});
  if (!id) return id;
  auto* entry = memory_->as<vring_packed_desc>(place);
  for (const auto& [address, size, writable] : in_table)
    *entry++ = {address, size, 0, static_cast<std::uint16_t>(writable ? VRING_DESC_F_WRITE : 0)};
  descriptor(*id).flags |= static_cast<std::uint16_t>(VRING_DESC_F_INDIRECT | flags);
  chains_.at(*id).writable = std::ranges::any_of(in_table, &Buffer::writable);
  return id;
}

void PackedRing::offer(std::uint16_t id) noexcept {
  const auto first = chains_.at(id).first;
  auto& flags = at(first.index).flags;
  std::atomic_ref(flags).store(with_flags(flags, available_at(first)), std::memory_order_seq_cst);
}

bool PackedRing::used_at(PackedPlace place) const noexcept {
  const auto flags = std::atomic_ref(at(place.index).flags).load(std::memory_order_acquire);
  return (flags & both_flags) == used_flags_at(place);
}

std::uint16_t PackedRing::count_of(std::uint16_t id) const noexcept {
  const auto chain = chains_.find(id);
  return chain == chains_.end() ? std::uint16_t{1} : chain->second.count;
}

// Over what was completed and not taken.
PackedRing::Walk PackedRing::walk() const noexcept {
  Walk walk{0, next_used_};
  for (; walk.completed < size_ && used_at(walk.end); ++walk.completed)
    walk.end = walk.end.after(count_of(at(walk.end.index).id), size_);
  return walk;
}

std::uint16_t PackedRing::completed() const noexcept {
  return walk().completed;
}

PackedPlace PackedRing::device_used() const noexcept {
  return walk().end;
}

std::optional<vring_used_elem> PackedRing::take() {
  if (!used_at(next_used_)) return std::nullopt;
  const auto& used = at(next_used_.index);
  const auto chain = chains_.find(used.id);
  const bool wrote =
      (used.flags & VRING_DESC_F_WRITE) != 0 || chain == chains_.end() || chain->second.writable;
  const vring_used_elem entry{used.id, wrote ? used.len : 0};
  const auto count = count_of(used.id);
  next_used_ = next_used_.after(count, size_);
  if (chains_.erase(used.id) != 0) {
    free_ids_.push_back(used.id);
    free_ = static_cast<std::uint16_t>(free_ + count);
  }
  return entry;
}

void PackedRing::ask_for_calls(std::uint16_t flags, PackedPlace place) noexcept {
  const auto word = place.word() | std::uint32_t{flags} << 16;
  std::atomic_ref(*memory_->as<std::uint32_t>(driver_event_))
      .store(word, std::memory_order_seq_cst);
}

vring_packed_desc_event PackedRing::asked_for_kicks() const noexcept {
  const auto word =
      std::atomic_ref(*memory_->as<std::uint32_t>(device_event_)).load(std::memory_order_seq_cst);
  return {static_cast<std::uint16_t>(word), static_cast<std::uint16_t>(word >> 16)};
}

}  // namespace bellwire::vhost_user
