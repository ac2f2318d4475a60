// SPDX-License-Identifier: BSD-3-Clause
//
// VirtioGuest: a virtio device on a Backend, and its driver, which knows the rings but not the
// device. Everything is on the test's thread: the loop runs while the test waits for something.
// Threads, if any, are the device's own.
#pragma once

#include <doctest/doctest.h>

#include <cstring>
#include <vector>

#include "vdev/testing/loop.hpp"
#include "vdev/testing/virtqueue_pair.hpp"
#include "vdev/virtio/backend.hpp"

namespace bellwire::testing {

struct VirtioPlan {
  std::uint16_t size = 64;  ///< of each queue
  bool packed = false;
  bool event_index = true;
  bool indirect = true;
  std::uint16_t table_entries = 0;  ///< of an indirect table for each chain; 0: there are none
  std::uint64_t features = ~std::uint64_t{0};  ///< those of the device that the driver accepts
  virtio::BackendOptions options = {};
  std::uint64_t memory = 8 << 20;
};

/// A queue as its driver has it.
struct VirtioQueue {
  virtio::QueueLayout layout;
  virtio::DriverVirtqueue driver;
  os::EventFd kick = os::EventFd::create().value();
  os::EventFd call = os::EventFd::create().value();
  InterruptLine line{call.duplicate().value()};
};

class VirtioGuest : public Loop {
 public:
  explicit VirtioGuest(virtio::Device& device, const VirtioPlan& chosen = {})
      : plan(chosen),
        memory(chosen.memory),
        backend(virtio::Backend::create(context, device, memory.space, chosen.options).value()) {
    const auto all = backend.device_features();
    accept(all & (plan.features | ~device.traits().features));
    for (unsigned index = 0; index < device.traits().queues; ++index) add_queue();
  }

  void accept(std::uint64_t features) { backend.set_driver_features(features).value(); }

  // The transport's part.

  /// Starts and enables it where the driver is.
  void start(unsigned index, virtio::QueuePosition position = {}) {
    start_disabled(index, position);
    backend.set_enabled(index, true).value();
  }
  void start_all() {
    for (unsigned index = 0; index < queues.size(); ++index) start(index);
  }
  void start_disabled(unsigned index, virtio::QueuePosition position = {}) {
    backend.start_queue(index, setup(index, position)).value();
  }
  virtio::QueueSetup setup(unsigned index, virtio::QueuePosition position = {}) {
    auto& queue = queues[index];
    return {.layout = queue.layout,
            .position = position,
            .kick = queue.kick.duplicate().value(),
            .call = queue.line.interrupt()};
  }
  /// Stops it, and returns where it stopped, once it has.
  virtio::QueuePosition stop(unsigned index) {
    std::optional<virtio::QueuePosition> position;
    backend.stop_queue(index, [&](const virtio::QueuePosition& at) { position = at; });
    REQUIRE(run_until([&] { return position.has_value(); }));
    return *position;
  }

  // The driver's part.

  /// `size` bytes of the guest's memory, which nothing else uses.
  virtio::GuestBuffer allocate(std::uint32_t size) {
    const auto at = std::exchange(free_, free_ + (size + 63) / 64 * 64);
    REQUIRE(free_ <= GuestMemory::base + plan.memory);
    return {at, size};
  }
  virtio::GuestBuffer allocate(std::span<const std::byte> contents) {
    const auto buffer = allocate(static_cast<std::uint32_t>(contents.size()));
    std::ranges::copy(contents, bytes(buffer).begin());
    return buffer;
  }
  [[nodiscard]] std::span<std::byte> bytes(const virtio::GuestBuffer& buffer) const {
    return memory.bytes(buffer.address, buffer.size);
  }

  /// Makes a chain available and kicks if the device wants that.
  void submit(unsigned index, std::span<const virtio::GuestBuffer> readable,
              std::span<const virtio::GuestBuffer> writable, std::uint64_t token = 0) {
    REQUIRE(queues[index].driver.add(readable, writable, token));
    publish(index);
  }
  /// One buffer of 8 bytes, writable.
  void submit(unsigned index, std::uint64_t token) {
    const virtio::GuestBuffer buffer[] = {allocate(8)};
    submit(index, {}, buffer, token);
  }
  void publish(unsigned index) {
    queues[index].driver.publish();
    if (queues[index].driver.should_kick()) queues[index].kick.ring();
  }
  /// The next chain that comes back.
  virtio::UsedChain wait_used(unsigned index) {
    std::optional<virtio::UsedChain> used;
    REQUIRE(run_until([&] { return (used = queues[index].driver.poll_used()).has_value(); }));
    return *used;
  }

  const VirtioPlan plan;
  GuestMemory memory;
  virtio::Backend backend;
  std::vector<VirtioQueue> queues;

 private:
  void add_queue() {
    const auto at = plan.size * 64U;
    auto layout = VirtqueuePair::placed({.size = plan.size,
                                         .packed = plan.packed,
                                         .event_index = plan.event_index,
                                         .indirect = plan.indirect});
    const auto offset = allocate(at).address - GuestMemory::base;
    for (auto* address : {&layout.descriptors, &layout.driver_area, &layout.device_area})
      *address += offset;
    const virtio::IndirectTables tables{
        allocate(plan.size * plan.table_entries * std::uint32_t{sizeof(vring_desc)}).address,
        plan.table_entries};
    auto driver = virtio::DriverVirtqueue::create(layout, {}, memory.space, tables).value();
    queues.push_back({layout, std::move(driver)});
  }

  std::uint64_t free_ = GuestMemory::base;
};

}  // namespace bellwire::testing
