// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/event_reader.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "vdev/loop/asio.hpp"
#include "vdev/testing/process.hpp"

using namespace bellwire;

namespace {

struct Listener final : EventOwner {
  void on_event(unsigned index, std::uint64_t count) override {
    CHECK(index == 7);
    counts.push_back(count);
  }
  std::vector<std::uint64_t> counts;
};

struct Wire {
  explicit Wire(os::EventFd watched = os::EventFd::create().value()) : event(std::move(watched)) {}
  os::EventFd event;
  boost::asio::io_context context{one_thread};
  EventReader reader = EventReader::create(context, event, 7).value();
  std::shared_ptr<Listener> listener = std::make_shared<Listener>();

  // As a program's loop would.
  std::vector<std::uint64_t> heard() {
    context.restart();
    context.poll();
    return std::exchange(listener->counts, {});
  }
};

using Counts = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a wait hears the whole count, once") {
  Wire wire;
  wire.reader.wait(wire.listener);
  CHECK(wire.heard().empty());
  wire.event.ring(2);
  wire.event.ring();
  CHECK(wire.heard() == Counts{3});
  wire.event.ring();
  CHECK(wire.heard().empty());  // nobody waits
}

TEST_CASE("what came while nobody waited is heard, from before the first wait too") {
  Wire wire;
  for (int times = 0; times < 5; ++times) {
    wire.event.ring(4);
    wire.context.restart();
    wire.context.poll();  // the loop sees it, and has no handler to call
    wire.reader.wait(wire.listener);
    CHECK(wire.heard() == Counts{4});
  }
}

TEST_CASE("a count that somebody else took is waited for on") {
  Wire wire;
  wire.reader.wait(wire.listener);
  wire.event.ring();
  wire.event.drain();
  CHECK(wire.heard().empty());
  wire.event.ring(2);
  CHECK(wire.heard() == Counts{2});
}

TEST_CASE("a peer that takes the count first, from a blocking eventfd, stops nobody") {
  const testing::SleepAlarm alarm;
  const testing::PeerEvent peer;
  const int flags = peer.flags();
  Wire wire(peer.handed_over());
  wire.reader.wait(wire.listener);
  peer.add(1);
  peer.take();
  CHECK(wire.heard().empty());
  peer.add(3);
  CHECK(wire.heard() == Counts{3});
  CHECK(peer.flags() == flags);
  CHECK_FALSE(testing::SleepAlarm::rang());
}

TEST_CASE("a full semaphore is read once each time that it is rung, and not for ever") {
  const testing::PeerEvent peer(EFD_SEMAPHORE);
  peer.fill();
  Wire wire(peer.handed_over());
  std::size_t reads = 0;
  for (int waits = 0; waits < 100; ++waits) {
    wire.reader.wait(wire.listener);
    const auto counts = wire.heard();
    reads += counts.size();
    if (counts.empty()) break;
  }
  CHECK(reads <= 2);  // of the first look, and of what the kernel reports at first
  peer.take();
  peer.add(1);
  CHECK(wire.heard() == Counts{1});
}

TEST_CASE("whoever stops is not called, even if the count is taken, and gets what was taken") {
  Wire wire;
  wire.event.ring(5);
  wire.context.poll();  // the loop has seen it, so wait() itself takes the count
  wire.reader.wait(wire.listener);
  CHECK_FALSE(wire.event.drain());
  CHECK(wire.reader.stop() == 5);
  CHECK(wire.reader.stop() == 0);
  CHECK(wire.heard().empty());
  CHECK(wire.listener.use_count() == 1);
}

TEST_CASE("whoever stops is not called, and its owner is let go") {
  Wire wire;
  wire.reader.wait(wire.listener);
  wire.event.ring();
  wire.reader.stop();
  CHECK(wire.heard().empty());
  CHECK(wire.listener.use_count() == 1);
  wire.reader.wait(wire.listener);
  CHECK(wire.heard().empty());
  CHECK(wire.listener.use_count() == 1);
}

TEST_CASE("a context that goes first lets the owner go, and calls nobody") {
  const auto event = os::EventFd::create().value();
  const auto listener = std::make_shared<Listener>();
  {
    boost::asio::io_context context(one_thread);
    auto reader = EventReader::create(context, event, 7).value();
    reader.wait(listener);
    event.ring();
  }
  CHECK(listener.use_count() == 1);
  CHECK(listener->counts.empty());
}
