// SPDX-License-Identifier: BSD-3-Clause
#include "guest-kmod/bell/device/device_file.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <thread>

using namespace bell;
using namespace std::chrono_literals;

namespace {

// Whether a wait ends before a call that comes 1.7 s after it began. The device calls then at the
// earliest, when it has repaired a lost kick by itself.
bool ends_before_the_device_repairs(Wait how) {
  auto call = CallEventFd::create(how).value();
  std::thread device([fd = call.fd()] {
    std::this_thread::sleep_for(1700ms);
    const std::uint64_t one = 1;
    CHECK(::write(fd, &one, sizeof one) == sizeof one);
  });
  const bool called = call.wait();
  device.join();
  return !called;
}

}  // namespace

// A machine that is busy may wake this process too late, but not each time.
TEST_CASE("no way to wait outlasts a loss that the device repairs by itself") {
  for (const auto how : {Wait::read, Wait::poll, Wait::epoll}) {
    CAPTURE(name_of(how));
    const auto once = [how](int) { return ends_before_the_device_repairs(how); };
    CHECK(std::ranges::any_of(std::array{1, 2, 3, 4, 5}, once));
  }
}

// A process that was stopped just before it waited finds both.
TEST_CASE("a call that came before the wait is for the completion that is there") {
  for (const auto how : {Wait::read, Wait::poll, Wait::epoll}) {
    CAPTURE(name_of(how));
    auto call = CallEventFd::create(how).value();
    const std::uint64_t one = 1;
    for (const bool completion : {true, false}) {
      REQUIRE(::write(call.fd(), &one, sizeof one) == sizeof one);
      CHECK(call.take(completion) == completion);
      CHECK_FALSE(call.take(completion));
    }
  }
}
