// SPDX-License-Identifier: BSD-3-Clause
//
// RequestGuest: a request device on virtqueues (guest-kmod/uapi/bellwire_virtio.h), and its driver,
// on the test's thread.
#pragma once

#include <cstring>
#include <memory>
#include <vector>

#include "vdev/devices/virtio_request_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

namespace bellwire::testing {

constexpr std::uint32_t request_size = sizeof(bellwire_virtio_request);
constexpr std::uint32_t reply_size = sizeof(bellwire_virtio_reply);
constexpr std::uint32_t unsplit = ~std::uint32_t{0};

class RequestGuest {
 public:
  explicit RequestGuest(std::unique_ptr<RingDevice> device, const VirtioPlan& plan = {})
      : device_(std::move(device), 2), guest(device_, plan) {
    guest.start_all();
  }

  struct Answer {
    std::uint32_t used;  // what the ring says was written
    bellwire_virtio_reply reply;
    std::vector<std::byte> output;
  };

  // Sends what follows the request's header, with each part split into buffers of so many bytes.
  Answer call(std::span<const std::byte> input, std::uint32_t room,
              const bellwire_virtio_request& header = {}, std::uint32_t readable_split = unsplit,
              std::uint32_t writable_split = unsplit) {
    std::vector<std::byte> sent(request_size);
    std::memcpy(sent.data(), &header, request_size);
    sent.insert(sent.end(), input.begin(), input.end());
    const auto readable = guest.allocate(sent);
    const auto writable = guest.allocate(reply_size + room);
    guest.submit(0, split(readable, readable_split), split(writable, writable_split));
    const auto used = guest.wait_used(0).written;
    Answer answer{used, {}, {}};
    const auto bytes = guest.bytes(writable);
    std::memcpy(&answer.reply, bytes.data(), reply_size);
    const auto output = bytes.subspan(reply_size, std::min(room, answer.reply.length));
    answer.output.assign(output.begin(), output.end());
    return answer;
  }

  // What the device does not see comes back with nothing written.
  void refused(std::uint32_t readable, std::uint32_t writable) {
    const virtio::GuestBuffer from[] = {guest.allocate(64)}, to[] = {guest.allocate(64)};
    const auto first = [](auto& buffer, std::uint32_t size) {
      return std::vector(size > 0 ? 1 : 0, virtio::GuestBuffer{buffer[0].address, size});
    };
    guest.submit(0, first(from, readable), first(to, writable));
    CHECK(guest.wait_used(0).written == 0);
  }

 private:
  static std::vector<virtio::GuestBuffer> split(virtio::GuestBuffer buffer, std::uint32_t size) {
    std::vector<virtio::GuestBuffer> parts;
    for (std::uint32_t at = 0; at < buffer.size; at += std::min(size, buffer.size - at))
      parts.push_back({buffer.address + at, std::min(size, buffer.size - at)});
    return parts;
  }

  VirtioRequestDevice device_;

 public:
  VirtioGuest guest;
};

}  // namespace bellwire::testing
