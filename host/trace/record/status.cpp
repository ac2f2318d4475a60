// SPDX-License-Identifier: BSD-3-Clause
#include "host/trace/record/status.hpp"

#include <array>
#include <boost/json.hpp>

#include "vdev/ring/words.hpp"

namespace bellwire::host {
namespace {

namespace json = boost::json;

// Of each hop, what either side found.
json::object losses_of(const bellwire_queue_control& control) {
  constexpr std::array<const char*, BELLWIRE_HOPS> names{"kicks", "doorbells", "interrupts",
                                                         "calls", "wakes"};
  json::object losses;
  for (std::size_t hop = 0; hop < names.size(); ++hop)
    losses[names[hop]] = std::uint64_t{ring::load(control.status.lost[hop], ring::relaxed)} +
                         ring::load(control.consume.lost[hop], ring::relaxed);
  return losses;
}

json::object status_of(unsigned index, const ring::Queue& queue) {
  const auto& control = *queue.control;
  const auto now = [](const auto& word) { return ring::load(word, ring::acquire); };
  // In this order, so that nothing is seen completed that isn't seen submitted.
  return {{"queue", index},
          {"entries", queue.entries},
          {"generation", now(control.status.generation)},
          {"status", now(control.status.status)},
          {"consumed", now(control.consume.consumed)},
          {"completed", now(control.complete.completed)},
          {"submitted", now(control.submit.submitted)},
          {"doorbells", now(control.status.doorbells)},
          {"wakeups", now(control.status.wakeups)},
          {"raises", now(control.status.raises)},
          {"lost", losses_of(control)}};
}

}  // namespace

json::object status_of(const ring::Layout* layout, const TraceFacts& facts) {
  json::array queues;
  for (unsigned index = 0; layout != nullptr && index < layout->queues(); ++index)
    queues.push_back(status_of(index, layout->queue(index)));
  const auto incarnation =
      layout == nullptr ? 0U : ring::load(layout->device_line().incarnation, ring::relaxed);
  return {{"device", facts.device},
          {"transport", facts.transport},
          {"incarnation", incarnation},
          {"queues", std::move(queues)}};
}

}  // namespace bellwire::host
