// SPDX-License-Identifier: BSD-3-Clause
//
// Script: a recording for tests, made up: records at times of the host's clock, each side's on its
// own clock.
#pragma once

#include "vdev/trace/stages.hpp"
#include "vdev/trace/timeline.hpp"

namespace bellwire::trace {

constexpr std::uint64_t ahead = 5'000'000'000;  // the guest's clock

class Script {
 public:
  explicit Script(std::uint64_t guest_is_ahead = ahead, unsigned queues = 1)
      : ahead_(guest_is_ahead) {
    for (unsigned queue = 0; queue < queues; ++queue) recording_.queues.push_back({queue, {}});
  }
  /// What follows is of that queue.
  Script& on(unsigned queue) {
    queue_ = queue;
    return *this;
  }
  Script& note_all(std::uint64_t time, bellwire_stage stage, std::uint32_t first,
                   std::uint8_t count) {
    return note(time, stage, first, 1, static_cast<std::uint8_t>(count - 1));
  }
  Script& note(std::uint64_t time, bellwire_stage stage, std::uint32_t index,
               std::uint16_t generation = 1, std::uint8_t more = 0) {
    const auto side = stages[stage].side;
    const auto ticks = time + (side == BELLWIRE_DEVICE ? 0 : ahead_);
    recording_.queues[queue_].of[side].push_back(
        {ticks, static_cast<__u8>(stage), more, generation, index});
    return *this;
  }
  // A request alone, which takes ten ticks a stage.
  Script& whole(std::uint64_t time, std::uint32_t index, std::uint16_t generation = 1) {
    for (std::uint32_t stage = 0; stage < BELLWIRE_STAGES; ++stage) {
      const bool own = stage == BELLWIRE_SUBMITTED || stage == BELLWIRE_TAKEN ||
                       stage == BELLWIRE_POSTED || stage == BELLWIRE_CONSUMED;
      note(time + std::uint64_t{10} * stage, static_cast<bellwire_stage>(stage),
           own ? index : index + 1, generation);
    }
    return *this;
  }
  [[nodiscard]] Timeline told(Clocks clocks = Clocks::guest) const {
    return make_timeline(recording_, clocks);
  }
  Recording& recording() { return recording_; }

 private:
  std::uint64_t ahead_;
  unsigned queue_ = 0;
  Recording recording_;
};

}  // namespace bellwire::trace
