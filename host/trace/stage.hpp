// SPDX-License-Identifier: BSD-3-Clause
//
// Stages: where a request comes by on its way, in order, and who records it. A trace file of
// version 1 has exactly these. A hop is the way from a stage that a request came by to the next.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace bellwire::view {

enum class Side { process, module, device };

constexpr std::array sides = {Side::process, Side::module, Side::device};

constexpr std::string_view name_of(Side side) {
  constexpr std::array<std::string_view, sides.size()> names = {"process", "module", "device"};
  return names[static_cast<std::size_t>(side)];
}

struct Stage {
  std::string_view name;
  Side side;
  std::string_view words;   ///< what happened when it was recorded
  std::string_view source;  ///< FILE:FUNCTION that does it
};

constexpr std::array<Stage, 11> stages = {{
    {"submitted", Side::process, "the process showed its request in the ring",
     "vdev/ring/driver_queue.cpp:publish"},
    {"kicked", Side::module, "the kernel saw the kick", "guest-kmod/worker.c:ring"},
    {"doorbell", Side::module, "the module wrote the Doorbell register",
     "guest-kmod/queue.c:bell_queue_ring"},
    {"woken", Side::device, "the doorbell's eventfd woke the device",
     "vdev/ring/device_queue.cpp:turn"},
    {"taken", Side::device, "the device took the request from the ring",
     "vdev/ring/device_queue.cpp:serve_one"},
    {"posted", Side::device, "the device showed its completion in the ring",
     "vdev/ring/device_queue.cpp:publish"},
    {"raised", Side::device, "the device raised its interrupt", "vdev/core/interrupt.cpp:raise"},
    {"interrupted", Side::module, "the vector's handler runs",
     "guest-kmod/queue.c:bell_queue_interrupt"},
    {"signalled", Side::module, "the handler signalled the call eventfd",
     "guest-kmod/queue.c:call_owner"},
    {"awake", Side::process, "the process is awake", "vdev/ring/driver_wait.hpp:publish_and_wait"},
    {"done", Side::process, "the process took the completion", "vdev/ring/driver_queue.cpp:take"},
}};

/// Two stages, by their place in `stages`; `from` is before `to`.
struct Hop {
  std::size_t from, to;
  auto operator<=>(const Hop&) const = default;
};

/// Whether its ends were timed by two clocks, the guest's and the host's.
constexpr bool crosses(const Hop& hop) {
  return (stages[hop.from].side == Side::device) != (stages[hop.to].side == Side::device);
}

}  // namespace bellwire::view
