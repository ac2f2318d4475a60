// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/in_flight.hpp"

namespace bellwire::ring {

InFlight::InFlight(unsigned queue, std::uint32_t entries, std::shared_ptr<const os::EventFd> event)
    : queue_(queue), mask_(entries - 1), slots_(entries), completions_(std::move(event)) {
  for (auto& slot : slots_) {
    slot.pending.queue = static_cast<std::uint16_t>(queue);
    slot.pending.owner = this;
  }
}

}  // namespace bellwire::ring
