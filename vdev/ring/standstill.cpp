// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/ring/standstill.hpp"

#include <algorithm>
#include <utility>

#include "vdev/ring/hang.hpp"
#include "vdev/ring/words.hpp"

namespace bellwire::ring {

Standstill::Standstill(const Layout& layout, unsigned queue) noexcept
    : layout_(layout), queue_(layout_.queue(queue)) {}

Standstill::Place Standstill::place() const noexcept {
  const auto& control = *queue_.control;
  return {load(control.driver.generation, acquire), load(control.status.generation, acquire),
          load(control.complete.completed, acquire), load(control.consume.consumed, acquire)};
}

std::uint32_t Standstill::beat() const noexcept {
  return load(layout_.device_line().beat, acquire);
}

Standstill::Finding Standstill::look(Clock::time_point now) noexcept {
  const auto since = now - std::exchange(last_look_, now);
  const auto here = place();
  if (std::exchange(seen_, here) != here) {
    stood_ = {};
    first_beat_ = beat();
    told_ = false;
    return Finding::nothing;
  }
  stood_ += std::min<Clock::duration>(since, longest_step);
  if (stood_ >= limit) return Finding::hopeless;
  if (told_ || stood_ < patience || beat() - first_beat_ < beats) return Finding::nothing;
  told_ = true;
  return Finding::hangs;
}

std::string Standstill::describe() const {
  const std::chrono::duration<double> age = stood_;
  if (const auto hang = find_hang(queue_)) return ring::describe(*hang, age);
  const auto [generation, served, completed, consumed] = place();
  if (served != generation)
    return text("the queue was claimed {:.1f} s ago, never served by the device: lost doorbell",
                age.count());
  if (completed == consumed)
    return text(
        "the queue was claimed {:.1f} s ago, and is served, no interrupt taken: lost "
        "interrupt",
        age.count());
  return text("the driver has not gone on for {:.1f} s, though nothing is lost", age.count());
}

}  // namespace bellwire::ring
