// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/wires.hpp"

namespace bellwire::testing {
namespace {

std::vector<Interrupt> lines_to(const std::vector<os::EventFd>& events) {
  std::vector<Interrupt> lines;
  for (const auto& event : events)
    lines.push_back(InterruptLine(event.duplicate().value()).interrupt());
  return lines;
}

}  // namespace

GuestEnd guest_end(Attachment attachment) {
  return {std::move(attachment.interrupts), std::move(attachment.doorbells),
          std::move(attachment.memory)};
}

Wires Wires::create(unsigned queues, std::uint64_t memory) {
  const auto fd = os::create_memfd("bellwire-test", memory).value();
  MemoryView view(os::Mapping::create(fd.get(), memory).value());
  return {std::move(view), os::create_events(queues).value(), os::create_events(queues).value()};
}

Attachment Wires::device_end() const {
  return {os::duplicate(doorbells_).value(), lines_to(interrupts_), memory_};
}

GuestEnd Wires::guest_end() const {
  return {lines_to(doorbells_), os::duplicate(interrupts_).value(), memory_};
}

}  // namespace bellwire::testing
