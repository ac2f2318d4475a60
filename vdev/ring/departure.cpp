// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/departure.hpp"

#include "vdev/ring/driver_queue.hpp"
#include "vdev/ring/layout.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

void device_died(const MemoryView& memory) noexcept {
  const auto layout = Layout::open(memory);
  if (!layout) return;
  auto& state = layout->device_line().state;
  if (load(state, acquire) == BELLWIRE_DEVICE_RUNNING) store(state, BELLWIRE_DEVICE_DIED, release);
}

void guest_died(const MemoryView& memory) noexcept {
  const auto layout = Layout::open(memory);
  if (!layout) return;
  for (unsigned index = 0; index < layout->queues(); ++index) {
    const auto queue = layout->queue(index);
    if (load(queue.control->driver.generation, acquire) % 2 == 1) end_generation(queue);
  }
}

}  // namespace bellwire::ring
