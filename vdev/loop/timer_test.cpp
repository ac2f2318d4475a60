// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/loop/timer.hpp"

#include <doctest/doctest.h>

#include <vector>

using namespace bellwire;
using namespace std::chrono_literals;

namespace {

struct Owner final : TimerOwner, std::enable_shared_from_this<Owner> {
  explicit Owner(boost::asio::io_context& context) : timer(context) {}
  void on_time() override { called.push_back(Timer::Clock::now()); }
  void wait(Timer::Clock::time_point when) { timer.wait(when, shared_from_this()); }

  Timer timer;
  std::vector<Timer::Clock::time_point> called;
};

}  // namespace

TEST_CASE("a timer calls its owner once, not before its time") {
  boost::asio::io_context context;
  auto owner = std::make_shared<Owner>(context);
  const auto when = Timer::Clock::now() + 5ms;
  owner->wait(when);
  context.run();
  REQUIRE(owner->called.size() == 1);
  CHECK(owner->called.front() >= when);
}

TEST_CASE("the next wait takes the place of the one before, even of one that is due") {
  boost::asio::io_context context;
  auto owner = std::make_shared<Owner>(context);
  const auto now = Timer::Clock::now();
  owner->wait(now + 1h);
  owner->wait(now - 1ms);
  owner->wait(now + 2ms);
  context.run();
  REQUIRE(owner->called.size() == 1);
  CHECK(owner->called.front() >= now + 2ms);
}

TEST_CASE("after a cancel, and without the timer, nobody is called or kept") {
  boost::asio::io_context context;
  auto owner = std::make_shared<Owner>(context);
  owner->wait(Timer::Clock::now());
  SUBCASE("cancelled") {
    owner->timer.cancel();
    owner->timer.cancel();
  }
  SUBCASE("dropped") {
    owner->timer = Timer(context);
  }
  context.run();
  CHECK(owner->called.empty());
  CHECK(owner.use_count() == 1);
}
