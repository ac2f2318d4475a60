// SPDX-License-Identifier: BSD-3-Clause
//
// FuzzedCard: a card with its driver, for frames_fuzz.cpp. The driver gives the card any buffers;
// its rings are honest. All on the fuzzer's thread.
#pragma once

#include <algorithm>
#include <array>
#include <deque>

#include "vdev/devices/net/net.hpp"
#include "vdev/fuzz/check.hpp"
#include "vdev/virtio/backend.hpp"
#include "vdev/virtio/driver_virtqueue.hpp"

namespace bellwire::net {

using fuzz::require;

constexpr std::uint64_t base = 0x1'0000'0000;
constexpr std::uint32_t memory_size = 1 << 16, rings_end = 1 << 13, rooms_begin = 1 << 15;
constexpr std::uint16_t ring_size = 16;
constexpr unsigned most_parts = 6;
constexpr std::uint32_t room_size = 2048, most_rooms = 14;

using Bytes = std::vector<std::byte>;

// What is chosen once for a card.
struct Choice {
  bool packed, event_index, mergeable, modern;
};

class FuzzedCard {
 public:
  FuzzedCard(boost::asio::io_context& context, const std::shared_ptr<Switch>& net, unsigned number,
             const Choice& choice)
      : choice_(choice),
        memory_(memory_of(number)),
        card_(Net::create(net, MacAddress{{2}}.after(number)).value()),
        backend_(virtio::Backend::create(context, *card_, space_).value()) {
    share();
    start();
  }

  // The driver's memory.

  void share() { space_.add({.address = base, .size = memory_size, .memory = memory_}).value(); }
  void lose_memory() {
    space_.clear();
    share();
  }
  std::span<std::byte> bytes(const virtio::GuestBuffer& buffer) {
    return memory_.bytes().subspan(buffer.address - base, buffer.size);
  }

  // The transport's part.

  void start() {
    using virtio::feature;
    backend_
        .set_driver_features((choice_.modern ? feature(VIRTIO_F_VERSION_1) : 0) |
                             (choice_.mergeable ? feature(VIRTIO_NET_F_MRG_RXBUF) : 0) |
                             (choice_.event_index ? feature(VIRTIO_RING_F_EVENT_IDX) : 0) |
                             (choice_.packed ? feature(VIRTIO_F_RING_PACKED) : 0))
        .value();
    for (unsigned index = 0; index < drivers_.size(); ++index) start(index);
  }
  void start(unsigned index) {
    const auto at = base + index * (rings_end / 2);
    const virtio::QueueLayout layout{.size = ring_size,
                                     .packed = choice_.packed,
                                     .event_index = choice_.event_index,
                                     .descriptors = at,
                                     .driver_area = at + 1024,
                                     .device_area = at + 2048};
    drivers_[index].emplace(virtio::DriverVirtqueue::create(layout, {}, space_).value());
    backend_
        .start_queue(index, {.layout = layout,
                             .kick = kicks_[index].duplicate().value(),
                             .call = lines_[index].interrupt()})
        .value();
    backend_.set_enabled(index, true).value();
  }
  void stop(unsigned index) {
    backend_.stop_queue(index, [](const auto&) {});
    take(index);  // all that was given
    start(index);
  }
  void enable(unsigned index, bool on) { backend_.set_enabled(index, on).value(); }
  void reset() {
    backend_.reset_now();
    for (unsigned index = 0; index < drivers_.size(); ++index) take(index);
    start();
  }

  // The driver's part.

  bool add(unsigned index, std::span<const virtio::GuestBuffer> readable,
           std::span<const virtio::GuestBuffer> writable) {
    auto& queue = rooms_[index];
    const auto token = queue.next++;
    if (!drivers_[index]->add(readable, writable, token)) return false;
    queue.buffers.emplace_back(token, Room(writable.begin(), writable.end()));
    drivers_[index]->publish();
    if (drivers_[index]->should_kick()) kicks_[index].ring();
    return true;
  }
  [[nodiscard]] std::size_t given(unsigned index) const { return rooms_[index].buffers.size(); }

  struct Used {
    std::uint32_t written;
    Bytes bytes;
  };
  std::optional<Used> take_one(unsigned index) {
    const auto used = drivers_[index]->poll_used();
    require(!drivers_[index]->broken());
    if (!used) return std::nullopt;
    auto& all = rooms_[index].buffers;
    const auto found = std::ranges::find(all, used->token, &Numbered::first);
    require(found != all.end());
    Used taken{used->written, {}};
    for (const auto& buffer : found->second)
      if (inside(buffer))
        taken.bytes.insert(taken.bytes.end(), bytes(buffer).begin(), bytes(buffer).end());
    all.erase(found);
    taken.bytes.resize(std::min<std::size_t>(taken.bytes.size(), used->written));
    return taken;
  }
  void take(unsigned index) {
    while (take_one(index)) {
    }
  }

  [[nodiscard]] static bool inside(const virtio::GuestBuffer& buffer) {
    return buffer.address >= base && buffer.address - base <= memory_size &&
           buffer.size <= memory_size - (buffer.address - base);
  }
  [[nodiscard]] std::size_t header_bytes() const {
    return choice_.modern || choice_.mergeable ? sizeof(Header) : old_header_bytes;
  }
  [[nodiscard]] const Choice& choice() const { return choice_; }
  [[nodiscard]] const Net& card() const { return *card_; }
  [[nodiscard]] std::uint64_t requests(unsigned index) const {
    return backend_.counts(index).requests;
  }

  std::deque<Bytes> sent;   // frames that the other may still receive
  std::uint32_t rooms = 0;  // that were given

 private:
  using Room = std::vector<virtio::GuestBuffer>;
  using Numbered = std::pair<std::uint64_t, Room>;
  struct Rooms {
    std::uint64_t next = 0;
    std::vector<Numbered> buffers;
  };
  // Made once for each card, since that takes longer than many chains.
  static MemoryView memory_of(unsigned number) {
    static const std::array<MemoryView, 2> memories{create_memory(), create_memory()};
    std::ranges::fill(memories[number].bytes(), std::byte{0});
    return memories[number];
  }
  static MemoryView create_memory() {
    const auto fd = os::create_memfd("fuzz", memory_size).value();
    return MemoryView(os::Mapping::create(fd.get(), memory_size).value());
  }

  Choice choice_;
  MemoryView memory_;
  DmaSpace space_;
  std::unique_ptr<Net> card_;
  virtio::Backend backend_;
  std::array<std::optional<virtio::DriverVirtqueue>, 2> drivers_;
  std::array<os::EventFd, 2> kicks_{os::EventFd::create().value(), os::EventFd::create().value()};
  std::array<InterruptLine, 2> lines_;
  std::array<Rooms, 2> rooms_;
};

}  // namespace bellwire::net
