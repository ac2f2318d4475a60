// SPDX-License-Identifier: BSD-3-Clause
//
// Several eventfds at once, whatever an eventfd is: a simulation has others (vdev/simulate).
#include "vdev/os/event_fd.hpp"

namespace bellwire::os {
namespace {

Result<std::vector<EventFd>> create_many(unsigned count, Result<EventFd> (*create)()) {
  std::vector<EventFd> events;
  while (events.size() < count) {
    auto event = create();
    if (!event) return event.error();
    events.push_back(std::move(*event));
  }
  return events;
}

}  // namespace

Result<std::vector<EventFd>> create_events(unsigned count) {
  return create_many(count, [] { return EventFd::create(); });
}

Result<std::vector<EventFd>> create_shared_events(unsigned count) {
  return create_many(count, [] { return EventFd::create_shared(); });
}

Result<std::vector<EventFd>> duplicate(const std::vector<EventFd>& events) {
  std::vector<EventFd> copies;
  for (const auto& event : events) {
    auto copy = event.duplicate();
    if (!copy) return copy.error();
    copies.push_back(std::move(*copy));
  }
  return copies;
}

}  // namespace bellwire::os
