// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 140 to 148: frames from one port of a switch to another.
#include <algorithm>
#include <map>

#include "host/conform/test_requests.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::bit;
using vhost_user::Bytes;

// Of <linux/virtio_net.h>, which is no C++.
struct FrameHeader {
  std::uint8_t flags, gso_type;
  std::uint16_t header_length, gso_size, checksum_start, checksum_offset, buffers;
};
static_assert(sizeof(FrameHeader) == 12);
constexpr unsigned merges_buffers = 15;  // VIRTIO_NET_F_MRG_RXBUF

constexpr Needs card{.kinds = std::uint8_t(Kind::net), .layouts = Layouts::both};
constexpr Needs card_of_split_rings{.kinds = std::uint8_t(Kind::net)};
constexpr std::uint32_t usual_room = 1600;
constexpr std::byte untouched{0xA5};

constexpr std::array<std::uint8_t, 6> first_address{0x52, 0x54, 0, 0xcf, 0, 1};
constexpr std::array<std::uint8_t, 6> second_address{0x52, 0x54, 0, 0xcf, 0, 2};

// A frame of a protocol for local experiments; what is in it depends on the number.
Bytes frame(std::size_t size, unsigned number = 0) {
  Bytes bytes;
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
  [[nodiscard]] std::optional<Bytes> next() {
    if (!trial_.eventually([this] { return ring().words.completed() > 0; })) return std::nullopt;
    return take();
  }
  /// The same if it is there already.
  [[nodiscard]] std::optional<Bytes> take() {
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
    return Bytes(data, data + used->len);
  }
  /// The next frame with its header; fails the statement if it does not come.
  [[nodiscard]] Bytes expect_next(const char* what) {
    auto bytes = next();
    trial_.expect(bytes.has_value(), "{}: it was not received in time", what);
    trial_.expect(bytes->size() >= sizeof(FrameHeader), "{}: {} bytes came, which have no header",
                  what, bytes->size());
    return std::move(*bytes);
  }
  [[nodiscard]] vhost_user::Ring& ring() noexcept { return front_.ring(0); }

 private:
  static constexpr std::size_t guard = 2048;
  Trial& trial_;
  FrontEnd& front_;
  std::map<std::uint16_t, Buffer> rooms_;  // by head
};

/// Two cards at two ports of the same switch: the first sends, the second receives.
class Cards {
 public:
  explicit Cards(Trial& trial, Wishes wishes = {})
      : trial_(trial),
        from_(trial.up(wishes)),
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
  Trial& trial_;
  FrontEnd from_, to_;
  TestRequests sender_;
  Receiver receiver_;
};

FrameHeader header_of(std::span<const std::byte> received) {
  return vhost_user::head<FrameHeader>(received).value_or(FrameHeader{});
}

void expect_same(const Trial& trial, std::span<const std::byte> sent,
                 std::span<const std::byte> received) {
  const auto frame = received.subspan(sizeof(FrameHeader));
  trial.expect(frame.size() == sent.size(), "a frame of {} bytes is received with {}", sent.size(),
               frame.size());
  const auto differs = std::ranges::mismatch(sent, frame).in1 - sent.begin();
  trial.expect(differs == std::ssize(sent), "byte {} of a frame of {} is not what was sent",
               differs, sent.size());
}

void byte_for_byte(Trial& trial) {
  Cards cards(trial);
  cards.receiver().give(8);
  for (const std::size_t size : {60, 61, 512, 1514}) {
    const auto sent = frame(size);
    cards.send_and_wait(sent);
    expect_same(trial, sent, cards.receiver().expect_next("a frame"));
  }
}

void plain_header(Trial& trial) {
  Cards cards(trial, {.never_features = bit(merges_buffers)});
  cards.receiver().give(2);
  cards.send_and_wait(frame(60));
  const auto header = header_of(cards.receiver().expect_next("a frame"));
  trial.expect(header.flags == 0 && header.gso_type == 0,
               "the header has flags {:#x} and GSO type {}, though no offload was accepted",
               header.flags, header.gso_type);
  trial.expect(header.buffers == 1, "num_buffers is {}, without MRG_RXBUF", header.buffers);
}

void merged_buffers(Trial& trial) {
  constexpr std::uint32_t room = 128;
  Cards cards(trial, {.features = bit(merges_buffers)});
  cards.receiver().give(40, room);
  for (const std::size_t size : {60, 116, 117, 600}) {
    const auto sent = frame(size);
    cards.send_and_wait(sent);
    auto all = cards.receiver().expect_next("a frame");
    const auto expected = (sizeof(FrameHeader) + size + room - 1) / room;
    const auto header = header_of(all);
    trial.expect(header.buffers == expected,
                 "num_buffers is {} of a frame of {} bytes in buffers of {}, not {}",
                 header.buffers, size, room, expected);
    for (std::size_t count = 1; count < expected; ++count) {
      const auto more = cards.receiver().next();
      trial.expect(more.has_value(), "buffer {} of {} did not come", count + 1, expected);
      vhost_user::append(all, std::span<const std::byte>(*more));
    }
    expect_same(trial, sent, all);
  }
}

void short_rooms(Trial& trial) {
  Cards cards(trial, {.never_features = bit(merges_buffers)});
  cards.receiver().give(6, 100);
  cards.send_and_wait(frame(600));
  cards.send_and_wait(frame(700));
  const auto small = frame(60, 9);
  cards.send_and_wait(small);
  // What became of the long ones is the device's business, as long as it stays in the buffers.
  for (;;) {
    const auto bytes = cards.receiver().next();
    trial.expect(bytes.has_value(), "a frame that fits is not received after two that don't");
    const bool whole = bytes->size() == sizeof(FrameHeader) + small.size() &&
                       std::equal(small.begin(), small.end(), bytes->begin() + sizeof(FrameHeader));
    if (whole) return;
  }
}

void no_rooms(Trial& trial) {
  Cards cards(trial);
  for (unsigned count = 0; count < 32; ++count) cards.send(frame(60, count), false);
  cards.sender().kick();
  cards.sender().await(32, "frames that the other port has no buffers for");
  cards.receiver().give(64);
  trial.settle(cards.to());
  const auto last = frame(60, 99);
  cards.send_and_wait(last);
  for (;;) {
    const auto bytes = cards.receiver().expect_next("a frame after the port has buffers");
    const auto content = std::span(bytes).subspan(sizeof(FrameHeader));
    if (std::ranges::equal(content, last)) return;
  }
}

void in_order(Trial& trial) {
  Cards cards(trial);
  for (unsigned round = 0; round < 8; ++round) {
    cards.receiver().give(16);
    trial.settle(cards.to());
    for (unsigned number = 0; number < 16; ++number)
      cards.send(frame(60 + number, round * 16 + number), false);
    cards.sender().kick();
    cards.sender().await(16, "frames to send");
    for (unsigned number = 0; number < 16; ++number)
      expect_same(trial, frame(60 + number, round * 16 + number),
                  cards.receiver().expect_next("one of many frames"));
  }
  trial.settle(cards.to());
  trial.expect(!cards.receiver().take(), "more frames are received than were sent");
}

void called_for_frames(Trial& trial) {
  Cards cards(trial);
  auto& call = cards.receiver().ring().call;
  cards.receiver().give(8);
  trial.settle(cards.to());
  for (unsigned count = 0; count < 3; ++count) {
    static_cast<void>(call.drain());
    cards.send_and_wait(frame(60));
    static_cast<void>(cards.receiver().expect_next("a frame"));
    trial.expect(trial.eventually([&] { return call.drain().has_value(); }),
                 "a frame was received without a call");
  }
}

void port_left(Trial& trial) {
  Cards cards(trial);
  cards.receiver().give(4);
  cards.send_and_wait(frame(60));
  static_cast<void>(cards.receiver().expect_next("a frame before the port left"));
  cards.to().hang_up();
  cards.send_and_wait(frame(60));
  auto again = trial.up_at_peer({});
  Receiver receiver(trial, again);
  receiver.give(4);
  trial.settle(again);
  const auto sent = frame(200, 3);
  cards.send_and_wait(sent);
  expect_same(trial, sent, receiver.expect_next("a frame for the port's next front-end"));
}

void disabled_receives_nothing(Trial& trial) {
  Cards cards(trial);
  cards.receiver().give(8);
  cards.send_and_wait(frame(60));
  static_cast<void>(cards.receiver().expect_next("a frame in the enabled ring"));
  trial.expect(cards.to().enable_ring(0, false), "SET_VRING_ENABLE 0");
  trial.settle(cards.to());
  cards.send_and_wait(frame(60));
  trial.settle(cards.to());
  trial.pause(trial.settings().patience.quiet);
  trial.expect(!cards.receiver().take(), "a frame was received in a disabled ring");
  trial.expect(cards.to().enable_ring(0, true), "SET_VRING_ENABLE 1");
  trial.settle(cards.to());
  cards.send_and_wait(frame(60));
  static_cast<void>(cards.receiver().expect_next("a frame after the ring was enabled again"));
}

constexpr Statement switch_table[] = {
    {140, "A frame that is sent at one port is received at another, byte for byte",
     "virtio 1.2: 5.1.6", card, byte_for_byte},
    {141, "A received frame's header has no offloads, and one buffer without MRG_RXBUF",
     "virtio 1.2: 5.1.6.4", card, plain_header},
    {142,
     "With MRG_RXBUF, a frame takes as many buffers as it needs, and its header says how many",
     "virtio 1.2: 5.1.6.4",
     {.features = bit(merges_buffers), .kinds = std::uint8_t(Kind::net), .layouts = Layouts::both},
     merged_buffers},
    {143, "A frame that fits no buffer is not written past one, and the next is received",
     "virtio 1.2: 5.1.6.3", card, short_rooms},
    {144, "A port without buffers to receive holds up no other port", "virtio 1.2: 5.1.6", card,
     no_rooms},
    {145, "Frames are received once each, in the order in which they were sent",
     "virtio 1.2: 5.1.6", card, in_order},
    {146, "A received frame is followed by a call", "vhost-user: SET_VRING_CALL", card,
     called_for_frames},
    {147, "A port whose front-end has left serves the next one", "vhost-user: Communication",
     card_of_split_rings, port_left},
    {148,
     "A ring to receive that is disabled gets no frames until it is enabled",
     "vhost-user: Ring states",
     {.features = bit(vhost_user::f_protocol_features), .kinds = std::uint8_t(Kind::net)},
     disabled_receives_nothing},
};

}  // namespace

std::span<const Statement> switch_statements() noexcept {
  return switch_table;
}

}  // namespace bellwire::host::conform
