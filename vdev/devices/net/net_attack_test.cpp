// SPDX-License-Identifier: BSD-3-Clause
//
// Network cards under many frames, and odd ones: each frame is accounted for, none overtakes
// another, and a port that takes nothing costs no other port a frame.
#include <doctest/doctest.h>

#include <cstring>
#include <deque>
#include <map>
#include <random>

#include "vdev/devices/net/net.hpp"
#include "vdev/testing/frames.hpp"
#include "vdev/testing/holding_device.hpp"
#include "vdev/testing/virtio_guest.hpp"

using namespace bellwire;
using namespace bellwire::net;
using namespace bellwire::testing;
using virtio::GuestBuffer;

namespace {

using Bytes = std::vector<std::byte>;
using Random = std::mt19937;

// A card whose driver sends chains in pieces, and gives each room back that was filled.
class Traffic {
 public:
  Traffic(const std::shared_ptr<Switch>& net, unsigned number, const VirtioPlan& plan = {})
      : address(station(number)), card(Net::create(net, address).value()), guest(*card, plan) {
    guest.start_all();
  }

  void give(unsigned count, std::uint32_t size) {
    for (unsigned done = 0; done < count; ++done) {
      rooms_.push_back(guest.allocate(size));
      offer(rooms_.size() - 1);
    }
    guest.run();
  }

  // A zeroed header and the frame, in pieces of these sizes, again and again. The card takes it
  // when the loop runs.
  void send(const Bytes& frame, std::span<const std::size_t> pieces) {
    Bytes bytes(header_bytes);
    bytes.insert(bytes.end(), frame.begin(), frame.end());
    send_bytes(bytes, pieces);
  }
  void send_bytes(const Bytes& bytes, std::span<const std::size_t> pieces) {
    std::vector<GuestBuffer> buffers;
    std::size_t next = 0;
    for (auto rest = std::span(bytes); !rest.empty();) {
      const auto part =
          rest.first(std::min(pieces[std::min(next++, pieces.size() - 1)], rest.size()));
      buffers.push_back(buffer_with(part));
      rest = rest.subspan(part.size());
    }
    guest.submit(transmit, buffers, {});
  }

  // All that was sent has come back.
  void settle() {
    auto& driver = guest.queues[transmit].driver;
    const auto back = [&] {
      while (driver.poll_used()) {
      }
      return driver.in_flight() == 0;
    };
    REQUIRE(guest.run_until(back));
    sent_ = 0;
  }

  // The frames that have come, in their order.
  std::vector<Bytes> take() {
    guest.run();
    std::vector<Bytes> frames;
    while (const auto used = guest.queues[receive].driver.poll_used())
      frames.push_back(join(*used));
    guest.run();
    return frames;
  }

  const MacAddress address;
  std::unique_ptr<Net> card;
  VirtioGuest guest;

 private:
  static constexpr auto receive = Net::receive_queue, transmit = Net::transmit_queue;
  static constexpr std::size_t header_bytes = sizeof(Header);

  void offer(std::size_t room) { guest.submit(receive, {}, {&rooms_[room], 1}, room); }

  Bytes join(virtio::UsedChain used) {
    Header header{};
    Bytes frame;
    std::memcpy(&header, guest.bytes(rooms_[used.token]).data(), header_bytes);
    for (unsigned left = header.num_buffers; left > 0; --left) {
      const auto part = guest.bytes(rooms_[used.token]).first(used.written);
      frame.insert(frame.end(), part.begin(), part.end());
      offer(used.token);
      if (left > 1) used = guest.queues[receive].driver.poll_used().value();
    }
    frame.erase(frame.begin(), frame.begin() + header_bytes);
    return frame;
  }

  // Of memory that is used again once all has come back.
  GuestBuffer buffer_with(std::span<const std::byte> contents) {
    constexpr std::uint32_t all = 4 << 20;
    if (!memory_) memory_ = guest.allocate(all);
    REQUIRE(sent_ + contents.size() <= all);
    const GuestBuffer buffer{memory_->address + sent_, static_cast<std::uint32_t>(contents.size())};
    sent_ += static_cast<std::uint32_t>(contents.size());
    std::ranges::copy(contents, guest.bytes(buffer).begin());
    return buffer;
  }

  std::vector<GuestBuffer> rooms_;
  std::optional<GuestBuffer> memory_;
  std::uint32_t sent_ = 0;
};

constexpr std::size_t huge = 1 << 21;
constexpr std::size_t whole[] = {huge};

// A number and its source behind the header.
Bytes numbered(const MacAddress& to, const MacAddress& from, std::uint32_t number,
               std::size_t size) {
  auto bytes = frame(to, from, std::max(size, header_size + sizeof number));
  std::memcpy(&bytes[header_size], &number, sizeof number);
  return bytes;
}

std::uint32_t number_of(const Bytes& bytes) {
  std::uint32_t number = 0;
  std::memcpy(&number, &bytes[header_size], sizeof number);
  return number;
}

// Of one receiver: what came from each source is in the order in which it was sent.
class Sequence {
 public:
  void add(const Bytes& bytes) {
    const auto number = number_of(bytes);
    auto& next = next_[source_of(bytes).number()];
    CHECK(number >= next);
    CHECK(bytes == numbered(destination_of(bytes), source_of(bytes), number, bytes.size()));
    next = number + 1;
    ++came;
  }
  unsigned came = 0;

 private:
  std::map<std::uint64_t, std::uint32_t> next_;
};

std::size_t size_between(Random& random, std::size_t least, std::size_t most) {
  return std::uniform_int_distribution<std::size_t>(least, most)(random);
}

}  // namespace

TEST_CASE_TEMPLATE("frames of odd sizes, however they are split, in tables or not", Layout, Split,
                   Packed) {
  const auto net = std::make_shared<Switch>(2U);
  const std::vector<std::size_t> cuts[] = {
      {huge},        {1},        {1, huge},  {5, 7, huge},
      {11, 2, huge}, {12, huge}, {13, huge}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, huge}};
  for (const std::uint16_t tables : {std::uint16_t{0}, std::uint16_t{128}}) {
    const VirtioPlan plan{.size = 128, .packed = Layout::packed, .table_entries = tables};
    Traffic left(net, 1, plan), right(net, 2, plan);
    right.give(32, 1 << 11);
    std::uint64_t carried = 0, runts = 0, oversize = 0;
    for (const std::size_t size : {0U, 1U, 13U, 14U, 15U, 59U, 60U, 1500U, 1517U, 1518U, 1519U,
                                   65'535U, 65'536U, 1U << 20}) {
      const auto sent = frame(everybody, left.address, size);
      for (const auto& cut : cuts) {
        if (size > 100 && cut.back() == 1) continue;  // more buffers than a queue has entries
        CAPTURE(size);
        left.send(sent, cut);
        left.settle();
        const auto got = right.take();
        const bool fits = size >= header_size && size <= net->most_bytes();
        CHECK(got == (fits ? std::vector<Bytes>{sent} : std::vector<Bytes>{}));
        ++(fits ? carried : size < header_size ? runts : oversize);
      }
    }
    const auto& counts = left.card->port_counts();
    CHECK(counts.received == carried);
    CHECK(counts.runts == runts);
    CHECK(counts.oversize == oversize);
    CHECK(right.card->port_counts().delivered == carried);
  }
}

TEST_CASE_TEMPLATE("between two ports no frame overtakes another", Layout, Split, Packed) {
  constexpr unsigned ports = 5, rounds = 150;
  const auto net = std::make_shared<Switch>(ports);
  std::deque<Traffic> cards;
  for (unsigned number = 0; number < ports; ++number) {
    auto& card = cards.emplace_back(net, number, VirtioPlan{.packed = Layout::packed});
    card.give(60,
              number % 2 == 0 ? 200U : 2048U);  // where they are small, large frames take several
  }
  Random random(4711);
  std::vector<Sequence> came(ports);
  std::vector<std::uint32_t> next(ports);
  const auto one_of = [&](unsigned count) { return size_between(random, 0, count - 1); };
  for (unsigned round = 0; round < rounds; ++round) {
    for (unsigned from = 0; from < ports; ++from)
      for (auto count = one_of(20); count > 0; --count) {
        const auto target = one_of(ports + 1);
        const auto to = target == ports ? everybody : cards[target].address;
        const auto size = one_of(3) == 0 ? size_between(random, 1000, 1518) : 60;
        cards[from].send(numbered(to, cards[from].address, next[from]++, size), whole);
      }
    for (auto& card : cards) card.settle();
    for (auto at = one_of(ports); at < ports; ++at)  // the others take theirs later
      for (const auto& bytes : cards[at].take()) came[at].add(bytes);
  }
  for (unsigned at = 0; at < ports; ++at) {
    for (const auto& bytes : cards[at].take()) came[at].add(bytes);
    CHECK(came[at].came > rounds);
    CHECK(came[at].came == cards[at].card->port_counts().delivered);
  }
}

TEST_CASE("a port that takes no frames costs the others none, and what it lost is counted") {
  constexpr unsigned frames = 2000, room = 16;
  const auto net = std::make_shared<Switch>(3U);
  Traffic left(net, 1), right(net, 2), asleep(net, 3);
  right.give(60, 2048);
  asleep.give(room, 2048);
  Sequence came;
  for (std::uint32_t number = 0; number < frames; ++number) {
    left.send(numbered(everybody, left.address, number, 60 + number % 1400), whole);
    left.settle();
    for (const auto& bytes : right.take()) came.add(bytes);
  }
  CHECK(came.came == frames);
  CHECK(right.card->port_counts().dropped == 0);
  CHECK(asleep.card->port_counts().delivered == room);
  CHECK(asleep.card->port_counts().dropped == frames - room);
  CHECK(asleep.take().size() == room);  // awake again
  left.send(numbered(asleep.address, left.address, 0, 60), whole);
  left.settle();
  CHECK(asleep.take().size() == 1);
}

TEST_CASE("64 cards at one switch: each frame for all reaches 63") {
  constexpr unsigned ports = 64;
  const auto net = std::make_shared<Switch>(ports);
  std::deque<Traffic> cards;
  for (unsigned number = 0; number < ports; ++number)
    cards.emplace_back(net, number, VirtioPlan{.size = 8, .memory = 5 << 20}).give(4, 256);
  for (auto& card : cards) {
    const auto sent = frame(everybody, card.address);
    card.send(sent, whole);
    card.settle();
    for (auto& other : cards)
      CHECK(other.take() == (&other == &card ? std::vector<Bytes>{} : std::vector<Bytes>{sent}));
  }
  cards.front().send(frame(cards.back().address, cards.front().address), whole);
  cards.front().settle();
  for (auto& card : cards) CHECK(card.take().size() == (&card == &cards.back() ? 1U : 0U));
}
