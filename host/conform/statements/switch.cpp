// SPDX-License-Identifier: BSD-3-Clause
//
// Statements 140 to 148, 157 and 158: frames from one port of a switch to another.
#include <algorithm>

#include "host/conform/cards.hpp"

namespace bellwire::host::conform {
namespace {

using vhost_user::bit;
using vhost_user::Bytes;

constexpr Needs card{.kinds = std::uint8_t(Kind::net), .layouts = Layouts::both};
constexpr Needs card_of_split_rings{.kinds = std::uint8_t(Kind::net)};

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
  for (const std::size_t size : {60U, 61U, 512U, 1514U}) {
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
  for (const std::size_t size : {60U, 116U, 117U, 600U}) {
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

void not_back(Trial& trial) {
  Cards cards(trial);
  Receiver own(trial, cards.from());
  own.give(8);
  cards.receiver().give(8);
  trial.settle(cards.from());
  trial.settle(cards.to());
  for (unsigned count = 0; count < 3; ++count) {
    cards.send_and_wait(frame(60, count));
    static_cast<void>(cards.receiver().expect_next("a frame"));
  }
  trial.settle(cards.from());
  trial.expect(!own.take(), "a frame came back to the port that sent it");
}

void without_header(Trial& trial) {
  Cards cards(trial);
  cards.receiver().give(8);
  trial.settle(cards.to());
  for (const std::uint32_t size : {1U, 11U, 12U, 20U}) {
    const Buffer buffer{cards.from().memory().allocate(size), size, false};
    const auto head = cards.sender().ring().words.describe({&buffer, 1});
    cards.sender().offer_as(head.value(), {&buffer, 1});
    cards.sender().kick();
    cards.sender().await(1, "a buffer that is too short for a header and a frame");
  }
  const auto sent = frame(60, 5);
  cards.send_and_wait(sent);
  expect_same(trial, sent, cards.receiver().expect_next("the first whole frame"));
}

constexpr Statement more_switch_table[] = {
    {157, "A frame does not come back to the port that sent it", "virtio 1.2: 5.1.6", card,
     not_back},
    {158, "What is sent without a whole header and a frame comes back, and goes nowhere",
     "virtio 1.2: 5.1.6.2", card, without_header},
};

}  // namespace

std::span<const Statement> more_switch_statements() noexcept {
  return more_switch_table;
}

std::span<const Statement> switch_statements() noexcept {
  return switch_table;
}

}  // namespace bellwire::host::conform
