// SPDX-License-Identifier: BSD-3-Clause
//
// Stages: the places on a request's way, in order, with the side that records each one
// (vdev/trace/records.hpp), what happens there, and where in the sources. A trace file of version 1
// has exactly these. A hop leads from one stage that a request passed to the next that it passed.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "vdev/trace/records.hpp"

namespace bellwire::view {

enum class Side { process = BELLWIRE_PROCESS, module = BELLWIRE_MODULE, device = BELLWIRE_DEVICE };

constexpr std::array sides = {Side::process, Side::module, Side::device};

constexpr std::string_view name_of(Side side) {
  return trace::side_names[static_cast<std::size_t>(side)];
}

struct DescribedStage {
  std::string_view name;
  Side side;
  std::string_view words;   ///< what happens there
  std::string_view source;  ///< FILE:FUNCTION that does it
};

struct StageWords {
  std::string_view words, source;
};

constexpr std::array<StageWords, trace::stages.size()> stage_words = {{
    {"the process published its request in the ring", "vdev/ring/driver_queue.cpp:publish"},
    {"the kernel saw the kick", "guest-kmod/module/worker.c:ring"},
    {"the module wrote the Doorbell register", "guest-kmod/module/queue.c:bell_queue_ring"},
    {"the doorbell's eventfd woke the device", "vdev/ring/device_queue.cpp:turn"},
    {"the device took the request from the ring", "vdev/ring/device_queue.cpp:serve_one"},
    {"the device published its completion in the ring", "vdev/ring/device_queue.cpp:publish"},
    {"the device raised its interrupt", "vdev/core/interrupt.cpp:raise"},
    {"the vector's handler ran", "guest-kmod/module/queue.c:bell_queue_interrupt"},
    {"the handler signalled the call eventfd", "guest-kmod/module/queue.c:call_owner"},
    {"the process woke up", "vdev/ring/driver_queue.hpp:publish_and_wait"},
    {"the process took the completion", "vdev/ring/driver_queue.hpp:take"},
}};

constexpr auto stages = [] {
  std::array<DescribedStage, trace::stages.size()> all{};
  for (std::size_t stage = 0; stage < all.size(); ++stage)
    all[stage] = {trace::stages[stage].name, static_cast<Side>(trace::stages[stage].side),
                  stage_words[stage].words, stage_words[stage].source};
  return all;
}();

/// Two stages, by their index in `stages`; `from` is before `to`.
struct Hop {
  std::size_t from, to;
  auto operator<=>(const Hop&) const = default;
};

/// Whether its ends are timed by two clocks, the guest's and the host's.
constexpr bool crosses(const Hop& hop) {
  return (stages[hop.from].side == Side::device) != (stages[hop.to].side == Side::device);
}

}  // namespace bellwire::view
