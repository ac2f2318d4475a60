// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/wires.hpp"

namespace bellwire::testing {
namespace {

std::vector<os::EventFd> make_events(unsigned count) {
  std::vector<os::EventFd> events;
  for (unsigned index = 0; index < count; ++index) events.push_back(os::EventFd::create().value());
  return events;
}

std::vector<os::EventFd> duplicates(const std::vector<os::EventFd>& events) {
  std::vector<os::EventFd> copies;
  for (const auto& event : events) copies.push_back(event.duplicate().value());
  return copies;
}

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
  return {std::move(view), make_events(queues), make_events(queues)};
}

Attachment Wires::device_end() const {
  return {duplicates(doorbells_), lines_to(interrupts_), memory_};
}

GuestEnd Wires::guest_end() const {
  return {lines_to(doorbells_), duplicates(interrupts_), memory_};
}

}  // namespace bellwire::testing
