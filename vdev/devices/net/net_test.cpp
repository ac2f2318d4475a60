// SPDX-License-Identifier: BSD-3-Clause
//
// Network cards as their drivers have them, at one switch. Each driver runs its own loop while it
// waits; all are on the test's thread.
#include "vdev/devices/net/net.hpp"

#include <doctest/doctest.h>

#include <cstring>

#include "vdev/testing/frames.hpp"
#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::net;
using namespace bellwire::testing;
using virtio::GuestBuffer;

namespace {

using Bytes = std::vector<std::byte>;
constexpr std::size_t virtio_header = sizeof(Header);
constexpr auto receive = Net::receive_queue, transmit = Net::transmit_queue;

Header with(unsigned flags, unsigned gso_type = VIRTIO_NET_HDR_GSO_NONE) {
  Header header{};
  header.flags = static_cast<__u8>(flags);
  header.gso_type = static_cast<__u8>(gso_type);
  return header;
}

Bytes joined(const Header& header, const Bytes& frame, std::size_t size) {
  const auto words = std::as_bytes(std::span(&header, 1)).first(size);
  Bytes bytes(words.begin(), words.end());
  bytes.insert(bytes.end(), frame.begin(), frame.end());
  return bytes;
}

// A frame as a driver gets it.
struct Received {
  Header header{};
  std::vector<std::uint32_t> written;  // of each buffer
  Bytes frame;
};

// A card and its driver.
struct Station {
  explicit Station(const std::shared_ptr<Switch>& net, unsigned number = 1,
                   const VirtioPlan& plan = {}, std::optional<std::uint64_t> features = {})
      : address(station(number)), card(Net::create(net, address).value()), guest(*card, plan) {
    if (features) guest.accept(*features);
    guest.start_all();
  }

  // Buffers for frames to come, each of one descriptor.
  void give(unsigned count, std::uint32_t size) {
    for (unsigned done = 0; done < count; ++done) {
      rooms.push_back(guest.allocate(size));
      guest.submit(receive, {}, {&rooms.back(), 1}, rooms.size() - 1);
    }
    guest.run();
  }

  // In pieces of that many bytes. Waits until the card has taken it.
  void send_bytes(const Bytes& bytes, std::size_t piece = 1 << 16) {
    std::vector<GuestBuffer> buffers;
    for (auto rest = std::span(bytes); !rest.empty();) {
      const auto part = rest.first(std::min(piece, rest.size()));
      buffers.push_back(guest.allocate(part));
      rest = rest.subspan(part.size());
    }
    guest.submit(transmit, buffers, {});
    CHECK(guest.wait_used(transmit).written == 0);
  }
  void send(const Bytes& frame, const Header& header = {}) {
    send_bytes(joined(header, frame, virtio_header));
  }

  std::optional<virtio::UsedChain> poll_room() {
    guest.run();
    return guest.queues[receive].driver.poll_used();
  }
  std::span<std::byte> room(const virtio::UsedChain& used) {
    return guest.bytes(rooms[used.token]).first(used.written);
  }

  std::optional<Received> got(std::size_t header_bytes = virtio_header) {
    auto used = poll_room();
    if (!used) return std::nullopt;
    Received received;
    std::memcpy(&received.header, room(*used).data(), header_bytes);
    std::size_t skipped = header_bytes;
    for (unsigned left = std::max<unsigned>(received.header.num_buffers, 1); left > 0; --left) {
      if (!received.written.empty()) used = poll_room();
      REQUIRE(used);
      const auto part = room(*used).subspan(std::exchange(skipped, 0));
      received.written.push_back(used->written);
      received.frame.insert(received.frame.end(), part.begin(), part.end());
    }
    return received;
  }

  const MacAddress address;
  std::unique_ptr<Net> card;
  VirtioGuest guest;
  std::vector<GuestBuffer> rooms;
};

std::shared_ptr<Switch> make_switch(unsigned ports = 2, std::uint16_t mtu = usual_mtu) {
  return std::make_shared<Switch>(ports, mtu);
}

constexpr std::uint64_t without_merging = ~virtio::feature(VIRTIO_NET_F_MRG_RXBUF);

}  // namespace

TEST_CASE_TEMPLATE("a frame goes from one card to the other", Layout, Split, Packed) {
  const auto net = make_switch();
  Station left(net, 1, {.packed = Layout::packed}), right(net, 2, {.packed = Layout::packed});
  right.give(4, 2048);
  left.give(4, 2048);
  const auto ask = frame(everybody, left.address, 42);
  left.send(ask);
  const auto asked = right.got();
  REQUIRE(asked);
  CHECK(asked->frame == ask);
  CHECK(asked->written == std::vector<std::uint32_t>{12 + 42});
  CHECK(asked->header.num_buffers == 1);
  CHECK(asked->header.flags == 0);
  CHECK(asked->header.gso_type == VIRTIO_NET_HDR_GSO_NONE);

  const auto answer = frame(left.address, right.address, 1514);
  right.send(answer);
  const auto answered = left.got();
  REQUIRE(answered);
  CHECK(answered->frame == answer);
  CHECK_FALSE(right.got());  // nothing comes back
  CHECK(left.card->port_counts().delivered == 1);
}

TEST_CASE("the config space says who and how, and can't be written") {
  const auto net = make_switch(2, 9000);
  Station station(net);
  virtio_net_config config{};
  const auto all = std::as_writable_bytes(std::span(&config, 1)).first(12);
  station.guest.backend.read_config(0, all).value();
  CHECK(std::memcmp(config.mac, station.address.bytes.data(), MacAddress::size) == 0);
  CHECK(int{config.status} == VIRTIO_NET_S_LINK_UP);
  CHECK(int{config.mtu} == 9000);
  CHECK(station.guest.backend.write_config(0, all.first(6)).has_error());
}

TEST_CASE("a driver that asks for what the card does not offer is refused") {
  const auto card = Net::create(make_switch(), station(1)).value();
  VirtioGuest guest(*card);
  const auto offered = guest.backend.device_features();
  for (const auto bit : {VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_GUEST_TSO4,
                         VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ}) {
    CAPTURE(bit);
    const auto unknown = virtio::feature(static_cast<unsigned>(bit));
    CHECK((offered & unknown) == 0);
    CHECK(guest.backend.set_driver_features(offered | unknown).has_error());
    guest.backend.set_status(VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK);
    CHECK(guest.backend.status() == VIRTIO_CONFIG_S_DRIVER);
  }
}

TEST_CASE_TEMPLATE("a frame takes several buffers where they merge", Layout, Split, Packed) {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2, {.packed = Layout::packed});
  right.give(3, 512);
  const auto sent = frame(everybody, left.address, 1200);
  left.send(sent);
  const auto received = right.got();
  REQUIRE(received);
  CHECK(received->header.num_buffers == 3);
  CHECK(received->written == std::vector<std::uint32_t>{512, 512, 1200 + 12 - 1024});
  CHECK(received->frame == sent);
}

TEST_CASE("a frame that does not fit the buffers there are is dropped, and they stay") {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2);
  left.send(frame(everybody, left.address));  // there is none
  right.give(2, 512);
  left.send(frame(everybody, left.address, 1024 - 12 + 1));
  CHECK(right.card->port_counts().dropped == 2);
  CHECK_FALSE(right.got());
  const auto fits = frame(everybody, left.address, 1024 - 12);
  left.send(fits);
  const auto received = right.got();
  REQUIRE(received);
  CHECK(received->frame == fits);
  CHECK(received->header.num_buffers == 2);
}

TEST_CASE("without merging, a frame that does not fit one buffer is dropped, and that stays") {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2, {.features = without_merging});
  right.give(2, 100);
  left.send(frame(everybody, left.address, 89));
  CHECK(right.card->port_counts().dropped == 1);
  CHECK_FALSE(right.got());
  const auto fits = frame(everybody, left.address, 88);
  left.send(fits);
  const auto received = right.got();
  REQUIRE(received);
  CHECK(received->frame == fits);
  CHECK(received->written == std::vector<std::uint32_t>{100});
  CHECK(received->header.num_buffers == 1);
}

TEST_CASE("a buffer to receive without room for a header comes back unused") {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2);
  right.give(1, 11);
  const auto used = right.poll_room();
  REQUIRE(used);
  CHECK(used->written == 0);
  CHECK(right.card->card_counts().small_rooms == 1);
  const GuestBuffer wrong[] = {right.guest.allocate(2048)};
  right.guest.submit(receive, wrong, {});  // to be read, not written
  CHECK(right.guest.wait_used(receive).written == 0);
  CHECK(right.card->card_counts().small_rooms == 2);
  right.give(1, 12);  // it has, and takes the beginning of a frame
  right.give(1, 2048);
  left.send(frame(everybody, left.address));
  const auto received = right.got();
  REQUIRE(received);
  CHECK(received->written == std::vector<std::uint32_t>{12, 60});
}

TEST_CASE("hostile frames come back, are counted and go nowhere") {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2);
  right.give(4, 2048);
  left.send_bytes(Bytes(11));  // no room for a header
  CHECK(left.card->card_counts().headless == 1);
  const GuestBuffer writable[] = {left.guest.allocate(2048)};
  left.guest.submit(transmit, {}, writable);
  CHECK(left.guest.wait_used(transmit).written == 0);
  CHECK(left.card->card_counts().headless == 2);

  const auto good = frame(everybody, left.address);
  left.send(good, with(VIRTIO_NET_HDR_F_NEEDS_CSUM));
  left.send(good, with(0, VIRTIO_NET_HDR_GSO_TCPV4));
  left.send(good, with(0, VIRTIO_NET_HDR_GSO_ECN));
  CHECK(left.card->card_counts().unfinished == 3);

  left.send({});
  left.send(frame(everybody, left.address, 13));
  CHECK(left.card->port_counts().runts == 2);
  left.send(frame(everybody, left.address, 1519));
  left.send(frame(everybody, left.address, 1 << 20));
  CHECK(left.card->port_counts().oversize == 2);
  left.send(frame(everybody, everybody));
  CHECK(left.card->port_counts().bad_sources == 1);
  CHECK(left.card->port_counts().received == 0);
  CHECK_FALSE(right.got());

  // Fields that mean nothing without an offload, and flags that nobody knows, are ignored.
  auto odd = with(0xf0);
  odd.hdr_len = odd.gso_size = odd.csum_start = odd.csum_offset = odd.num_buffers = 0xffff;
  left.send(good, odd);
  REQUIRE(right.got());
  left.send(frame(everybody, left.address, 1518));
  CHECK(right.got()->frame.size() == 1518);
}

TEST_CASE("how a driver splits a frame means nothing") {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2);
  right.give(8, 2048);
  const auto sent = frame(everybody, left.address, 50);
  for (const std::size_t piece : {1U, 5U, 11U, 12U, 13U, 61U}) {
    left.send_bytes(joined({}, sent, virtio_header), piece);
    const auto received = right.got();
    REQUIRE(received);
    CHECK(received->frame == sent);
  }
}

TEST_CASE("nor does how it splits a buffer to receive") {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2);
  std::vector<GuestBuffer> parts;
  for (const std::uint32_t size : {1U, 10U, 5U, 200U}) parts.push_back(right.guest.allocate(size));
  right.guest.submit(receive, {}, parts);
  right.guest.run();
  const auto sent = frame(everybody, left.address, 50);
  left.send(sent);
  CHECK(right.guest.wait_used(receive).written == 62);
  Bytes came;
  for (const auto& part : parts) {
    const auto bytes = right.guest.bytes(part);
    came.insert(came.end(), bytes.begin(), bytes.end());
  }
  came.resize(62);
  Header header{};
  header.num_buffers = 1;
  CHECK(came == joined(header, sent, virtio_header));
}

TEST_CASE("a driver of before virtio 1.0 has a header without a number, unless it merges") {
  for (const auto& [features, size] :
       {std::pair(virtio::feature(VIRTIO_NET_F_MAC), old_header_bytes),
        std::pair(virtio::feature(VIRTIO_NET_F_MRG_RXBUF), virtio_header)}) {
    const auto net = make_switch();
    Station left(net, 1, {}, features), right(net, 2, {}, features);
    right.give(2, 2048);
    const auto sent = frame(everybody, left.address);
    left.send_bytes(joined({}, sent, size));
    const auto received = right.got(size);
    REQUIRE(received);
    CHECK(received->frame == sent);
    CHECK(received->header.num_buffers == (size == virtio_header ? 1 : 0));
  }
}

TEST_CASE("a card that stops gives its buffers back, and its frames are dropped") {
  const auto net = make_switch(3);
  Station left(net, 1), right(net, 2), other(net, 3);
  right.give(3, 2048);
  other.give(3, 2048);
  right.send(frame(everybody, right.address));  // where it is
  REQUIRE(other.got());
  right.guest.stop(receive);
  for (int count = 0; count < 3; ++count) CHECK(right.guest.wait_used(receive).written == 0);
  left.send(frame(right.address, left.address));
  CHECK(right.card->port_counts().dropped == 1);
  CHECK_FALSE(other.got());
  right.guest.backend.reset_now();  // unplugged: it may be anywhere now
  left.send(frame(right.address, left.address));
  CHECK(other.got());
}

TEST_CASE_TEMPLATE(
    "what is sent in a queue that was disabled is discarded, and nothing is received", Layout,
    Split, Packed) {
  const auto net = make_switch();
  Station left(net, 1, {.packed = Layout::packed}), right(net, 2, {.packed = Layout::packed});
  right.give(2, 2048);
  left.guest.backend.set_enabled(transmit, false).value();
  left.send(frame(everybody, left.address));  // it comes back
  CHECK(left.card->port_counts().received == 0);
  left.guest.stop(transmit);
  left.guest.start_disabled(transmit, left.guest.queues[transmit].driver.position());
  left.send(frame(everybody, left.address));
  CHECK_FALSE(right.got());

  right.guest.backend.set_enabled(receive, false).value();
  right.give(2, 2048);
  left.guest.backend.set_enabled(transmit, true).value();
  for (unsigned count = 0; count < 3; ++count) left.send(frame(everybody, left.address));
  CHECK_FALSE(right.got());  // nor in the buffers that it had been given before
  CHECK(right.card->port_counts().dropped == 3);
  right.guest.backend.set_enabled(receive, true).value();
  right.guest.run();
  left.send(frame(everybody, left.address));
  CHECK(right.got());
}

TEST_CASE("what is to be sent waits for a queue that was never enabled") {
  const auto net = make_switch();
  Station right(net, 2);
  right.give(1, 2048);
  const auto card = Net::create(net, station(1)).value();
  VirtioGuest guest(*card, {});
  guest.start_disabled(transmit);
  const GuestBuffer buffers[] = {
      guest.allocate(joined({}, frame(everybody, station(1)), virtio_header))};
  guest.submit(transmit, buffers, {});
  guest.run();
  CHECK_FALSE(guest.queues[transmit].driver.poll_used());
  guest.backend.set_enabled(transmit, true).value();
  CHECK(guest.wait_used(transmit).written == 0);
  CHECK(right.got());
}

TEST_CASE("a card whose memory goes gives its buffers back, and its frames are dropped") {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2);
  right.give(3, 2048);
  right.guest.memory.space.clear();
  left.send(frame(everybody, left.address));
  CHECK(right.card->port_counts().dropped == 1);
}

TEST_CASE("a card that goes in the middle leaves the others alone") {
  const auto net = make_switch(3);
  Station left(net, 1), right(net, 2);
  right.give(40, 2048);
  for (unsigned count = 0; count < 20; ++count) {
    std::optional<Station> third;
    third.emplace(net, 3);
    third->give(1, 2048);
    left.send(frame(everybody, left.address));
    third.reset();
    left.send(frame(everybody, left.address));
    REQUIRE(right.got());
    REQUIRE(right.got());
  }
  CHECK(Net::create(make_switch(0), left.address).has_error());
}

TEST_CASE("a driver that gives more buffers than most, in a long queue, gets them all used") {
  const auto net = make_switch();
  Station left(net, 1), right(net, 2, {.size = 1024});
  right.give(1024, 128);
  for (unsigned count = 0; count < 1024; ++count) {
    left.send(frame(everybody, left.address, 60 + count % 50));
    const auto received = right.got();
    REQUIRE(received);
    CHECK(received->frame.size() == 60 + count % 50);
  }
}
