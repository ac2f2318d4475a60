// SPDX-License-Identifier: BSD-3-Clause
//
// GuestMemory: a guest's memory, as a DmaSpace has it. VirtqueuePair: a virtqueue in it, with both
// sides, on one thread: the test makes each step.
#pragma once

#include <optional>

#include "vdev/virtio/device_virtqueue.hpp"
#include "vdev/virtio/driver_virtqueue.hpp"

namespace bellwire::testing {

class GuestMemory {
 public:
  static constexpr std::uint64_t base = 0x1'0000'0000;  ///< guest address

  explicit GuestMemory(std::uint64_t size = 1 << 20) : view_(create(size)) {
    space.add({.address = base, .size = size, .memory = view_}).value();
  }

  [[nodiscard]] std::span<std::byte> bytes(std::uint64_t address, std::uint64_t size) const {
    return view_.part(address - base, size).value().bytes();
  }
  template <class Value>
  [[nodiscard]] Value* at(std::uint64_t address, std::size_t count = 1) const {
    return reinterpret_cast<Value*>(bytes(address, count * sizeof(Value)).data());
  }
  [[nodiscard]] std::uint64_t address_of(const std::byte* byte) const {
    return base + static_cast<std::uint64_t>(byte - view_.bytes().data());
  }

  static MemoryView create(std::uint64_t size) {
    const auto fd = os::create_memfd("guest", size).value();
    return MemoryView(os::Mapping::create(fd.get(), size).value());
  }

  DmaSpace space;

 private:
  MemoryView view_;
};

struct VirtqueuePair {
  /// Places what was agreed at the memory's beginning: the areas, indirect tables, then buffers.
  explicit VirtqueuePair(const virtio::QueueLayout& agreed, virtio::QueuePosition at = {},
                         std::uint16_t table_entries = 0)
      : layout(placed(agreed)),
        tables{end_of_areas(), table_entries},
        driver(virtio::DriverVirtqueue::create(layout, at, memory.space, tables).value()),
        device(virtio::DeviceVirtqueue::create(layout, at, memory.space).value()) {}

  static virtio::QueueLayout placed(virtio::QueueLayout layout) {
    constexpr std::uint64_t alignment = 64;
    const auto behind = [](std::uint64_t address, std::uint64_t size) {
      return (address + size + alignment - 1) / alignment * alignment;
    };
    const auto sizes = virtio::area_sizes(layout);
    layout.descriptors = GuestMemory::base;
    layout.driver_area = behind(layout.descriptors, sizes.descriptors);
    layout.device_area = behind(layout.driver_area, sizes.driver_area);
    return layout;
  }
  [[nodiscard]] std::uint64_t end_of_areas() const {
    return (layout.device_area + virtio::area_sizes(layout).device_area + 63) / 64 * 64;
  }
  /// Guest address of what nothing else uses.
  [[nodiscard]] std::uint64_t buffers() const {
    return end_of_areas() + std::uint64_t{layout.size} * tables.entries * 16;
  }

  virtio::Taken pop() { return device.pop(storage); }
  void push(std::uint32_t written) {
    device.push(storage.chain(), written);
    device.publish();
  }

  GuestMemory memory;
  virtio::QueueLayout layout;
  virtio::IndirectTables tables;
  virtio::DriverVirtqueue driver;
  virtio::DeviceVirtqueue device;
  virtio::ChainStorage storage;
};

}  // namespace bellwire::testing
