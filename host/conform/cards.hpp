// SPDX-License-Identifier: BSD-3-Clause
//
// Cards: two network cards at two ports of the switch under test, one that sends and one that
// receives, and the frames between them. Throws Failed and Untried, see trial.hpp. One thread.
#pragma once

#include <algorithm>
#include <array>
#include <map>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {

/// Of <linux/virtio_net.h>, which is no C++.
struct FrameHeader {
  std::uint8_t flags, gso_type;
  std::uint16_t header_length, gso_size, checksum_start, checksum_offset, buffers;
};
static_assert(sizeof(FrameHeader) == 12);
inline constexpr unsigned merges_buffers = 15;  // VIRTIO_NET_F_MRG_RXBUF

inline constexpr std::uint32_t usual_room = 1600;
inline constexpr std::byte untouched{0xA5};

inline constexpr std::array<std::uint8_t, 6> first_address{0x52, 0x54, 0, 0xcf, 0, 1};
inline constexpr std::array<std::uint8_t, 6> second_address{0x52, 0x54, 0, 0xcf, 0, 2};

// A frame of a protocol for local experiments; what is in it depends on the number.
[[nodiscard]] inline vhost_user::Bytes frame(std::size_t size, unsigned number = 0) {
  vhost_user::Bytes bytes;
  vhost_user::append(bytes, second_address);
  vhost_user::append(bytes, first_address);
  vhost_user::append(bytes, std::array<std::uint8_t, 2>{0x88, 0xb5});
  for (unsigned at = 0; bytes.size() < size; ++at)
    bytes.push_back(static_cast<std::byte>(number + at * 7));
  return bytes;
}

/// A card's receive ring, and what comes in it.
class Receiver {
 public:
  Receiver(Trial& trial, FrontEnd& front) : trial_(trial), front_(front) {}

  void give(unsigned rooms, std::uint32_t size = usual_room) {
    for (unsigned count = 0; count < rooms; ++count) {
      const Buffer room{front_.memory().allocate(size + guard), size, true};
      std::fill_n(front_.memory().at(room.address), size + guard, untouched);
      const auto head = ring().words.describe({&room, 1});
      if (!head) throw Untried{"the receive ring is full"};
      rooms_[*head] = room;
      ring().words.offer(*head);
    }
    trial_.transcript().sent(text("{} buffers of {} bytes to receive", rooms, size));
    ring().kick.ring();
  }

  /// The bytes of the next buffer that comes back. Empty: none comes in time.
  [[nodiscard]] std::optional<vhost_user::Bytes> next() {
    if (!trial_.eventually([this] { return ring().words.completed() > 0; })) return std::nullopt;
    return take();
  }
  /// The same if it is there already.
  [[nodiscard]] std::optional<vhost_user::Bytes> take() {
    const auto used = ring().words.take();
    if (!used) return std::nullopt;
    const auto room = rooms_.find(static_cast<std::uint16_t>(used->id));
    trial_.expect(room != rooms_.end(), "buffer {} came back, which was not given", used->id);
    const auto [address, size, writable] = room->second;
    rooms_.erase(room);
    trial_.expect(used->len <= size, "{} bytes are reported in a buffer of {}", used->len, size);
    const auto* const data = front_.memory().at(address);
    trial_.expect(
        std::all_of(data + size, data + size + guard, [](auto byte) { return byte == untouched; }),
        "bytes behind a buffer of {} were written", size);
    return vhost_user::Bytes(data, data + used->len);
  }
  /// The next frame with its header; fails the statement if it does not come.
  [[nodiscard]] vhost_user::Bytes expect_next(const char* what) {
    auto bytes = next();
    trial_.expect(bytes.has_value(), "{}: it was not received in time", what);
    trial_.expect(bytes->size() >= sizeof(FrameHeader), "{}: {} bytes came, which have no header",
                  what, bytes->size());
    return std::move(*bytes);
  }
  [[nodiscard]] vhost_user::Ring& ring() noexcept { return front_.ring(0); }

 private:
  static inline constexpr std::size_t guard = 2048;
  Trial& trial_;
  FrontEnd& front_;
  std::map<std::uint16_t, Buffer> rooms_;  // by head
};

/// Two cards at two ports of the same switch: the first sends, the second receives.
class Cards {
 public:
  explicit Cards(Trial& trial, Wishes wishes = {})
      : from_(trial.up(wishes)),
        to_(trial.up_at_peer(wishes)),
        sender_(trial, from_),
        receiver_(trial, to_) {
    trial.begin();
  }

  void send(std::span<const std::byte> bytes, bool kick = true) {
    auto& memory = from_.memory();
    const auto size = static_cast<std::uint32_t>(sizeof(FrameHeader) + bytes.size());
    const Buffer buffer{memory.allocate(size), size, false};
    std::ranges::copy(bytes, memory.at(buffer.address) + sizeof(FrameHeader));
    const auto head = sender_.ring().words.describe({&buffer, 1});
    sender_.offer_as(head.value(), {&buffer, 1});
    if (kick) sender_.kick();
  }
  void send_and_wait(std::span<const std::byte> bytes) {
    send(bytes);
    sender_.await(1, "a frame to send");
  }

  [[nodiscard]] FrontEnd& from() noexcept { return from_; }
  [[nodiscard]] FrontEnd& to() noexcept { return to_; }
  [[nodiscard]] TestRequests& sender() noexcept { return sender_; }
  [[nodiscard]] Receiver& receiver() noexcept { return receiver_; }

 private:
  FrontEnd from_, to_;
  TestRequests sender_;
  Receiver receiver_;
};

}  // namespace bellwire::host::conform
