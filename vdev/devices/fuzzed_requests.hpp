// SPDX-License-Identifier: BSD-3-Clause
//
// FuzzedGuest: a guest with a request device on two virtqueues, for virtio_request_fuzz.cpp, which
// decides what the device does with each request. The guest's
// memory has two regions that touch, and neighbours on both sides, whose bytes tell if something
// left it. All on the fuzzer's thread.
#pragma once

#include <linux/virtio_config.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <vector>

#include "vdev/devices/virtio_request_device.hpp"
#include "vdev/fuzz/check.hpp"
#include "vdev/virtio/backend.hpp"
#include "vdev/virtio/driver_virtqueue.hpp"
#include "vdev/virtio/ring_words.hpp"

namespace bellwire::fuzz {

constexpr std::uint64_t base = 0x1'0000'0000;
constexpr std::uint32_t neighbour = 4096, memory_size = 1 << 15;
constexpr std::uint32_t ring_room = 2048, tables_room = 4096, border = 20 * 1024 + 8;
constexpr unsigned queues = 2;
constexpr std::uint32_t buffers_begin = queues * (ring_room + tables_room);
constexpr std::uint16_t ring_size = 16;
constexpr std::byte untouched{0xA5};

// What is chosen once for a guest.
struct Choice {
  bool packed, event_index, indirect;
};

// What the device does with its requests.
class Serving {
 public:
  virtual ring::Reply serve(const ring::Request& request) = 0;
  virtual void keep(ring::PendingRequest request) = 0;
  virtual void cancel(unsigned queue) = 0;

 protected:
  ~Serving() = default;
};

class AtOnce final : public RequestDevice {
 public:
  explicit AtOnce(Serving& serving) noexcept : serving_(serving) {}
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "fuzzed"}; }

 private:
  ring::Reply serve(const ring::Request& request) noexcept override {
    return serving_.serve(request);
  }
  Serving& serving_;
};

class Later final : public AsyncRequestDevice {
 public:
  explicit Later(Serving& serving) noexcept : serving_(serving) {}
  [[nodiscard]] DeviceTraits traits() const noexcept override { return {.kind = "fuzzed"}; }

 private:
  void handle(ring::PendingRequest request) noexcept override { serving_.keep(std::move(request)); }
  void cancel(unsigned queue) noexcept override { serving_.cancel(queue); }
  Serving& serving_;
};

class FuzzedMemory {
 public:
  FuzzedMemory() {
    std::ranges::fill(whole().bytes(), untouched);
    std::ranges::fill(bytes(), std::byte{0});
    share();
  }
  void share() {
    for (const auto& [from, to] : {std::pair{0U, border}, std::pair{border, memory_size}})
      space
          .add({.address = base + from,
                .size = to - from,
                .memory = whole().part(neighbour + from, to - from)})
          .value();
  }
  [[nodiscard]] static std::span<std::byte> bytes() {
    return whole().bytes().subspan(neighbour, memory_size);
  }
  [[nodiscard]] static std::span<std::byte> bytes(const virtio::GuestBuffer& buffer) {
    return bytes().subspan(buffer.address - base, buffer.size);
  }
  [[nodiscard]] static bool neighbours_untouched() {
    const auto all = whole().bytes();
    const auto same = [](std::byte byte) { return byte == untouched; };
    return std::ranges::all_of(all.first(neighbour), same) &&
           std::ranges::all_of(all.last(neighbour), same);
  }

  DmaSpace space;

 private:
  // Made once, since that takes longer than many chains.
  static const MemoryView& whole() {
    static const MemoryView view = create();
    return view;
  }
  static MemoryView create() {
    constexpr auto size = memory_size + 2 * neighbour;
    const auto fd = os::create_memfd("fuzz", size).value();
    return MemoryView(os::Mapping::create(fd.get(), size).value());
  }
};

class FuzzedGuest {
 public:
  FuzzedGuest(boost::asio::io_context& context, std::unique_ptr<RingDevice> device,
              const Choice& choice)
      : choice_(choice),
        device_(std::move(device), queues),
        backend(virtio::Backend::create(context, device_, memory.space).value()) {
    start();
  }

  void start() {
    using virtio::feature;
    backend
        .set_driver_features(feature(VIRTIO_F_VERSION_1) |
                             (choice_.event_index ? feature(VIRTIO_RING_F_EVENT_IDX) : 0) |
                             (choice_.indirect ? feature(VIRTIO_RING_F_INDIRECT_DESC) : 0) |
                             (choice_.packed ? feature(VIRTIO_F_RING_PACKED) : 0))
        .value();
    for (unsigned index = 0; index < queues; ++index) start(index);
  }
  void start(unsigned index) {
    const auto layout = layout_of(index);
    const virtio::IndirectTables tables{tables_of(index),
                                        choice_.indirect ? ring_size : std::uint16_t{0}};
    drivers[index].emplace(
        virtio::DriverVirtqueue::create(layout, {}, memory.space, tables).value());
    backend
        .start_queue(index, {.layout = layout,
                             .kick = kicks_[index].duplicate().value(),
                             .call = lines_[index].interrupt()})
        .value();
    backend.set_enabled(index, true).value();
  }
  void kick(unsigned index) { kicks_[index].ring(); }
  [[nodiscard]] const Choice& choice() const { return choice_; }
  [[nodiscard]] virtio::QueueLayout layout_of(unsigned index) const {
    const auto at = base + index * ring_room;
    return {.size = ring_size,
            .packed = choice_.packed,
            .event_index = choice_.event_index,
            .indirect = choice_.indirect,
            .descriptors = at,
            .driver_area = at + 1024,
            .device_area = at + 1536};
  }
  [[nodiscard]] VirtioRequestDevice& device() { return device_; }

  FuzzedMemory memory;
  std::array<std::optional<virtio::DriverVirtqueue>, queues> drivers;

 private:
  [[nodiscard]] static std::uint64_t tables_of(unsigned index) {
    return base + queues * ring_room + index * tables_room;
  }

  Choice choice_;
  VirtioRequestDevice device_;
  std::array<os::EventFd, queues> kicks_{os::EventFd::create().value(),
                                         os::EventFd::create().value()};
  std::array<InterruptLine, queues> lines_;

 public:
  virtio::Backend backend;  // ends first
};

}  // namespace bellwire::fuzz
