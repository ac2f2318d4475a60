// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/vhost_user/server/inflight.hpp"

#include "vdev/transport/vhost_user/server/inflight_words.hpp"
#include "vdev/transport/vhost_user/server/memory_slots.hpp"

namespace bellwire::vhost_user {
namespace {

std::uint16_t distance(std::uint16_t from, std::uint16_t to) noexcept {
  return static_cast<std::uint16_t>(to - from);
}

}  // namespace

SplitInflight::SplitInflight(MemoryView part, std::uint16_t size) noexcept
    : part_(std::move(part)), size_(size) {
  batch_.reserve(size);
}

SplitInflightHeader& SplitInflight::header() const noexcept {
  return *reinterpret_cast<SplitInflightHeader*>(part_.bytes().data());
}

std::span<SplitInflightEntry> SplitInflight::entries() const noexcept {
  auto* const first = part_.bytes().data() + sizeof(SplitInflightHeader);
  return {reinterpret_cast<SplitInflightEntry*>(first), size_};
}

// More than a queue's worth of used buffers can't have been published since the last note.
bool SplitInflight::credible(std::uint16_t used) const noexcept {
  return load(header().version, relaxed) == inflight_version &&
         load(header().desc_num, relaxed) == size_ &&
         distance(load(header().used_idx, relaxed), used) <= size_;
}

void SplitInflight::begin(std::uint16_t used) noexcept {
  note(header().version, 0);
  for (auto& entry : entries()) {
    note(entry.inflight, 0);
    note(entry.counter, 0);
  }
  note(header().features, 0);
  note(header().desc_num, size_);
  note(header().last_batch_head, 0);
  note(header().used_idx, used);
  note(header().version, inflight_version);
}

// The last batch was published, and perhaps not all of it cleared. It ends with an entry that
// points to itself, so a process that published less than it says clears nothing else.
void SplitInflight::settle(std::uint16_t used) noexcept {
  auto left = distance(load(header().used_idx, relaxed), used);
  auto head = load(header().last_batch_head, relaxed);
  for (; left > 0 && head < size_; --left) {
    note(entries()[head].inflight, 0);
    const auto next = load(entries()[head].next, relaxed);
    if (next == head) break;
    head = next;
  }
  note(header().used_idx, used);
}

std::vector<std::uint16_t> SplitInflight::left_behind() {
  auto heads = in_order(entries());
  counter_ = heads.empty() ? 0 : load(entries()[heads.back()].counter, relaxed) + 1;
  return heads;
}

Resumption SplitInflight::resume(const virtio::QueuePosition& asked) {
  batch_.clear();
  if (!credible(asked.next_used)) {
    begin(asked.next_used);
    counter_ = 0;
    return {asked};
  }
  settle(asked.next_used);
  Resumption found{asked, left_behind()};
  found.position.next_available =
      static_cast<std::uint16_t>(asked.next_used + found.in_flight.size());
  return found;
}

void SplitInflight::taken(std::uint16_t head) noexcept {
  if (head >= size_) return;
  note(entries()[head].counter, counter_++);
  note(entries()[head].inflight, 1);
}

void SplitInflight::returning(std::uint16_t head) noexcept {
  if (head >= size_) return;
  note(entries()[head].next, batch_.empty() ? head : batch_.back());
  note(header().last_batch_head, head);
  batch_.push_back(head);
}

void SplitInflight::published(std::uint16_t used) noexcept {
  for (const auto head : batch_) note(entries()[head].inflight, 0);
  note(header().used_idx, used);
  batch_.clear();
}

Result<InflightRegion::Made> InflightRegion::make(std::uint16_t queues, std::uint16_t queue_size) {
  const auto size = queues * inflight_part(queue_size);
  auto fd = os::create_memfd("inflight", size);
  if (!fd) return fd.error();
  return Made{std::move(*fd), Inflight{size, 0, queues, queue_size, 0}};
}

Result<InflightRegion> InflightRegion::map(const Inflight& where, int fd,
                                           std::shared_ptr<os::MemoryLoss> loss) {
  const auto needed = where.num_queues * inflight_part(where.queue_size);
  if (where.num_queues == 0 || where.queue_size == 0 || where.mmap_size < needed)
    return fault(std::errc::invalid_argument,
                 "an inflight region of {} bytes for {} queues of {} entries: it needs {}",
                 where.mmap_size, where.num_queues, where.queue_size, needed);
  auto memory = map_part(fd, where.mmap_offset, where.mmap_size, std::move(loss));
  if (!memory)
    return Error{memory.error().code, text("the inflight region: {}", memory.error().message)};
  if (reinterpret_cast<std::uintptr_t>(memory->bytes().data()) % alignof(std::uint64_t) != 0)
    return fault(std::errc::invalid_argument, "an inflight region at byte {} of its file",
                 where.mmap_offset);
  return InflightRegion(std::move(*memory), where.num_queues, where.queue_size);
}

std::optional<MemoryView> InflightRegion::part(unsigned index, std::uint16_t size) const {
  if (index >= queues_ || size > queue_size_) return std::nullopt;
  const auto bytes = inflight_part(queue_size_);
  return memory_.part(index * bytes, bytes);
}

}  // namespace bellwire::vhost_user
