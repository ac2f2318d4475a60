// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/transport/ivshmem/slot.hpp"

#include "vdev/os/event_fd.hpp"
#include "vdev/ring/layout.hpp"

namespace bellwire::ivshmem {
namespace {

Result<End> create_end(unsigned id, unsigned vectors) {
  End end{static_cast<Id>(id), {}};
  while (end.vectors.size() < vectors) {
    auto event = os::EventFd::create();
    if (!event) return event.error();
    end.vectors.push_back(std::move(*event).release());
  }
  return end;
}

Result<os::UniqueFd> create_memory(unsigned index, unsigned queues, std::uint64_t size, Id device) {
  auto memory = ring::create_memory(text("bellwire-slot-{}", index), size, queues);
  if (!memory) return memory.error();
  const auto layout = ring::Layout::open(memory->view);
  if (!layout) return layout.error();
  layout->device_line().peer = device;
  return std::move(memory->fd);
}

}  // namespace

Result<Slot> Slot::create(unsigned index, unsigned vectors, std::uint64_t size) {
  auto guest = create_end(2 * index, vectors);
  if (!guest) return guest.error();
  auto device = create_end(2 * index + 1, vectors);
  if (!device) return device.error();
  auto memory = create_memory(index, vectors, size, device->id);
  if (!memory) return memory.error();
  return Slot{std::move(*memory), std::move(*guest), std::move(*device)};
}

std::vector<Slot::Line> Slot::greeting(const End& own, const End& other) const {
  std::vector<Line> lines{{protocol_version, -1}, {own.id, -1}, {memory_marker, memory.get()}};
  for (const auto& vector : other.vectors) lines.push_back({other.id, vector.get()});
  for (const auto& vector : own.vectors) lines.push_back({own.id, vector.get()});
  return lines;
}

}  // namespace bellwire::ivshmem
