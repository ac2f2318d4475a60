// SPDX-License-Identifier: BSD-3-Clause
//
// What a device does on purpose that none may do: completions that never come, come twice, are
// another's or are corrupted (vdev/core/completion_filter.hpp).
#include <array>

#include "vdev/ring/device_queue.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

void DeviceQueue::publish_filtered(std::uint32_t before) noexcept {
  using Kind = CompletionFate::Kind;
  auto end = before;
  bool once_more = false;
  CompletionFate last;
  while (end != completed_ && !withheld_) {
    last = filter_->fate_of(number_, end);
    withheld_ = last.kind == Kind::never;
    if (withheld_) break;
    if (last.kind == Kind::corrupted) corrupt(end, last.random);
    if (last.kind == Kind::wrong) ++queue_.completion(end).cookie;
    once_more = last.kind == Kind::twice && end + 1 == completed_;
    if (last.kind == Kind::twice) queue_.completion(end + 1) = queue_.completion(end);
    ++end;
  }
  if (once_more) {
    // The next request is never served, if it is there.
    if (!in_flight_ && completed_ != seen_) ++completed_;
    ++end;
  }
  if (end != before) announce(before, end);
  if (last.kind == Kind::scrambled) scramble(last.random);
}

// The driver may have changed the request meanwhile.
void DeviceQueue::corrupt(std::uint32_t index, std::uint64_t random) noexcept {
  auto& completion = queue_.completion(index);
  const std::size_t offset = load(queue_.request(index).output_offset, relaxed);
  const std::size_t length = completion.length;
  const auto size = queue_.payload.size();
  if (length == 0 || offset > size || length > size - offset)
    completion.result ^= 1;
  else
    queue_.payload[offset + random % length] ^= std::byte{1};
}

void DeviceQueue::scramble(std::uint64_t random) noexcept {
  auto& control = *queue_.control;
  const std::array<__u32*, CompletionFate::words.size()> words{
      &control.complete.completed, &control.status.status, &control.status.generation,
      &control.doorbell.doorbell_event};
  store(*words[random % words.size()], static_cast<__u32>(random >> 32), in_order);
}

}  // namespace bellwire::ring
