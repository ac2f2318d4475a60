// SPDX-License-Identifier: BSD-3-Clause
//
// Counts: what else happened while something was measured. An event that nobody counted has no
// count, which is not the same as none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace bellwire::bench {

enum class Event { exits, doorbells, interrupts, system_calls, switches, allocations, cpu_ns };

constexpr std::array events = {Event::exits,        Event::doorbells, Event::interrupts,
                               Event::system_calls, Event::switches,  Event::allocations,
                               Event::cpu_ns};

constexpr const char* name_of(Event event) {
  constexpr std::array<const char*, events.size()> names = {
      "exits", "doorbells", "interrupts", "system calls", "switches", "allocations", "CPU ns"};
  return names[static_cast<std::size_t>(event)];
}

/// A number of each event, or none.
template <class Number>
class Each {
 public:
  std::optional<Number>& operator[](Event event) {
    return numbers_[static_cast<std::size_t>(event)];
  }
  const std::optional<Number>& operator[](Event event) const {
    return numbers_[static_cast<std::size_t>(event)];
  }
  void add(Event event, Number more) { (*this)[event] = (*this)[event].value_or(0) + more; }

 private:
  std::array<std::optional<Number>, events.size()> numbers_{};
};

using Counts = Each<std::uint64_t>;

/// What was added since. Both have counted the same events.
[[nodiscard]] inline Counts since(const Counts& before, const Counts& now) {
  Counts added;
  for (const auto event : events)
    if (now[event]) added[event] = *now[event] - before[event].value_or(0);
  return added;
}

}  // namespace bellwire::bench
