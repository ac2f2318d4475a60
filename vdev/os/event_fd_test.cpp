// SPDX-License-Identifier: BSD-3-Clause
#include "vdev/os/event_fd.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

using bellwire::os::EventFd;
using bellwire::os::UniqueFd;
using namespace std::chrono_literals;

TEST_CASE("rings add up and one drain takes them all") {
  const auto event = EventFd::create().value();
  CHECK_FALSE(event.drain().has_value());
  CHECK(event.ring());
  CHECK(event.ring(41));
  CHECK(event.drain() == 42);
  CHECK_FALSE(event.drain().has_value());
}

TEST_CASE("a ring that would pass the maximum is refused and changes nothing") {
  constexpr auto most = ~std::uint64_t{0} - 1;
  const auto event = EventFd::create(most).value();
  CHECK_FALSE(event.ring());
  CHECK(event.drain() == most);
}

TEST_CASE("waiting ends with a ring or with its time") {
  const auto event = EventFd::create().value();
  CHECK_FALSE(event.wait(0ms));
  event.ring();
  CHECK(event.wait(10s));
}

TEST_CASE("a duplicate is the same wire") {
  const auto event = EventFd::create().value();
  const auto copy = event.duplicate().value();
  copy.ring(3);
  CHECK(event.drain() == 3);
}

TEST_CASE("only an eventfd can be adopted") {
  CHECK(EventFd::adopt(UniqueFd(::open("/dev/null", O_RDWR))).has_error());
  CHECK(EventFd::adopt(UniqueFd()).has_error());
  auto adopted = EventFd::adopt(EventFd::create(7).value().release()).value();
  CHECK(adopted.drain() == 7);
}
