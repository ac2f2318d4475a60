// SPDX-License-Identifier: BSD-3-Clause
//
// The module's part of a queue, for drivers that play it, too, as in one process: it begins a
// generation, and says what the module says of its steps (guest-kmod/module/record.c).
//
// Rules: guest-kmod/uapi/bellwire.h, part 1. One thread at a time.
#pragma once

#include "vdev/ring/driver_queue.hpp"

namespace bellwire::ring {

class ModuleQueue {
 public:
  /// Begins a generation. Ring afterwards.
  explicit ModuleQueue(const Queue& queue) noexcept
      : control_(queue.control),
        generation_(begin_generation(queue)),
        trace_(queue, BELLWIRE_MODULE) {}

  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }

  /// The kick was taken, and the doorbell is written next.
  void note_ring() noexcept {
    note(BELLWIRE_KICKED);
    note(BELLWIRE_RUNG);
  }

  /// The interrupt was taken, and the process is called next.
  void note_interrupt() noexcept {
    note(BELLWIRE_INTERRUPTED);
    note(BELLWIRE_SIGNALLED);
  }

  /// One of these four.
  void note(bellwire_stage stage) noexcept {
    const bool on_way_there = stage < BELLWIRE_WOKEN;
    trace_.note(stage, generation_,
                on_way_there ? control_->submit.submitted : control_->complete.completed);
  }

 private:
  const bellwire_queue_control* control_;
  std::uint32_t generation_;
  TraceWriter trace_;
};

}  // namespace bellwire::ring
