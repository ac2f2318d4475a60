// SPDX-License-Identifier: BSD-3-Clause
//
// InFlight: the requests of one queue that its device has taken and not completed, and those that
// it has completed and that wait for earlier ones. A slot for each entry of the ring, so that
// nothing is allocated later. Of DeviceQueue; on the loop's thread, but for what devices complete.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "vdev/core/completions.hpp"
#include "vdev/ring/request.hpp"

namespace bellwire::ring {

class InFlight final : private PendingOwner {
 public:
  /// `entries`: a power of two. `event`: rung when a device has completed some.
  InFlight(unsigned queue, std::uint32_t entries, std::shared_ptr<const os::EventFd> event);

  /// The request with that index, for the device; its slot is free.
  [[nodiscard]] PendingRequest add(std::uint32_t index, const Request& request) noexcept {
    auto& slot = slots_[index & mask_];
    slot.done = false;
    slot.pending.request = request;
    slot.pending.index = index;
    ++count_;
    return PendingRequest(slot.pending);
  }

  /// Calls `take` with the slot of each that has been completed since.
  template <class Take>
  void take_completed(Take take) noexcept {
    for (auto* slot = completions_.take(); slot != nullptr;) {
      auto& completed = *std::exchange(slot, slot->next);
      --count_;
      take(completed);
    }
  }

  /// Whether that one's completion has been written, and waits for its turn.
  [[nodiscard]] bool done(std::uint32_t index) const noexcept { return slots_[index & mask_].done; }
  void set_done(std::uint32_t index) noexcept { slots_[index & mask_].done = true; }

  /// How many the device has.
  [[nodiscard]] std::uint32_t count() const noexcept { return count_; }
  [[nodiscard]] unsigned queue() const noexcept { return queue_; }

  [[nodiscard]] Completions<PendingSlot>& completions() noexcept { return completions_; }
  /// The loop polls, and need not be woken; or no longer.
  void set_polled(bool polled) noexcept {
    if (std::exchange(polled_, polled) != polled) completions_.set_awake(polled);
  }

 private:
  struct alignas(64) Slot {
    PendingSlot pending;
    bool done = false;
  };
  void completed(PendingSlot& slot) noexcept override { completions_.add(slot); }

  const unsigned queue_;
  const std::uint32_t mask_;
  std::vector<Slot> slots_;
  std::uint32_t count_ = 0;
  bool polled_ = false;
  Completions<PendingSlot> completions_;  // goes first: others may not quite have left it
};

}  // namespace bellwire::ring
