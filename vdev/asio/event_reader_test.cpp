// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/asio/event_reader.hpp"

#include <doctest/doctest.h>

#include <optional>
#include <vector>

#include "vdev/asio/one_thread.hpp"
#include "vdev/os/event_fd.hpp"

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
  os::EventFd event = os::EventFd::create().value();
  boost::asio::io_context context{one_thread};
  EventReader reader = EventReader::create(context, event.fd(), 7).value();
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
    wire.context.poll();  // the loop sees it, and has nobody to tell
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

TEST_CASE("who stops is not called, and its owner is let go") {
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
    auto reader = EventReader::create(context, event.fd(), 7).value();
    reader.wait(listener);
    event.ring();
  }
  CHECK(listener.use_count() == 1);
  CHECK(listener->counts.empty());
}
