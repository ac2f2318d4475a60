// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/virtio/watch.hpp"

#include <algorithm>

#include "vdev/ring/words.hpp"

namespace bellwire::virtio {
namespace {

using ring::acquire;
using ring::load;
using ring::relaxed;
using ring::release;
using ring::store;

// So that each side has as many records as ring::format() gives at most, which are half of what the
// rings leave.
constexpr std::uint64_t room_for_records =
    2 * std::uint64_t{ring::most_trace_entries} * BELLWIRE_SIDES * sizeof(bellwire_record);

void add(__u64& word, std::uint64_t more) noexcept {
  store(word, load(word, relaxed) + more, relaxed);
}

}  // namespace

Result<Watch> Watch::create(std::string_view kind, unsigned queues, std::uint32_t entries) {
  if (queues > BELLWIRE_MAX_QUEUES)
    return fault(std::errc::invalid_argument, "{} has {} queues here, of which {} can be watched",
                 kind, queues, BELLWIRE_MAX_QUEUES);
  const auto each = 2 * entries * (sizeof(bellwire_request) + sizeof(bellwire_completion)) +
                    BELLWIRE_QUEUE_CONTROL_SIZE + room_for_records;
  auto memory =
      ring::create_memory("bellwire-watch", BELLWIRE_HEADER_SIZE + queues * each, queues, entries);
  if (!memory) return memory.error();
  auto layout = ring::Layout::open(std::move(memory->view));
  if (!layout) return layout.error();
  auto& line = layout->device_line();
  std::ranges::copy(kind.substr(0, sizeof line.kind - 1), line.kind);
  line.incarnation = 1;
  return Watch(std::move(*layout));
}

Watch::Watch(ring::Layout layout) : layout_(std::move(layout)) {
  for (unsigned index = 0; index < layout_.queues(); ++index)
    queues_.emplace_back(layout_.queue(index));
}

void WatchedQueue::begin(std::uint16_t entries) {
  entries_ = entries;
  returned_.clear();
  returned_.reserve(entries);
  taken_ = completed_ = 0;
  published_ = false;
  auto& control = *queue_.control;
  store(control.status.status, BELLWIRE_QUEUE_OK, relaxed);
  store(control.status.doorbells, 0, relaxed);
  store(control.status.wakeups, 0, relaxed);
  store(control.status.raises, 0, relaxed);
  store(control.complete.completed, 0, relaxed);
  store(control.submit.submitted, 0, relaxed);
  generation_ = (generation_ | 1) + (generation_ % 2 == 1 ? 2 : 0);
  trace_.begin();
  store(control.status.generation, generation_, release);
}

void WatchedQueue::end() noexcept {
  generation_ += generation_ % 2;
  store(queue_.control->status.generation, generation_, release);
}

void WatchedQueue::broken() noexcept {
  store(queue_.control->status.status, BELLWIRE_QUEUE_BAD_SUBMITTED, release);
}

void WatchedQueue::woken(std::uint64_t kicks) noexcept {
  add(queue_.control->status.doorbells, kicks);
  if (kicks == 0) return;
  add(queue_.control->status.wakeups, 1);
  trace_.note(BELLWIRE_WOKEN, generation_, taken_ + entries_);
}

std::uint32_t WatchedQueue::taken() noexcept {
  trace_.note(BELLWIRE_TAKEN, generation_, taken_);
  store(queue_.control->submit.submitted, ++taken_, release);
  return taken_ - 1;
}

void WatchedQueue::publishing() noexcept {
  published_ = !returned_.empty();
  if (!published_) return;
  const auto now = ring::timestamp_after_loads();
  for (const auto index : returned_)
    trace_.note_at(now, BELLWIRE_POSTED, generation_, index, index + 1);
  completed_ += static_cast<std::uint32_t>(returned_.size());
  returned_.clear();
  store(queue_.control->complete.completed, completed_, release);
}

void WatchedQueue::raising() noexcept {
  add(queue_.control->status.raises, 1);
  if (published_) trace_.note(BELLWIRE_RAISED, generation_, completed_);
}

}  // namespace bellwire::virtio
