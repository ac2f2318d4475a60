// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/packed_inflight.hpp"

#include <algorithm>

#include "vdev/transport/vhost_user/server/inflight_words.hpp"

namespace bellwire::vhost_user {

using virtio::PackedIndex;

namespace {

constexpr std::size_t buffer_ids = 1 << 16;

}  // namespace

PackedInflight::PackedInflight(MemoryView part, MemoryView ring, std::uint16_t size) noexcept
    : part_(std::move(part)), ring_(std::move(ring)), size_(size), entry_of_(buffer_ids) {
  batch_.reserve(size);
}

PackedInflightHeader& PackedInflight::header() const noexcept {
  return *reinterpret_cast<PackedInflightHeader*>(part_.bytes().data());
}

std::span<PackedInflightEntry> PackedInflight::entries() const noexcept {
  auto* const first = part_.bytes().data() + sizeof(PackedInflightHeader);
  return {reinterpret_cast<PackedInflightEntry*>(first), size_};
}

const vring_packed_desc& PackedInflight::descriptor(std::uint16_t index) const noexcept {
  return reinterpret_cast<const vring_packed_desc*>(ring_.bytes().data())[index];
}

bool PackedInflight::credible() const noexcept {
  const auto& head = header();
  return load(head.version, relaxed) == inflight_version && load(head.desc_num, relaxed) == size_ &&
         load(head.used_idx, relaxed) < size_ && load(head.old_used_idx, relaxed) < size_;
}

void PackedInflight::begin(const virtio::QueuePosition& position) noexcept {
  auto& head = header();
  note(head.version, 0);
  for (std::uint16_t index = 0; index < size_; ++index) {
    note(entries()[index].inflight, 0);
    note(entries()[index].next, static_cast<std::uint16_t>(index + 1));
  }
  note(head.features, 0);
  note(head.desc_num, size_);
  note(head.free_head, 0);
  note(head.used_idx, position.next_used);
  note(head.used_wrap_counter, position.used_wrap ? 1 : 0);
  commit();
  note(head.version, inflight_version);
}

void PackedInflight::commit() noexcept {
  auto& head = header();
  note(head.old_free_head, load(head.free_head, relaxed));
  note(head.old_used_idx, load(head.used_idx, relaxed));
  note(head.old_used_wrap_counter, load(head.used_wrap_counter, relaxed));
}

void PackedInflight::roll_back() noexcept {
  auto& head = header();
  note(head.free_head, load(head.old_free_head, relaxed));
  note(head.used_idx, load(head.old_used_idx, relaxed));
  note(head.used_wrap_counter, load(head.old_used_wrap_counter, relaxed));
}

// A batch becomes visible by its first descriptor. If the driver finds that available still, as it
// left it, it has seen nothing of the batch.
void PackedInflight::settle() noexcept {
  const auto& head = header();
  const PackedIndex old{load(head.old_used_idx, relaxed),
                        load(head.old_used_wrap_counter, relaxed) != 0};
  const PackedIndex now{load(head.used_idx, relaxed), load(head.used_wrap_counter, relaxed) != 0};
  if (now == old) return roll_back();
  const auto word = virtio::PackedWord::load(descriptor(old.index()), ring::acquire);
  old.is_available(word.flags()) ? roll_back() : commit();
}

void PackedInflight::free_the_free() noexcept {
  auto at = load(header().free_head, relaxed);
  for (std::uint16_t count = 0; count < size_ && at < size_; ++count) {
    note(entries()[at].inflight, 0);
    at = load(entries()[at].next, relaxed);
  }
}

// The descriptors of one that is in flight. Empty: they can't be right.
virtio::DescriptorList PackedInflight::read_list(std::uint16_t first) const {
  virtio::DescriptorList list;
  const auto length = load(entries()[first].num, relaxed);
  auto at = first;
  for (std::uint16_t count = 0; count < length; ++count) {
    if (at >= size_ || count >= size_) return {};
    const auto& entry = entries()[at];
    list.push_back({load(entry.addr, relaxed), load(entry.len, relaxed), load(entry.id, relaxed),
                    load(entry.flags, relaxed)});
    at = load(entry.next, relaxed);
  }
  return list;
}

// Empty: they can't be right.
std::optional<Resumption> PackedInflight::left_behind() {
  const auto found = in_order(entries());
  counter_ = found.empty() ? 0 : load(entries()[found.back()].counter, relaxed) + 1;
  const auto& head = header();
  PackedIndex at{load(head.used_idx, relaxed), load(head.used_wrap_counter, relaxed) != 0};
  Resumption left{.position = {.next_used = at.index(), .used_wrap = at.wrap()}};
  std::size_t total = 0;
  for (const auto first : found) {
    auto list = read_list(first);
    total += list.size();
    if (list.empty() || total > size_) return std::nullopt;
    entry_of_[list.back().id] = first;
    left.packed_in_flight.push_back(std::move(list));
  }
  at.advance(static_cast<std::uint32_t>(total), size_);
  left.position.next_available = at.index();
  left.position.available_wrap = at.wrap();
  return left;
}

Resumption PackedInflight::resume(const virtio::QueuePosition& asked) {
  batch_.clear();
  std::optional<Resumption> left;
  if (credible()) {
    settle();
    free_the_free();
    left = left_behind();
  }
  if (!left) {
    begin(asked);
    counter_ = 0;
    left.emplace(Resumption{asked});
  }
  next_ = {left->position.next_available, left->position.available_wrap};
  taken_again_ = left->packed_in_flight.size();
  return *left;
}

// The ring's words may change at any moment, and so differ from what the device got. That harms
// nobody but their author, and is checked like any others if they are ever served again.
void PackedInflight::taken(const virtio::Chain& chain) noexcept {
  if (taken_again_ > 0) return (void)--taken_again_;
  auto& head = header();
  const auto first = load(head.free_head, relaxed);
  auto at = first;
  if (first >= size_) return;
  note(entries()[first].num, 0);
  note(entries()[first].counter, counter_++);
  note(entries()[first].inflight, 1);
  for (std::uint16_t count = 0; count < chain.descriptors && at < size_; ++count) {
    auto& entry = entries()[at];
    const auto& from = descriptor(next_.index());
    const auto word = virtio::PackedWord::load(from, relaxed);
    note(entry.addr, load(from.addr, relaxed));
    note(entry.len, word.size());
    note(entry.id, word.id());
    note(entry.flags, word.flags());
    note(entries()[first].last, at);
    note(entries()[first].num, static_cast<std::uint16_t>(count + 1));
    at = load(entry.next, relaxed);
    next_.advance(1, size_);
  }
  note(head.free_head, at);
  note(head.old_free_head, at);
  entry_of_[chain.id] = first;
}

void PackedInflight::returning(const virtio::Chain& chain) noexcept {
  batch_.push_back(entry_of_[chain.id]);
}

void PackedInflight::publishing(const virtio::QueuePosition& position) noexcept {
  auto& head = header();
  for (const auto first : batch_) {
    const auto last = load(entries()[first].last, relaxed);
    if (last >= size_) continue;
    note(entries()[last].next, load(head.free_head, relaxed));
    note(head.free_head, first);
  }
  note(head.used_idx, position.next_used);
  note(head.used_wrap_counter, position.used_wrap ? 1 : 0);
}

void PackedInflight::published(const virtio::QueuePosition& position) noexcept {
  for (const auto first : batch_) note(entries()[first].inflight, 0);
  commit();
  batch_.clear();
  next_ = {position.next_available, position.available_wrap};  // malformed chains were skipped
}

}  // namespace bellwire::vhost_user
