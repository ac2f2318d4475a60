// SPDX-License-Identifier: BSD-3-Clause
//
// RecordingScript: builds a recording for tests. Times are given on the host's clock, and recorded
// on each side's own clock.
#pragma once

#include "vdev/trace/records.hpp"
#include "vdev/trace/timeline.hpp"

namespace bellwire::trace {

constexpr std::uint64_t ahead = 5'000'000'000;  // the guest's clock

class RecordingScript {
 public:
  explicit RecordingScript(std::uint64_t guest_is_ahead = ahead, unsigned queues = 1)
      : ahead_(guest_is_ahead) {
    for (unsigned queue = 0; queue < queues; ++queue) recording_.queues.push_back({queue, {}});
  }
  /// Selects the queue of the following records.
  RecordingScript& on(unsigned queue) {
    queue_ = queue;
    return *this;
  }
  RecordingScript& note_all(std::uint64_t time, bellwire_stage stage, std::uint32_t first,
                            std::uint8_t count) {
    return note(time, stage, first, 1, static_cast<std::uint8_t>(count - 1));
  }
  RecordingScript& note(std::uint64_t time, bellwire_stage stage, std::uint32_t index,
                        std::uint16_t generation = 1, std::uint8_t more = 0) {
    const auto side = stages[stage].side;
    const auto ticks = time + (side == BELLWIRE_DEVICE ? 0 : ahead_);
    recording_.queues[queue_].of[side].push_back(
        {ticks, static_cast<__u8>(stage), more, generation, index});
    return *this;
  }
  // One request, with ten ticks per stage.
  RecordingScript& whole(std::uint64_t time, std::uint32_t index, std::uint16_t generation = 1) {
    for (std::uint32_t stage = 0; stage < BELLWIRE_STAGES; ++stage) {
      const bool own = stage == BELLWIRE_SUBMITTED || stage == BELLWIRE_TAKEN ||
                       stage == BELLWIRE_POSTED || stage == BELLWIRE_CONSUMED;
      note(time + std::uint64_t{10} * stage, static_cast<bellwire_stage>(stage),
           own ? index : index + 1, generation);
    }
    return *this;
  }
  [[nodiscard]] Timeline timeline(Clocks clocks = Clocks::guest) const {
    return make_timeline(recording_, clocks);
  }
  Recording& recording() { return recording_; }

 private:
  std::uint64_t ahead_;
  unsigned queue_ = 0;
  Recording recording_;
};

}  // namespace bellwire::trace
