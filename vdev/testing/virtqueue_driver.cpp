// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/testing/virtqueue_driver.hpp"

#include <algorithm>
#include <stdexcept>

#include "guest-kmod/uapi/bellwire_virtio.h"
#include "vdev/ring/words.hpp"

namespace bellwire::testing {
namespace {

constexpr std::uint32_t request_size = sizeof(bellwire_virtio_request);
constexpr std::uint32_t reply_size = sizeof(bellwire_virtio_reply);

// `size` bytes in one buffer, or in two: drivers split them as they like.
std::vector<virtio::GuestBuffer> buffers(std::uint64_t address, std::uint32_t size,
                                         std::uint32_t first) {
  if (first == 0) return {{address, size}};
  return {{address, first}, {address + first, size - first}};
}

}  // namespace

VirtqueueGuest::VirtqueueGuest(MemoryView memory, std::uint64_t address,
                               std::vector<VirtqueuePlace> places)
    : places_(std::move(places)) {
  const auto bytes = memory.bytes().size();
  space_.add({.address = address, .size = bytes, .memory = std::move(memory)}).value();
  begin();
}

void VirtqueueGuest::begin() {
  queues_.clear();
  for (const auto& place : places_)
    queues_.push_back(virtio::DriverVirtqueue::create(place.layout, {}, space_).value());
}

class VirtqueueGuest::Driver final : public RequestDriver {
 public:
  Driver(VirtqueueGuest& guest, unsigned queue, Rig& rig, std::function<void()> wait_until_broken)
      : guest_(guest), queue_(queue), rig_(rig), wait_until_broken_(std::move(wait_until_broken)) {}

  bool served() const override { return true; }
  void wait_until_served() override {}
  void submit(unsigned number) override;
  void publish() override {
    virtqueue().publish();
    if (virtqueue().should_kick()) ring();
  }
  void ring() override { rig_.endpoint().ring(queue_); }
  std::optional<unsigned> take() override;
  bool may_sleep() override { return virtqueue().enable_calls(); }
  void awake() override { virtqueue().disable_calls(); }
  bool wait_for_interrupt() override {
    return rig_.endpoint().take(queue_, std::chrono::seconds(20));
  }
  void break_queue() override;

 private:
  [[nodiscard]] virtio::DriverVirtqueue& virtqueue() const { return guest_.queues_[queue_]; }
  [[nodiscard]] std::uint64_t request_at(unsigned number) const {
    return guest_.places_[queue_].payload + number % most_in_flight * 2 * request_room;
  }
  [[nodiscard]] std::uint64_t reply_at(unsigned number) const {
    return request_at(number) + request_room;
  }

  VirtqueueGuest& guest_;
  const unsigned queue_;
  Rig& rig_;
  std::function<void()> wait_until_broken_;
};

void VirtqueueGuest::Driver::submit(unsigned number) {
  const auto input = message(number);
  const auto length = static_cast<std::uint32_t>(input.size());
  *guest_.at<bellwire_virtio_request>(request_at(number)) = {
      .cookie = number, .operation = 0, .flags = 0};
  std::ranges::copy(input, guest_.space_.bytes(request_at(number) + request_size, length).begin());
  std::ranges::fill(guest_.space_.bytes(reply_at(number), request_room), std::byte{0});
  constexpr std::uint32_t splits[] = {0, request_size, request_size + 4};
  constexpr std::uint32_t reply_splits[] = {0, reply_size, reply_size - 3, reply_size + 3};
  const auto readable = buffers(request_at(number), request_size + length, splits[number % 3]);
  const auto writable = buffers(reply_at(number), reply_size + length, reply_splits[number % 4]);
  if (!virtqueue().add(readable, writable, number)) throw std::runtime_error("the queue was full");
}

std::optional<unsigned> VirtqueueGuest::Driver::take() {
  const auto used = virtqueue().poll_used();
  if (virtqueue().broken())
    throw std::runtime_error("the device broke the queue: " +
                             describe(virtqueue().error()).message);
  if (!used) return std::nullopt;
  const auto number = static_cast<unsigned>(used->token);
  const auto& reply = *guest_.at<bellwire_virtio_reply>(reply_at(number));
  const auto output = guest_.space_.bytes(reply_at(number) + reply_size, reply.length);
  if (reply.status != BELLWIRE_DONE || used->written != reply_size + reply.length ||
      !std::ranges::equal(output, message(number)))
    throw std::runtime_error("an answer was wrong");
  return number;
}

// Split: an index that is too far ahead. Packed, where the first round is not over yet: a list
// without end.
void VirtqueueGuest::Driver::break_queue() {
  const auto& layout = guest_.layout(queue_);
  if (layout.packed) {
    for (auto index = layout.size; index-- > 0;) {
      auto& flags = guest_.at<vring_packed_desc>(layout.descriptors + index * 16U)->flags;
      ring::store(flags,
                  static_cast<std::uint16_t>(VRING_DESC_F_NEXT | 1U << VRING_PACKED_DESC_F_AVAIL),
                  ring::release);
    }
  } else {
    auto& index = guest_.at<vring_avail>(layout.driver_area)->idx;
    ring::store(index, static_cast<std::uint16_t>(index + 2 * entries), ring::release);
  }
  ring();
  wait_until_broken_();
}

std::unique_ptr<RequestDriver> VirtqueueGuest::driver(unsigned queue, Rig& rig,
                                                      std::function<void()> wait_until_broken) {
  return std::make_unique<Driver>(*this, queue, rig, std::move(wait_until_broken));
}

}  // namespace bellwire::testing
